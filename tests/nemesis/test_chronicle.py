"""What people, the wire and the nemesis write down and say aloud."""

import threading
from pathlib import Path

from fellesskap_protocol.messages import Ack, encode
from fellesskap_protocol.signing import b64url
from fellesskap_protocol.topics import topic
from tests.judge import history
from tests.nemesis.chronicle import Chronicle
from tests.nemesis.framing import Packet
from tests.nemesis.test_framing import publish


def test_a_moment_is_waited_for_at_its_place_and_from_now_on() -> None:
    told = Chronicle()
    told.say("scan", "oslo-1")
    assert told.wait(frozenset({"scan"}), "oslo-1", 0.01) == "", "that one is over"
    heard: list[str] = []
    waiting = threading.Event()

    def wait() -> None:
        waiting.set()
        heard.append(told.wait(frozenset({"scan", "journal"}), "oslo-1", 30))

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait()
    while not heard:
        told.say("scan", "oslo-2")
        told.say("ack", "oslo-1")
        told.say("journal", "oslo-1")
    thread.join()
    assert heard == ["journal"]


def test_what_is_asked_is_in_flight_until_it_is_answered(tmp_path: Path) -> None:
    told = Chronicle()
    first = told.ask("carrier:a", "reserve", key="a-1", locker="oslo-1")
    second = told.ask("operator", "open_door", target="oslo-1", key="o-1")
    assert told.in_flight() == {"reserve": 1, "open_door": 1}
    told.answer(second, "unknown", 503)
    assert told.in_flight() == {"reserve": 1}
    told.answer(first, "ok", 201, {"parcel_id": "p"})
    assert told.outcomes == {"open_door unknown": 1, "reserve ok": 1}
    path = tmp_path / "told.jsonl"
    assert told.write(path) == 4
    with path.open("rb") as lines:
        read = list(history.read(lines))
    assert [one.at for one in read] == sorted(one.at for one in read)
    assert {type(one) for one in read} == {history.Asked, history.Answered}


def test_of_what_passes_a_line_what_decides_is_written_down_once() -> None:
    told = Chronicle()
    ack = Ack(
        iat=1,
        iss="house",
        aud="oslo-1",
        epoch="e",
        boot_id="b",
        session=1,
        challenge=None,
        acked_seq=7,
        verdict="ok",
        protocol=1,
    )
    token = ".".join(("head", b64url(encode(ack)), "signature")).encode()
    packet = Packet(publish(topic("oslo-1", "ack"), token))
    told.passed("bridge", "up", packet)
    told.passed("oslo-1", "down", packet)
    told.passed("oslo-1", "up", Packet(b"\xc0\x00"))
    [seen] = told.records
    assert isinstance(seen, history.Acked)
    assert (seen.locker, seen.epoch, seen.seq, seen.verdict) == ("oslo-1", "e", 7, "ok")
    assert [said for _, said in told.passing] == ["ack up", "ack down"]
