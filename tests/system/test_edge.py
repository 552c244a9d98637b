"""One real daemon through its front doors: scanner, kiosk, broker; a backend by hand."""

from datetime import UTC, datetime

import pytest

from fellesskap_protocol.events import (
    Collected,
    Deposited,
    DoorOpened,
    NotOpened,
    Presented,
    Pulsed,
    RightsApplied,
    StoreCreated,
)
from tests.system.brokers import Broker
from tests.system.house import Locker, wait_for
from tests.system.thin_backend import ThinBackend

LABEL, CODE = "sscc:370712345678901238", "123456789012"
SCAN = "]C100370712345678901238"
Edge = tuple[ThinBackend, Locker]


def deposit(edge: Edge, number: int = 1) -> Deposited:
    """Let a courier put the parcel of claim `number` in."""
    backend, locker = edge
    locker.hardware.person("put_in")
    locker.hardware.scan(SCAN)
    return wait_for("deposited", lambda: backend.recorded(Deposited))[number - 1]


def opened(locker: Locker) -> bool:
    return any(door["open"] for door in locker.hardware.doors())


def shut(locker: Locker) -> bool:
    return not opened(locker)


def test_a_parcel_goes_in_and_out(edge: Edge) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    deposit(edge)
    locker.hardware.person("take_out")
    assert locker.enter(CODE[:8])["outcome"] == "opens"
    wait_for("collected", lambda: backend.recorded(Collected))
    assert [pulse["compartment"] for pulse in locker.hardware.pulses()] == [
        event.compartment for event in backend.recorded(Pulsed)
    ]
    assert backend.recorded(StoreCreated)[0].reason == "commissioned"


def test_broker_killed_in_the_middle_of_a_deposit(edge: Edge, broker: Broker) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    locker.hardware.person("put_in", open_s=4)
    locker.hardware.scan(SCAN)
    wait_for("the door open", lambda: opened(locker))
    broker.kill()
    wait_for("the door shut", lambda: shut(locker))
    broker.start()
    wait_for("deposited", lambda: backend.recorded(Deposited), 60)
    assert len(backend.recorded(Deposited)) == 1
    assert len(backend.recorded(DoorOpened)) == 1
    assert len(locker.hardware.pulses()) == 1
    assert [event.seq for event in backend.events] == list(range(1, len(backend.events) + 1))


def test_collected_while_the_broker_is_gone(edge: Edge, broker: Broker) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    broker.kill()
    locker.hardware.person("put_in")
    locker.hardware.scan(SCAN)
    wait_for("the parcel inside", lambda: any(d["full"] for d in locker.hardware.doors()))
    wait_for("the door shut", lambda: shut(locker))
    locker.hardware.person("take_out")
    # Until the shutting was read twice the code is refused; all twelve digits are never throttled.
    wait_for("opens", lambda: locker.enter(CODE)["outcome"] == "opens")
    broker.start()
    wait_for("collected", lambda: backend.recorded(Collected), 60)
    assert len(locker.hardware.pulses()) == 2


@pytest.mark.parametrize("point", ["after_commit_before_pulse", "after_pulse_before_record"])
def test_killed_at_a_crash_point(edge: Edge, point: str) -> None:
    """Nothing fires by itself after the restart, the right is still good, the ledger tells it."""
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    assert locker.edge is not None
    locker.edge.stop()
    doomed = locker.start({"FELLESSKAP_CRASH_AT": point})
    locker.hardware.person("nothing", open_s=0.2)
    locker.hardware.scan(SCAN)
    assert doomed.process.wait(20) == -9
    fired = 0 if point == "after_commit_before_pulse" else 1
    wait_for("the pulse and no more", lambda: len(locker.hardware.pulses()) == fired)
    wait_for("the door shut", lambda: shut(locker))
    locker.start()
    wait_for("the ledger says that nothing came of it", lambda: backend.recorded(NotOpened))
    assert len(backend.recorded(Pulsed)) == 1, "the pulse was written down before it could fire"
    assert len(locker.hardware.pulses()) == fired, "nothing fired by itself"
    assert not backend.recorded(Deposited)
    deposit(edge)
    assert len(locker.hardware.pulses()) == fired + 1
    authorised = backend.recorded(Presented, lambda event: event.outcome == "authorised")
    assert len({event.authorisation_id for event in authorised}) == 2


def test_the_last_rights_message_lost(edge: Edge) -> None:
    backend, locker = edge
    lost = backend.rights((backend.claim(1, LABEL, CODE),))
    locker.hardware.scan(SCAN)
    wait_for("refused", lambda: backend.recorded(Presented))
    assert not backend.recorded(RightsApplied)
    backend.send("rights", lost)
    wait_for("applied", lambda: backend.recorded(RightsApplied))
    deposit(edge)


def test_parts_doubled_and_out_of_order_are_applied_once(edge: Edge) -> None:
    backend, locker = edge
    whole = backend.rights((backend.claim(1, LABEL, CODE), backend.claim(2, "opaque:A-2", CODE)))
    backend.send_parts(whole, (2, 2, 1, 2, 1))
    wait_for("applied", lambda: backend.recorded(RightsApplied))
    deposit(edge)
    applied = backend.recorded(RightsApplied)
    assert [(event.generation, event.revision) for event in applied] == [(1, 1)]
    assert len(locker.hardware.pulses()) == 1


def test_a_change_from_another_position_is_answered_with_the_own(edge: Edge) -> None:
    backend, _ = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    backend.revision = 7
    heard = len(backend.batches)
    backend.send("rights", backend.rights(remove=(backend.claim(1, LABEL, CODE).id,)))
    own = wait_for("the own position", lambda: backend.batches[heard:])[-1]
    assert (own.generation, own.revision) == (1, 1)
    deposit(edge)


def test_acks_lost_and_lower_than_before(edge: Edge) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    backend.acking = False
    heard = len(backend.batches)
    locker.hardware.scan("]C0SOMETHING-2")
    wait_for("sent again", lambda: len(backend.batches) > heard + 1)
    sent = backend.batches
    assert sent[-1].events == sent[-2].events
    backend.ack(sent[-1], seq=1)
    wait_for("rewound", lambda: backend.batches[-1].first_seq == 2)
    backend.acking = True
    deposit(edge)
    assert [event.seq for event in backend.events] == list(range(1, len(backend.events) + 1))


def test_commands_replayed_altered_expired_foreign_stale(edge: Edge) -> None:
    backend, locker = edge
    challenge = backend.births[-1].challenge

    def result(count: int) -> str:
        wait_for("a result", lambda: len(backend.results) >= count)
        last = backend.results[count - 1]
        return f"{last.outcome} {last.reason} {last.first_outcome}"

    locker.hardware.person("nothing", 3, open_s=0.3)
    token = backend.send("commands", backend.command("jti-1", 3, challenge))
    assert result(1) == "done None None"
    backend.publish("commands", token)
    assert result(2) == "duplicate None done"
    head, body, signature = token.split(b".")
    backend.publish("commands", b".".join((head, body[:-4] + b"AAAA", signature)))
    backend.send("commands", backend.command("jti-2", 4, challenge, aud="another-locker"))
    backend.send("commands", backend.command("jti-3", 4, challenge, exp=1))
    assert result(3) == "refused expired None"
    backend.send("commands", backend.command("jti-4", 4, "0" * 32))
    assert result(4) == "stale_challenge None None"
    backend.send("commands", backend.command("jti-5", 99, backend.results[-1].challenge))
    assert result(5) == "refused no_such_compartment None"
    backend.send("commands", backend.command("jti-6", 4, backend.results[-1].challenge))
    assert result(6) == "refused limit None"
    wait_for("the one pulse", locker.hardware.pulses)
    assert len(backend.results) == 6, "what was altered or meant for another got no answer"
    assert [pulse["compartment"] for pulse in locker.hardware.pulses()] == [3]


def test_a_wrong_code_is_refused_counted_and_throttled_over_a_restart(edge: Edge) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    deposit(edge)
    said = [locker.enter(f"9182736{digit}")["outcome"] for digit in range(7)]
    assert said == ["refused"] * 6 + ["long_code_needed"]
    assert locker.edge is not None
    locker.edge.kill()
    locker.start()
    assert locker.enter(CODE[:8])["outcome"] == "long_code_needed"
    locker.hardware.person("take_out")
    assert locker.enter(CODE)["outcome"] == "opens", "nobody is locked out by a vandal"
    wait_for("collected", lambda: backend.recorded(Collected))
    refused = backend.recorded(Presented, lambda event: event.outcome != "authorised")
    assert [event.outcome for event in refused] == ["refused"] * 6 + ["throttled"] * 2
    assert all("9182736" not in repr(event) for event in backend.events)


def test_a_claim_past_its_deposit_by_opens_nothing(edge: Edge) -> None:
    backend, locker = edge
    past = datetime(2020, 1, 1, tzinfo=UTC)
    backend.grant(backend.claim(1, LABEL, CODE, deposit_by=past))
    locker.hardware.scan(SCAN)
    refused = wait_for("refused", lambda: backend.recorded(Presented))
    assert (refused[0].outcome, refused[0].reason) == ("refused", "expired")
    assert not locker.hardware.pulses()
