"""A receipt stands under a published root, or whoever runs `fellesskap-audit` is told why not."""

import ast
import hmac
import json
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_protocol import audit, merkle
from fellesskap_protocol.audit import NotProven, drawn, verify
from fellesskap_protocol.signing import SigningKey, b64url, unb64url

KEY = SigningKey(bytes(range(32)))
HOUR = "2026-11-25T10:00:00Z"
PADDING = [sha256(b"padding %d" % number).digest() for number in range(4_096)]
DECISIONS = [f'{{"locker_id":"oslo-{n}","outcome":"confirmed"}}'.encode() for n in range(5)]


def salt(number: int) -> bytes:
    return sha256(b"salt %d" % number).digest()


def receipt_of(tree: merkle.Tree, number: int, decision: bytes) -> bytes:
    place, path = tree.path(merkle.entry(salt(number), decision))
    written = [b64url(one) for one in path]
    return dumped(merkle.receipt(HOUR, salt(number), decision.decode(), (place, written)))


def dumped(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def sealed() -> tuple[list[bytes], bytes]:
    entries = [merkle.entry(salt(n), one) for n, one in enumerate(DECISIONS)]
    tree = merkle.Tree(entries, PADDING)
    receipts = [receipt_of(tree, n, one) for n, one in enumerate(DECISIONS)]
    signed = [merkle.signed_root("viv", HOUR, tree, KEY)]
    return receipts, dumped(merkle.roots([KEY.public], signed))


RECEIPTS, ROOTS = sealed()


def changed(document: bytes, **fields: Any) -> bytes:
    return json.dumps(json.loads(document) | fields).encode()


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\1" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


def test_every_receipt_of_an_hour_is_proven() -> None:
    for document, decision in zip(RECEIPTS, DECISIONS, strict=True):
        proven = verify(document, ROOTS, KEY.public.raw)
        assert (proven["decision"], proven["issuer"]) == (decision.decode(), "viv")
        assert proven["key"] == b64url(KEY.public.raw)


def test_the_tree_is_that_of_rfc_6962() -> None:
    entries = [merkle.entry(salt(n), one) for n, one in enumerate(DECISIONS)]
    tree = merkle.Tree(entries, PADDING)
    full = sorted((*entries, *PADDING[: 1_024 - len(entries)]))
    assert tree.root == by_definition(full)
    known = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    texts = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")
    leaves = [*map(bytes.fromhex, texts), bytes(range(0x60, 0x70))]
    assert by_definition(leaves).hex() == known, "the vector of the certificate-transparency logs"


@given(st.integers(0, 2_000), st.data())
def test_an_entry_climbs_to_the_root_from_wherever_it_stands(
    count: int, data: st.DataObject
) -> None:
    entries = [sha256(b"entry %d" % number).digest() for number in range(count)]
    tree = merkle.Tree(entries, PADDING)
    assert tree.size == merkle.size_of(count) >= 1_024
    for one in entries and [data.draw(st.sampled_from(entries))]:
        place, path = tree.path(one)
        assert audit.climb(one, place, path) == tree.root


def test_trees_of_few_and_many_decisions_cannot_be_told_apart() -> None:
    few = json.loads(RECEIPTS[0])
    entries = [merkle.entry(salt(n), b"%d" % n) for n in range(1_000)]
    many = json.loads(receipt_of(merkle.Tree(entries, PADDING), 0, b"0"))
    assert few.keys() == many.keys()
    assert len(few["path"]) == len(many["path"]) == 10
    assert [len(one) for one in few["path"]] == [len(one) for one in many["path"]]


@given(st.integers(0, len(RECEIPTS[0]) - 1), st.sampled_from('x0"}A'))
def test_a_receipt_altered_anywhere_proves_nothing_else(at: int, other: str) -> None:
    text = RECEIPTS[0].decode()
    altered = (text[:at] + other + text[at + 1 :]).encode()
    try:
        proven = verify(altered, ROOTS, KEY.public.raw)
    except NotProven:
        return
    assert proven["decision"] == DECISIONS[0].decode()
    assert json.loads(altered) == json.loads(RECEIPTS[0])


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_whatever_is_not_a_receipt_is_refused_in_words(one: bytes, other: bytes) -> None:
    for receipt, roots in ((one, ROOTS), (RECEIPTS[0], one), (one, other)):
        with pytest.raises(NotProven):
            verify(receipt, roots)


OTHER = SigningKey(bytes(32))


def _signed(key: SigningKey, typ: str = merkle.ROOT_TYP, **fields: Any) -> bytes:
    entries = [merkle.entry(salt(n), one) for n, one in enumerate(DECISIONS)]
    tree = merkle.Tree(entries, PADDING)
    said = {"iss": "viv", "hour": HOUR, "size": 1_024, "root": b64url(tree.root)} | fields
    return key.sign(typ, json.dumps(said).encode())


def _roots(*tokens: bytes, keys: Sequence[SigningKey] = (KEY,)) -> bytes:
    named = [one.public for one in keys]
    return dumped(merkle.roots(named, [token.decode() for token in tokens]))


def _as(kid: str) -> bytes:
    """Return a root that names a key other than the one that signed it."""
    header, payload, signature = _signed(OTHER).decode().split(".")
    said = json.loads(unb64url(header)) | {"kid": kid}
    return f"{b64url(dumped(said))}.{payload}.{signature}".encode()


REFUSED: dict[str, tuple[bytes, bytes, str]] = {
    "another hour": (changed(RECEIPTS[0], hour="2026-11-25T11:00:00Z"), ROOTS, "no root"),
    "another place": (changed(RECEIPTS[0], place=1_024), ROOTS, "not one of that tree"),
    "a place that is a truth": (changed(RECEIPTS[0], place=True), ROOTS, "`place`"),
    "a node for a leaf": (
        changed(RECEIPTS[0], path=json.loads(RECEIPTS[0])["path"][1:]),
        ROOTS,
        "not one of that tree",
    ),
    "no path": (changed(RECEIPTS[0], path=None), ROOTS, "`path`"),
    "a short hash": (changed(RECEIPTS[0], path=["AAAA"] * 10), ROOTS, "32 bytes"),
    "a short salt": (changed(RECEIPTS[0], salt="AAAA"), ROOTS, "32 bytes"),
    "another decision": (changed(RECEIPTS[0], decision="{}"), ROOTS, "does not lead"),
    "half a character": (changed(RECEIPTS[0], decision="\ud800"), ROOTS, "is no text"),
    "another's key": (RECEIPTS[0], _roots(_signed(OTHER)), "not among `keys`"),
    "another's signature": (RECEIPTS[0], _roots(_as(KEY.kid)), "does not hold"),
    "no keys": (RECEIPTS[0], changed(ROOTS, keys=[]), "not among `keys`"),
    "a key that is none": (RECEIPTS[0], changed(ROOTS, keys=[1]), "not base64url"),
    "another kind of token": (RECEIPTS[0], _roots(_signed(KEY, typ="x")), "something else"),
    "two roots": (
        RECEIPTS[0],
        _roots(_signed(KEY), _signed(KEY, root=b64url(bytes(32)))),
        "two different roots",
    ),
    "another tree's size": (RECEIPTS[0], _roots(_signed(KEY, size=2_048)), "not one of that tree"),
    "no signature": (RECEIPTS[0], changed(ROOTS, roots=["e30.e30"]), "compact JWS"),
    "a list": (b"[]", ROOTS, "not an object"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_proven_is_said_why(what: str) -> None:
    receipt, roots, why = REFUSED[what]
    with pytest.raises(NotProven, match=why):
        verify(receipt, roots)


def test_whoever_knows_the_operators_key_believes_no_other() -> None:
    with pytest.raises(NotProven, match="another key"):
        verify(RECEIPTS[0], _roots(_signed(OTHER), keys=[OTHER]), KEY.public.raw)
    believed = verify(RECEIPTS[0], _roots(_signed(OTHER), keys=[OTHER]))
    assert believed["key"] == b64url(OTHER.public.raw)


def test_each_root_is_checked_with_the_key_that_it_names() -> None:
    earlier = _signed(OTHER, hour="2026-11-25T09:00:00Z")
    both = _roots(earlier, _signed(KEY), keys=[KEY, OTHER])
    assert verify(RECEIPTS[0], both, KEY.public.raw)["key"] == b64url(KEY.public.raw)
    of_before = changed(RECEIPTS[0], hour="2026-11-25T09:00:00Z")
    assert verify(of_before, both)["key"] == b64url(OTHER.public.raw)
    with pytest.raises(NotProven, match="another key"):
        verify(of_before, both, KEY.public.raw)
    with pytest.raises(NotProven, match="two different roots"):
        verify(RECEIPTS[0], _roots(_signed(KEY), _signed(OTHER, size=2_048), keys=[KEY, OTHER]))
    assert audit.name_of(KEY.public.raw) == KEY.kid


def test_the_whole_answer_of_the_api_will_do() -> None:
    answer = {"outcome": "whatever", "receipt": json.loads(RECEIPTS[0])}
    assert verify(dumped(answer), ROOTS)["decision"] == DECISIONS[0].decode()
    with pytest.raises(NotProven, match="not an object"):
        verify(dumped({"receipt": None}), ROOTS)


def test_a_tree_refuses_what_would_tell_or_collide() -> None:
    entries = [merkle.entry(salt(0), b"one")]
    with pytest.raises(ValueError, match="1023 entries of padding"):
        merkle.Tree(entries, PADDING[:5])
    with pytest.raises(ValueError, match="all different"):
        merkle.Tree(entries * 2, PADDING)
    with pytest.raises(ValueError, match="32 bytes"):
        merkle.Tree([b"short"], PADDING)
    with pytest.raises(ValueError, match="32 bytes"):
        merkle.entry(b"short", b"one")


def test_the_verifier_reads_nothing_of_ours() -> None:
    tree = ast.parse(Path(audit.__file__).read_text())
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else _names(node))
    }
    assert names - sys.stdlib_module_names == {"cryptography"}


def _names(node: ast.Import) -> list[str]:
    return [one.name for one in node.names]


def test_the_command_says_what_is_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    receipt, roots = tmp_path / "receipt.json", tmp_path / "roots.json"
    receipt.write_bytes(RECEIPTS[1])
    roots.write_bytes(ROOTS)
    line = ["fellesskap-audit", "verify", str(receipt), str(roots)]
    monkeypatch.setattr(sys, "argv", line)
    assert audit.main() == 0
    said = capsys.readouterr().out
    assert "oslo-1" in said
    assert "compare it" in said
    monkeypatch.setattr(sys, "argv", [*line, "--key", b64url(KEY.public.raw)])
    assert audit.main() == 0
    assert "compare it" not in capsys.readouterr().out
    receipt.write_bytes(changed(RECEIPTS[1], decision="{}"))
    assert audit.main() == 1
    assert capsys.readouterr().err.startswith("not proven: the path")
    monkeypatch.setattr(sys, "argv", [*line[:3], str(tmp_path / "nowhere")])
    assert audit.main() == 1


# Lots --------------------------------------------------------------------------------------------

LOT_KEY = b"the key of a day"
BATCH = {
    "day": "2027-03-01",
    "key_hash": sha256(LOT_KEY).hexdigest(),
    "ticket": "of a label",
    "lot": hmac.digest(LOT_KEY, b"of a label", "sha256").hex(),
}
DAY = {"date": BATCH["day"], "key_hash": BATCH["key_hash"], "key": b64url(LOT_KEY)}
OTHER_KEY = b"another key"


def lots_of(*days: dict[str, Any]) -> bytes:
    return dumped({"lots": list(days)})


def test_a_lot_is_drawn_again_with_the_key_that_was_announced() -> None:
    decision = json.dumps({"batch": BATCH})
    assert drawn(decision, lots_of(DAY | {"date": "2027-02-28"}, DAY)) == BATCH["lot"]


@pytest.mark.parametrize(
    ("batch", "day", "why"),
    [
        (BATCH, DAY | {"key": None}, "not public yet"),
        (BATCH, DAY | {"date": "2027-03-02"}, "none for 2027-03-01"),
        (BATCH, DAY | {"key": b64url(OTHER_KEY)}, "not the one that was announced"),
        (
            BATCH,
            DAY | {"key": b64url(OTHER_KEY), "key_hash": sha256(OTHER_KEY).hexdigest()},
            "not the one that was announced",
        ),
        (BATCH | {"ticket": "of another"}, DAY, "not that of the ticket"),
        (BATCH | {"lot": "00"}, DAY, "not that of the ticket"),
        (None, DAY, "batch: not an object"),
    ],
)
def test_a_lot_that_is_not_what_it_says_is_refused(batch: Any, day: Any, why: str) -> None:
    with pytest.raises(NotProven, match=why):
        drawn(json.dumps({"batch": batch}), lots_of(day))
