"""Only what the right key signed, for this receiver and of this kind, is read."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_protocol.messages import KIND_OF, MESSAGE_BYTES_MAX, Batch, MalformedMessage, Signed
from fellesskap_protocol.signing import (
    BadSignature,
    PublicKey,
    SigningKey,
    UnknownKey,
    b64url,
    seal,
    signer,
    unb64url,
    unseal,
)
from tests.protocol.samples import MESSAGES, UP

KEY = SigningKey(bytes(range(32)))
OTHER = SigningKey(bytes(range(1, 33)))
KEYS = {KEY.kid: KEY.public}
SIGNED = tuple(message for message in MESSAGES if isinstance(message, Signed))


@pytest.mark.parametrize("message", SIGNED, ids=lambda m: KIND_OF[type(m)])
def test_sealed_message_is_read_back(message: Signed) -> None:
    token = seal(message, KEY)
    assert signer(token) == KEY.kid
    assert unseal(type(message), token, KEYS, aud=message.aud) == message


def test_kid_is_the_rfc_7638_thumbprint_and_the_header_names_the_kind() -> None:
    header = msgspec.json.decode(unb64url(seal(SIGNED[0], KEY).split(b".")[0]))
    assert header == {"alg": "Ed25519", "kid": KEY.kid, "typ": "fellesskap.birth.v1"}
    assert KEY.kid == PublicKey(KEY.public.raw).kid == KEY.public.jwk.thumbprint()


@pytest.mark.parametrize("message", SIGNED, ids=lambda m: KIND_OF[type(m)])
def test_message_of_another_kind_is_refused(message: Signed) -> None:
    token = seal(message, KEY)
    for kind in {type(other) for other in SIGNED} - {type(message)}:
        with pytest.raises(MalformedMessage, match="typ"):
            unseal(kind, token, KEYS, aud=message.aud)


def test_unknown_key_is_named() -> None:
    with pytest.raises(UnknownKey) as refusal:
        unseal(type(SIGNED[0]), seal(SIGNED[0], OTHER), KEYS, aud=SIGNED[0].aud)
    assert refusal.value.kid == OTHER.kid


def test_message_for_another_receiver_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="meant for"):
        unseal(type(SIGNED[0]), seal(SIGNED[0], KEY), KEYS, aud="another")


def test_key_that_only_claims_the_kid_is_refused() -> None:
    with pytest.raises(BadSignature):
        unseal(type(SIGNED[0]), seal(SIGNED[0], KEY), {KEY.kid: OTHER.public}, aud=SIGNED[0].aud)


@pytest.mark.parametrize("alg", ["none", "HS256", "EdDSA"])
def test_other_algorithms_are_refused(alg: str) -> None:
    header = {"alg": alg, "kid": KEY.kid, "typ": "fellesskap.birth.v1"}
    payload, signature = seal(SIGNED[0], KEY).split(b".")[1:]
    token = b64url(msgspec.json.encode(header)).encode() + b"." + payload + b"." + signature
    with pytest.raises(MalformedMessage):
        unseal(type(SIGNED[0]), token, KEYS, aud=SIGNED[0].aud)


def test_sender_and_receiver_refuse_what_is_too_large() -> None:
    batch = next(message for message in SIGNED if isinstance(message, Batch))
    large = msgspec.structs.replace(batch, events=("x" * MESSAGE_BYTES_MAX,))
    with pytest.raises(MalformedMessage, match="allowed"):
        seal(large, KEY)
    with pytest.raises(MalformedMessage, match="allowed"):
        unseal(Batch, b"x" * (MESSAGE_BYTES_MAX + 1), KEYS, aud=UP["aud"])


def test_what_is_just_large_enough_passes() -> None:
    batch = next(message for message in SIGNED if isinstance(message, Batch))
    spare = MESSAGE_BYTES_MAX - len(seal(msgspec.structs.replace(batch, events=("",)), KEY))
    largest = msgspec.structs.replace(batch, events=("x" * (spare * 3 // 4 + 1),))
    token = seal(largest, KEY)
    assert len(token) == MESSAGE_BYTES_MAX
    assert unseal(Batch, token, KEYS, aud=batch.aud) == largest


@pytest.mark.parametrize("spelt", ["YWI=", "YWJ", "YW I", "YW/_", "YW+_", "YWI!", "Y"])
def test_bytes_have_one_spelling(spelt: str) -> None:
    assert (unb64url("YWI"), unb64url("YW__")) == (b"ab", b"ao\xff")
    with pytest.raises(ValueError, match=r"base64|[Pp]adding|characters"):
        unb64url(spelt)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_keys_of_another_length_are_refused(length: int) -> None:
    for kind in (PublicKey, SigningKey):
        with pytest.raises(ValueError, match="32 bytes"):
            kind(bytes(length))


@given(st.sampled_from(SIGNED), st.integers(0, 100_000), st.integers(1, 255))
def test_no_altered_byte_passes(message: Signed, position: int, difference: int) -> None:
    token = bytearray(seal(message, KEY))
    token[position % len(token)] ^= difference
    try:
        # The last base64url character of a part may hold bits that do not count.
        assert unseal(type(message), bytes(token), KEYS, aud=message.aud) == message
    except MalformedMessage:
        return


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_clearly(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        unseal(type(SIGNED[0]), data, KEYS, aud=SIGNED[0].aud)


def test_secret_is_not_shown() -> None:
    assert repr(KEY) == f"SigningKey({KEY.kid})"
