"""A shipped message is frozen: its bytes stand in `golden/v1`.

If a test in this module fails, do not change the file: a message, a field or an order was changed
that lockers in the field rely on. Revert that, or make a new version (docs/protocol.md 2).
"""

from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_protocol.events import AnyEvent, event_type
from fellesskap_protocol.messages import (
    KIND_OF,
    MESSAGE_BYTES_MAX,
    MalformedMessage,
    Message,
    Presence,
    decode,
    decode_event,
    encode,
)
from tests.golden import assert_golden
from tests.protocol.samples import EVENTS, MESSAGES

GOLDEN = Path(__file__).parent / "golden" / "v1"


def test_every_message_and_every_event_has_a_sample() -> None:
    assert {type(message) for message in MESSAGES} == set(KIND_OF) == set(get_args(Message))
    assert {type(event) for event in EVENTS} == set(get_args(AnyEvent))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: KIND_OF[type(m)])
def test_message_is_frozen(message: Message) -> None:
    path = GOLDEN / f"{KIND_OF[type(message)]}.json"
    assert_golden(path, encode(message).decode() + "\n", frozen=True)
    assert decode(type(message), encode(message)) == message


@pytest.mark.parametrize("event", EVENTS, ids=event_type)
def test_event_is_frozen(event: AnyEvent) -> None:
    path = GOLDEN / "events" / f"{event_type(event)}.json"
    assert_golden(path, encode(event).decode() + "\n", frozen=True)
    assert decode_event(encode(event)) == event


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: KIND_OF[type(m)])
def test_unknown_field_is_refused(message: Message) -> None:
    more = msgspec.json.decode(encode(message)) | {"from_the_future": 1}
    with pytest.raises(MalformedMessage, match="from_the_future"):
        decode(type(message), msgspec.json.encode(more))


@pytest.mark.parametrize("event", EVENTS, ids=event_type)
def test_unknown_field_of_an_event_is_refused(event: AnyEvent) -> None:
    more = msgspec.json.decode(encode(event)) | {"from_the_future": 1}
    with pytest.raises(MalformedMessage, match="from_the_future"):
        decode_event(msgspec.json.encode(more))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: KIND_OF[type(m)])
def test_missing_field_is_named(message: Message) -> None:
    required = [field for field in msgspec.structs.fields(message) if field.required]
    for field in required:
        fewer = msgspec.json.decode(encode(message))
        del fewer[field.encode_name]
        with pytest.raises(MalformedMessage, match=f"`{field.encode_name}`"):
            decode(type(message), msgspec.json.encode(fewer))


def test_message_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(MalformedMessage, match="allowed"):
        decode(Presence, b" " * MESSAGE_BYTES_MAX + b'{"session":3,"online":true}')


@given(st.binary(max_size=200))
def test_noise_gives_a_clear_error(data: bytes) -> None:
    for kind in KIND_OF:
        with pytest.raises(MalformedMessage, match=f"^{kind.__name__}: "):
            decode(kind, data)


def test_an_event_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(MalformedMessage, match=r"^event: "):
        decode_event(b'{"seq":' * 3000)


@given(
    st.sampled_from(EVENTS).map(encode),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4),
)
def test_altered_event_is_read_strictly_or_refused(
    data: bytes, changes: list[tuple[int, int]]
) -> None:
    altered = bytearray(data)
    for position, byte in changes:
        altered[position % len(altered)] = byte
    try:
        event = decode_event(bytes(altered))
    except MalformedMessage:
        return
    assert decode_event(encode(event)) == event
