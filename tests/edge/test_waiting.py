"""A daemon whose store cannot be opened tells people and operators, and begins when it can."""

from pathlib import Path

import pytest

from fellesskap_edge.inbox import CodeTyped, LinkDown, LinkUp, Outward, Publish
from fellesskap_edge.journal import Journal, JournalInUse, JournalUnusable
from fellesskap_edge.letterbox import Letterbox
from fellesskap_edge.state import Answer
from fellesskap_edge.waiting import FAULT, until_it_opens
from fellesskap_protocol.messages import State, decode


def test_who_comes_is_told_and_the_link_is_handed_over(tmp_path: Path) -> None:
    inbox = Letterbox()
    performed: list[Outward] = []
    served: list[int] = []
    path = tmp_path / "journal.sqlite"
    path.mkdir()  # no store can be there

    def perform(effect: Outward) -> None:
        performed.append(effect)
        if isinstance(effect, Answer):
            path.rmdir()

    for event in (LinkDown(), LinkUp(), CodeTyped("12345678", "t1")):
        inbox.post(event)
    journal = until_it_opens(
        lambda: Journal(path), inbox, perform, lambda: served.append(len(performed)), retry_s=0.01
    )
    journal.close()
    published, answer = performed
    assert isinstance(published, Publish)
    assert published.retained
    assert decode(State, published.payload).faults == (FAULT,)
    assert answer == Answer("t1", "locker_out_of_order")
    assert served == [0]
    assert inbox.get(0.0) == LinkUp()


def test_a_store_in_use_is_no_reason_to_wait(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journal.sqlite")
    inbox = Letterbox()
    with pytest.raises(JournalInUse):
        until_it_opens(
            lambda: Journal(tmp_path / "journal.sqlite"), inbox, lambda _: None, lambda: None
        )
    first.close()


def test_a_file_that_the_disk_refuses_is_not_taken_for_damage(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.mkdir()
    with pytest.raises(JournalUnusable, match=r"journal\.sqlite: "):
        Journal(path)
    assert path.is_dir()
