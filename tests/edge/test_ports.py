"""Serial ports over pseudo-terminals: opened, read, unplugged, and closed at any moment."""

import os
import pty
import queue
import threading
import tty

from fellesskap_edge.inbox import Inward, PortBytes, PortDown, PortUp
from fellesskap_edge.ports import Ports

SOON_S = 10.0


def line() -> tuple[int, str]:
    """A line: its far end, and the name of the near one."""
    far, near = pty.openpty()
    tty.setraw(near)
    name = os.ttyname(near)
    os.close(near)
    return far, name


def opened(name: str) -> tuple[Ports, "queue.Queue[Inward]"]:
    said: queue.Queue[Inward] = queue.Queue()
    ports = Ports({name: 9600}, said.put)
    ports.start()
    assert said.get(timeout=SOON_S) == PortUp(name)
    return ports, said


def test_what_is_sent_is_read_and_what_is_written_arrives() -> None:
    far, name = line()
    ports, said = opened(name)
    os.write(far, b"\x02")
    assert said.get(timeout=SOON_S) == PortBytes(name, b"\x02")
    ports.write(name, b"\x03")
    assert os.read(far, 9) == b"\x03"
    ports.stop()
    assert said.get(timeout=SOON_S) == PortDown(name)
    ports.write(name, b"lost")
    assert not any(beat.runs for beat in ports.beats)
    os.close(far)


def test_one_that_is_unplugged_in_the_moment_of_the_end_ends_without_an_error() -> None:
    """The thread that reads sees the end of the line while another tells it to stop."""
    for _ in range(300):
        far, name = line()
        ports, said = opened(name)
        both = threading.Barrier(2)

        def pull(far: int = far, both: threading.Barrier = both) -> None:
            both.wait()
            os.close(far)

        puller = threading.Thread(target=pull)
        puller.start()
        both.wait()
        ports.stop()
        puller.join()
        assert said.get(timeout=SOON_S) == PortDown(name)
        assert not any(beat.runs for beat in ports.beats)
