"""What the edge takes for a badge: signatures, limits, and the command that signs one by hand."""

import json
from pathlib import Path

import msgspec
import pytest

from fellesskap_edge.identity import Broker, Identity, Keyring, Provision
from fellesskap_edge.wire import Wire
from fellesskap_firmware_sim.__main__ import main
from fellesskap_firmware_sim.badges import sign
from fellesskap_protocol.messages import Badge, MalformedMessage
from fellesskap_protocol.signing import PublicKey, SigningKey, b64url
from tests.edge.little_locker import badge

SEED = bytes(range(32))
KEY, STRANGER = SigningKey(SEED), SigningKey(bytes(32))
PROVISION = Provision(
    installation="viv",
    locker_id="little-1",
    device_id="dev-1",
    k_locker=b64url(bytes(32)),
    k_version=1,
    root_key=b64url(STRANGER.public.raw),
    keys="",
    broker=Broker("none", 1, "none", "none"),
)


@pytest.fixture
def wire() -> Wire:
    ring = Keyring("little-1", PublicKey(STRANGER.public.raw), 1, (KEY.public,))
    return Wire(Identity(SigningKey(bytes([7] * 32)), PROVISION), ring, "digest")


def test_a_badge_signed_by_the_installation_is_read(wire: Wire) -> None:
    assert wire.badge(sign(badge("red", "blue"), KEY)) == badge("red", "blue")


@pytest.mark.parametrize(
    ("shown", "key", "reason"),
    [
        (badge(), STRANGER, "unknown_key"),
        (msgspec.structs.replace(badge(), aud="other"), KEY, "meant for"),
        (msgspec.structs.replace(badge(), iss="other"), KEY, "another installation"),
        (badge(*(f"c{n}" for n in range(9))), KEY, "9 carriers"),
        (msgspec.structs.replace(badge(), carriers=()), KEY, "0 carriers"),
        (badge(for_s=86_401), KEY, "more than 24 h"),
        (badge("x" * 700), KEY, "characters"),
    ],
)
def test_what_is_no_badge_of_ours_is_refused(
    wire: Wire, shown: Badge, key: SigningKey, reason: str
) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        wire.badge(sign(shown, key))


def test_the_command_signs_a_badge_that_the_edge_reads(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = tmp_path / "secrets.json"
    secrets.write_text(json.dumps({"installation": "viv", "signing_seed": b64url(SEED)}))
    words = ["badge", "--secrets", str(secrets), "--carrier", "red", "--locker", "little-1"]
    monkeypatch.setattr("sys.argv", ["fellesskap-firmware-sim", *words, "--hours", "24"])
    assert main() == 0
    read = wire.badge(capsys.readouterr().out.strip())
    assert (read.carriers, read.lockers, read.may) == (
        ("red",),
        ("little-1",),
        ("deposit", "remove"),
    )


def test_the_command_says_what_it_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["badge", "--secrets", str(tmp_path / "none"), "--carrier", "red"]
    monkeypatch.setattr("sys.argv", ["fellesskap-firmware-sim", *words])
    assert main() == 2
    assert "is not the secrets.json of a backend" in capsys.readouterr().err
