"""The daemon's inbox takes what comes at any moment, and says what found no room."""

import signal
import sys
import threading
from types import FrameType
from typing import Any

from fellesskap_edge.inbox import LinkDown, LinkUp, Tick
from fellesskap_edge.letterbox import EVENTS_MAX, Letterbox


def test_events_come_out_in_the_order_of_their_coming() -> None:
    box = Letterbox()
    for event in (LinkUp(), LinkDown(), Tick()):
        box.post(event)
    assert [box.get(0.0), box.get(1.0), box.get(0.0)] == [LinkUp(), LinkDown(), Tick()]
    assert box.get(0.0) is None
    assert box.get(0.01) is None


def test_a_full_box_counts_what_it_lost_once() -> None:
    box = Letterbox()
    for _ in range(EVENTS_MAX + 3):
        box.post(Tick())
    assert box.lost() == 3
    assert box.lost() == 0
    for _ in range(EVENTS_MAX):
        assert box.get(0.0) == Tick()
    assert box.get(0.0) is None


def test_a_handler_may_post_at_every_step_of_a_look_into_the_box() -> None:
    """With a lock that posting needs too, the handler would wait for the thread that it stopped."""
    box, came = Letterbox(), []

    def handler(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line" and frame.f_code is not handler.__code__:
            sys.settrace(None)
            box.post(LinkUp())
            sys.settrace(handler)
        return handler

    def look() -> None:
        sys.settrace(handler)
        box.get(0.01)
        box.get(0.0)
        sys.settrace(None)
        came.append(True)

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    looking.join(10)
    assert came


def test_a_signal_ends_a_wait() -> None:
    box = Letterbox()
    before = signal.signal(signal.SIGALRM, lambda *_: box.post(LinkDown()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        assert box.get(60.0) == LinkDown()
    finally:
        signal.signal(signal.SIGALRM, before)
