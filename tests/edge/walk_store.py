"""The walk of the real drive: a card that is lost, copied and put back."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.edge.walk_backend import BackendWalk
from tests.edge.walk_config import DOORS

PASTS_MAX = 2
"""So often in a walk; a backend that sees a third epoch within a day suspects a clone."""


class StoreWalk(BackendWalk):
    """What becomes of the store."""

    pasts = 0

    @rule()
    def somebody_copies_the_card(self) -> None:
        self.stand.kill()
        self.stand.copy_store()
        self.outsider.copied()
        self.stand.boot()

    @precondition(lambda self: self.stand.copy and self.pasts < PASTS_MAX)
    @rule(off_s=st.sampled_from([1.0, 400.0]), heard=st.booleans())
    def the_copy_is_put_back(self, off_s: float, heard: bool) -> None:
        """Until the backend is heard nobody at the locker can know."""
        self._past(off_s)
        self.stand.restore_store()
        self.outsider.restored()
        self._go_on(heard=heard)

    @precondition(lambda self: self.pasts < PASTS_MAX)
    @rule(off_s=st.sampled_from([1.0, 400.0]), heard=st.booleans())
    def the_store_is_lost(self, off_s: float, heard: bool) -> None:
        self._past(off_s)
        self.stand.lose_store()
        self.outsider.lost()
        self._go_on(heard=heard)

    def _past(self, off_s: float) -> None:
        self.pasts += 1
        self.stand.kill()
        self.stand.run(off_s)
        self.stand.kill()
        self.at.tainted |= set(DOORS)
        self.office.may_differ = True

    def _go_on(self, *, heard: bool) -> None:
        self.stand.boot()
        if heard:
            self.at.attentive = True
            self.stand.connect()
            self.stand.run(1.0)
