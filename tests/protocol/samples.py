"""One sample of every message and event, with every field set to something that shows."""

from datetime import UTC, datetime
from typing import Any

from fellesskap_protocol.capacity import Compartment
from fellesskap_protocol.events import (
    AnyEvent,
    Booted,
    ClockChanged,
    Collected,
    CustodyReported,
    DeliveryFailed,
    Deposited,
    DoorClosed,
    DoorOpened,
    DroppedOff,
    Fault,
    Forced,
    HardwareDescribed,
    Jammed,
    LeftOpen,
    NotOpened,
    Overcommitted,
    Presented,
    Pulsed,
    Removed,
    Reported,
    RightsApplied,
    ServiceChanged,
    Serving,
    StoreCreated,
    Temperature,
    Upsized,
    stamped,
)
from fellesskap_protocol.messages import (
    Ack,
    Badge,
    Batch,
    Birth,
    Command,
    CompartmentState,
    Gap,
    Keys,
    Message,
    Presence,
    Result,
    Right,
    Rights,
    State,
    Telemetry,
    VerificationKey,
)

AT = datetime(2026, 11, 23, 17, 30, 0, 250_000, tzinfo=UTC)
LATER = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)
LOCKER = "oslo-1"
INSTALLATION = "viv"
EPOCH = "0123456789abcdef0123456789abcdef"
BOOT = "00112233445566778899aabbccddeeff"
RIGHT = "01930000-0000-7000-8000-000000000001"
PARCEL = "01930000-0000-7000-8000-000000000002"
CARRIER = "01930000-0000-7000-8000-000000000003"
AUTHORISATION = "01930000-0000-7000-8000-000000000004"
JTI = "01930000-0000-7000-8000-000000000005"
MAC = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k"
UP: dict[str, Any] = {"iat": 1_795_455_000, "iss": LOCKER, "aud": INSTALLATION}
DOWN: dict[str, Any] = {"iat": 1_795_455_000, "iss": INSTALLATION, "aud": LOCKER}
SMALL = Compartment(
    number=1,
    width_mm=440,
    height_mm=110,
    depth_mm=600,
    floor_mm=400,
    top_mm=510,
    max_g=20_000,
    features=("power",),
)


def _stamp(seq: int, event: AnyEvent) -> AnyEvent:
    return stamped(
        event, seq=seq, prev="ab" * 32, at=AT, clock="trusted", boot_id=BOOT, mono_ms=seq * 1000
    )


_UNSTAMPED: tuple[AnyEvent, ...] = (
    StoreCreated(reason="commissioned"),
    HardwareDescribed(compartments=(SMALL,), digest="cd" * 32),
    Booted(software="0.1.0"),
    ClockChanged(by_s=-61.5),
    Serving(compartments=(1, 2), from_=AT, to=LATER),
    RightsApplied(generation=1, revision=7, used={"S": 2}),
    Presented(
        kind="code",
        outcome="authorised",
        reason=None,
        right_id=RIGHT,
        authorisation_id=AUTHORISATION,
        compartment=1,
        kiosk="main",
    ),
    Pulsed(authorisation_id=AUTHORISATION, compartment=1, attempt=2),
    DoorOpened(compartment=1, authorisation_id=AUTHORISATION),
    DoorClosed(compartment=1, authorisation_id=AUTHORISATION),
    NotOpened(compartment=1, authorisation_id=AUTHORISATION),
    Jammed(compartment=1, authorisation_id=AUTHORISATION),
    LeftOpen(compartment=1, authorisation_id=AUTHORISATION),
    Forced(compartment=1, since_last_pulse_ms=120_000),
    Deposited(
        parcel_id=PARCEL,
        carrier_id=CARRIER,
        label_mac=MAC,
        compartment=1,
        right_id=RIGHT,
        evidence="door",
    ),
    Collected(parcel_id=PARCEL, right_id=RIGHT, compartment=1, evidence="sensor"),
    Removed(parcel_id=PARCEL, right_id=RIGHT, compartment=1, evidence="weak"),
    DroppedOff(
        parcel_id=PARCEL,
        right_id=RIGHT,
        allowance_class="M",
        compartment=1,
        evidence="none",
    ),
    Upsized(right_id=RIGHT, from_=1, to=2),
    DeliveryFailed(right_id=RIGHT, reason="too_big"),
    Reported(what="occupied", compartment=1, parcel_id=PARCEL),
    ServiceChanged(compartment=1, from_="in", to="suspect", cause="occupied"),
    Overcommitted(right_ids=(RIGHT,)),
    CustodyReported(
        compartment=1,
        parcel_id=PARCEL,
        carrier_id=CARRIER,
        right_id=RIGHT,
        code_mac=MAC,
        long_code_mac=MAC,
        qr_mac=MAC,
        label_mac=MAC,
        since=AT,
        complete=True,
    ),
    Temperature(compartment=1, min_c=2.5, mean_c=3.25, max_c=4.0, from_=AT, to=LATER),
    Fault(part="bank a", what="silent", since=AT),
)

EVENTS = tuple(_stamp(seq, event) for seq, event in enumerate(_UNSTAMPED, start=1))

MESSAGES: tuple[Message, ...] = (
    Birth(
        **UP,
        device_id="pi-1",
        session=12,
        boot_id=BOOT,
        challenge="c" * 22,
        epoch=EPOCH,
        head_seq=40,
        oldest_seq=1,
        generation=1,
        revision=7,
        protocol=1,
        software="0.1.0",
        hardware_digest="cd" * 32,
        clock="trusted",
    ),
    Batch(
        **UP,
        epoch=EPOCH,
        boot_id=BOOT,
        session=12,
        first_seq=39,
        head_seq=40,
        oldest_seq=1,
        generation=1,
        revision=7,
        events=('{"type":"booted"}',),
        gap=Gap(from_=30, to=38, hash="ab" * 32),
    ),
    Ack(
        **DOWN,
        epoch=EPOCH,
        boot_id=BOOT,
        session=12,
        challenge=None,
        acked_seq=40,
        verdict="ok",
        protocol=1,
    ),
    Rights(
        **DOWN,
        epoch=EPOCH,
        generation=1,
        from_=6,
        to=7,
        part=1,
        parts=1,
        put=(
            Right(
                id=RIGHT,
                kind="claim",
                carrier_id=CARRIER,
                parcel_id=PARCEL,
                label_macs=(MAC,),
                w_mm=350,
                h_mm=110,
                d_mm=250,
                g=1500,
                needs=("low",),
                code_mac=MAC,
                long_code_mac=MAC,
                qr_mac=MAC,
                deposit_by=LATER,
            ),
            Right(id="allowance-S", kind="allowance", size_class="S", granted=4),
            Right(id=CARRIER, kind="carrier", carrier_id=CARRIER, deposit_auth="badge"),
        ),
        remove=(PARCEL,),
    ),
    Command(
        **DOWN,
        jti=JTI,
        kind="open_door",
        compartment=3,
        actor_class="operator",
        reason_code="resident_support",
        exp=1_795_455_030,
        challenge="c" * 22,
    ),
    Result(**UP, jti=JTI, outcome="done", reason=None, first_outcome=None, challenge="d" * 22),
    Keys(
        **DOWN,
        version=2,
        keys=(VerificationKey(kid="k" * 43, x="x" * 43),),
        revoked=("r" * 43,),
    ),
    Badge(
        **DOWN,
        jti=JTI,
        carriers=(CARRIER,),
        lockers=(LOCKER,),
        may=("deposit", "remove"),
        exp=1_795_541_400,
    ),
    Presence(session=12, online=True),
    State(
        at=AT,
        clock="trusted",
        compartments=(CompartmentState(number=1, door="shut", content="empty", service="in"),),
        faults=("bank b silent",),
        temperatures_c={1: 3.25},
    ),
    Telemetry(at=AT, figures={"rss_mb": 41.5}),
)
