"""The MQTT framing of the fault proxy."""

import paho.mqtt.client as mqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nemesis.framing import PUBLISH, BrokenFrame, Packet, remaining_length, split


def publish(topic: str, payload: bytes, quality: int = 0) -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + (b"\x00\x07" if quality else b"") + payload
    return bytes([PUBLISH << 4 | quality << 1]) + remaining_length(len(body)) + body


others = st.builds(
    lambda first, body: bytes([first]) + remaining_length(len(body)) + body,
    st.integers(0x10, 0xEF).filter(lambda first: first >> 4 != PUBLISH),
    st.binary(max_size=300),
)
publishes = st.builds(
    publish, st.text(min_size=1, max_size=60), st.binary(max_size=20_000), st.integers(0, 2)
)


@given(st.lists(others | publishes), st.lists(st.integers(1, 5_000), min_size=1))
def test_whatever_the_stream_is_cut_into_the_same_packets_come_out(
    packets: list[bytes], cuts: list[int]
) -> None:
    stream, found, rest, turn = b"".join(packets), list[Packet](), b"", 0
    while stream:
        piece, stream = stream[: cuts[turn % len(cuts)]], stream[cuts[turn % len(cuts)] :]
        more, rest = split(rest + piece)
        found += more
        turn += 1
    assert [one.raw for one in found] == packets
    assert rest == b""


@given(st.lists(others | publishes, max_size=4), st.binary(max_size=50))
def test_nothing_is_lost_or_invented_of_any_bytes(packets: list[bytes], tail: bytes) -> None:
    stream = b"".join(packets) + tail
    try:
        found, rest = split(stream)
    except BrokenFrame:
        return
    assert b"".join(one.raw for one in found) + rest == stream
    assert [one.raw for one in found[: len(packets)]] == packets


@given(st.text(min_size=1, max_size=60), st.binary(max_size=300), st.integers(0, 2))
def test_topic_and_payload_are_what_was_published(topic: str, payload: bytes, quality: int) -> None:
    [packet], _ = split(publish(topic, payload, quality))
    assert (packet.type, packet.topic, packet.payload) == (PUBLISH, topic, payload)


def test_a_length_of_five_bytes_is_no_mqtt() -> None:
    with pytest.raises(BrokenFrame):
        split(b"\x30\xff\xff\xff\xff\x01")


def test_what_claims_more_than_any_message_of_ours_is_no_stream_of_ours() -> None:
    with pytest.raises(BrokenFrame):
        split(b"\x30" + remaining_length(2 << 20))


def test_what_is_no_publish_has_neither_topic_nor_payload() -> None:
    [packet], _ = split(bytes([mqtt.PINGREQ, 0]))
    assert (packet.type, packet.topic, packet.payload) == (12, "", b"")
