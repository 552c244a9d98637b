"""Is a bank whose power was cut left alone? From outside: coils and journal.

No coil of it is on, none of its doors is given to anybody, and each is again what it was as soon as
the power is back, unless somebody said otherwise of it meanwhile.
"""

from fellesskap_protocol.events import AnyEvent, Fault, Presented, Pulsed, ServiceChanged
from tests.edge.cold_judge import ColdJudge
from tests.edge.outside_judge import KEY_S

POWER_OF = "power of bank "
CUT = "power cut"


class PowerJudge(ColdJudge):
    """What it holds against a locker whose coils have a master enable."""

    def judge_power(self, event: AnyEvent) -> None:
        """Take in an event that may be about a bank without power."""
        match event:
            case Fault(part=part, what=what) if part.startswith(POWER_OF):
                bank = part.removeprefix(POWER_OF)
                if what == "ok":
                    self._back(bank, event)
                else:
                    self.powerless[bank] = (self.at_s(event), event.boot_id)
            case ServiceChanged(compartment=number, cause=cause, to=to):
                if cause == CUT and to == "out":
                    self.put_out[number] = event.from_
                elif cause == CUT:
                    assert self.put_out.pop(number, None) == to, "power: not what it was before"
                else:
                    self.put_out.pop(number, None)
            case (
                Presented(outcome="authorised", compartment=int(number))
                | Pulsed(compartment=number)
            ):
                assert self.bank_of[number] not in self.powerless, "power: a dead door was given"
            case _:
                pass

    def _back(self, bank: str, event: AnyEvent) -> None:
        """Only a person gives it back: who turns the key, or starts the daemon anew."""
        since_s, boot_id = self.powerless.pop(bank)
        stalled_s = sum(ran - begun for begun, ran in self.stand.stalls)
        turned = [at_s for at_s, on in self.stand.key_turns if on]
        assert event.boot_id != boot_id or any(
            at_s > since_s - KEY_S - stalled_s for at_s in turned
        ), "power: nobody was there who gave it back"

    def power_is_off(self) -> None:
        """Assert what holds between steps."""
        for number, bank in self.bank_of.items():
            if bank not in self.powerless:
                assert number not in self.put_out, "power: it is back, and this door does not serve"
                continue
            coil = self.stand.plant.locks[number].coil
            assert coil.on_since is None, "power: it was cut, and a coil is on"
            assert not self.stand.hardware.enables[bank].on, "power: it was cut, and it is on"
