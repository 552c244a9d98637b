"""Secrets are found wherever and however they are written, and nothing else is."""

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judge.canaries import Canaries, leaks

SECRETS = {
    "code": "40718265",
    "long code": "407182659316",
    "phone": "+4791276543",
    "e-mail": "kari.kanari+7@example.org",
    "name": "Åse Kanarifugl",
    "key": "fsk_Zq7+/x9-Kanari_LmN0",
}
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda value: value,
    "in capitals": str.upper,
    "base64": lambda value: b64encode(value.encode()).decode(),
    "base64 in something longer": lambda value: b64encode(b"ab" + value.encode() + b"c").decode(),
    "base64url": lambda value: urlsafe_b64encode(b"a" + value.encode()).decode(),
    "hex": lambda value: value.encode().hex(),
    "hex in capitals": lambda value: value.encode().hex().upper(),
    "in a URL": lambda value: quote(value, safe=""),
    "in a query": quote_plus,
    "every letter escaped": lambda value: "".join(f"%{one:02X}" for one in value.encode()),
    "in JSON": json.dumps,
    "in HTML": html.escape,
    "in groups": lambda value: " ".join(value[at : at + 4] for at in range(0, len(value), 4)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_found_in_every_form(name: str, form: str) -> None:
    text = f"GET /v1/x?y={FORMS[form](SECRETS[name])} 404"
    assert name in {one.secret for one in leaks(SECRETS, [("log", text)])}


def test_what_was_found_is_told_without_the_secret() -> None:
    [one] = leaks(SECRETS, [("topic", b"a/40718265/b")])
    assert one == ("code", "as it is", "topic")


def test_digits_in_a_longer_number_are_no_code() -> None:
    text = "at 140718265000 ms, 4071826, 2026-11-04 07:18:26.5"
    assert list(leaks({"code": SECRETS["code"]}, [("log", text)])) == []


@pytest.mark.parametrize(
    "by_chance",
    [
        *("2026-11-26T20:16:40.718265Z", "2026-11-26 20:16:40.718265", "4071-08-26T05:00:00"),
        "01977c1e-4071-8265-8f3e-0a1b2c3d4e5f",
        "01a21a58-cc01-7c90-8359-19fA40718265",
        "40718265-cc01-4c90-8359-19fa0a1b2c3d",
    ],
)
def test_digits_of_an_instant_or_of_a_uuid_are_no_code_but_those_beside_it_are(
    by_chance: str,
) -> None:
    codes = {"code": SECRETS["code"], "day": "40710826"}
    assert list(leaks(codes, [("log", f"at {by_chance}")])) == []
    assert list(leaks(codes, [("log", f"at {by_chance} 4071 8265")]))
    assert list(leaks(codes, [("log", f"4071-8265-{by_chance}")]))


def test_a_secret_that_chance_could_write_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 6"):
        Canaries({"name": "Kari"})


@given(before=st.text(max_size=20), after=st.text(max_size=20), name=st.sampled_from([*SECRETS]))
def test_a_secret_is_found_among_anything(before: str, after: str, name: str) -> None:
    text = f"{before}|{SECRETS[name]}|{after}"
    assert name in {one.secret for one in leaks(SECRETS, [("log", text)])}


@given(st.text(alphabet="abcdef0123456789 -:.,/%\\u", max_size=200))
def test_nothing_is_found_where_nothing_is(text: str) -> None:
    secrets = {"name": "Åse Kanarifugl", "key": "fsk_Zq7+/x9-Kanari_LmN0"}
    assert list(leaks(secrets, [("log", text)])) == []


KEY = bytes(range(200, 232))
WAYS: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "base64": lambda key: b64encode(key).decode(),
    "base64url": lambda key: urlsafe_b64encode(key).decode().rstrip("="),
    "base64 in something longer": lambda key: b64encode(b"k" + key + b"!").decode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_key_of_bytes_is_found_in_every_way_to_write_it(way: str) -> None:
    [one] = leaks({"key": KEY}, [("log", f"K={WAYS[way](KEY)};")])
    assert one.secret == "key"


def test_digits_within_a_hash_are_there_by_chance_and_beside_a_word_they_are_not() -> None:
    code = SECRETS["code"]
    by_chance = [("log", f"{'a1' * 8}b{code}c{'d4' * 8}"), ("log", f"{'0' * 30}f{code}")]
    assert list(leaks({"code": code}, by_chance)) == []
    assert len(list(leaks({"code": code}, [("log", f"code{code}f"), ("log", f"x{code}")]))) == 2
