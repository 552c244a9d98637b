"""Where webhooks may go: addresses as written, and addresses as connected to."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_backend.webhooks.address import fault_of, is_public, may_reach
from fellesskap_backend.webhooks.outbox import Key, Letter, Outcome
from fellesskap_backend.webhooks.sender import Sender, World
from tests.backend.receivers import (
    Receivers,
    babbles,
    drips,
    floods,
    heads,
    redirects,
    slams,
    takes,
)
from tests.certificates import certificate
from tests.system.house import wait_for

PRIVATE = [
    *("127.0.0.1", "127.8.9.10", "0.0.0.0", "10.0.0.8", "172.16.0.1", "172.31.255.254"),
    *("192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.1"),
    *("198.18.0.1", "192.0.2.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.1.2.3"),
    *("240.0.0.1", "255.255.255.255", "192.88.99.1", "168.63.129.16"),
    *("::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.8", "::ffff:0:127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:10::1", "2001:db8::1"),
    *("2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1"),
    *("ff02::1", "fe80::1%eth0", "::ffff:169.254.169.254"),
]
PUBLIC = ["1.1.1.1", "84.208.20.110", "193.213.112.4", "2606:4700::1111", "2a00:1450:400f::"]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_near_ourselves_is_not_reached(address: str) -> None:
    assert not may_reach(address)
    written = f"[{address}]" if ":" in address else address
    assert fault_of(f"https://{written}/hook") is not None


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_is_reached(address: str) -> None:
    assert may_reach(address)
    written = f"[{address}]" if ":" in address else address
    assert fault_of(f"https://{written}/hook") is None


@given(st.ip_addresses())
def test_a_public_address_is_never_a_private_one(address: Any) -> None:
    if is_public(address):
        for kind in ("private", "loopback", "link_local", "multicast", "unspecified"):
            assert not getattr(address, f"is_{kind}"), kind


@pytest.mark.parametrize(
    "url",
    [
        *("http://carrier.example/hook", "ftp://carrier.example/hook", "no url", "", "https://"),
        *("https:///hook", "https://user@carrier.example/", "https://u:p@carrier.example/"),
        *("https://carrier.example/#part", "https://carrier.example:0/", "https://a.example:x/"),
        *("https://carrier.example:99999/", "https://localhost/hook", "https://carrier/hook"),
        *("https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://017700000001/"),
        *("https://carrier.example\\@127.0.0.1/", "https://carrier.example/ x", "https://[::1/"),
        *("https://blåbær.example/", "https://-a.example/", f"https://a.example/{'x' * 500}"),
        *("HTTPS://carrier.example/", "https://carrier.example/\n"),
    ],
)
def test_what_is_no_good_endpoint_is_said_so(url: str) -> None:
    assert fault_of(url) is not None


@given(st.text(max_size=60), st.booleans())
def test_no_text_breaks_the_check(text: str, allow: bool) -> None:
    for url in (text, f"https://{text}", f"https://{text}/hook"):
        fault_of(url, allow_loopback=allow)
    may_reach(text, allow_loopback=allow)


def test_loopback_is_for_demonstrations_alone() -> None:
    for url in ("http://127.0.0.1:8080/hook", "http://localhost:1/", "http://[::1]:99/"):
        assert fault_of(url) is not None
        assert fault_of(url, allow_loopback=True) is None
    assert may_reach("127.0.0.1", allow_loopback=True)
    assert not may_reach("10.0.0.8", allow_loopback=True)
    assert fault_of("http://10.0.0.8/", allow_loopback=True) is not None


def letter(url: str) -> Letter:
    return Letter(Key(UUID(int=1), UUID(int=2)), url, ("whsec_" + "A" * 44,), b'{"a":1}')


@contextmanager
def sending(**settings: Any) -> Iterator[tuple[Sender, list[Outcome]]]:
    said: list[Outcome] = []
    sender = Sender(said.append, **{"allow_loopback": True, "timeout_s": 1.0, **settings})
    sender.start()
    try:
        yield sender, said
    finally:
        sender.stop()


def outcome_of(url: str, **settings: Any) -> Outcome:
    with sending(**settings) as (sender, said):
        sender.send([letter(url)])
        wait_for("its end", lambda: said)
        return said[0]


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    kinds = (takes, drips, redirects, floods, slams, babbles, heads)
    made = Receivers((kind.__name__, kind) for kind in kinds)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("takes", 204, None),
        ("drips", None, "timeout"),
        ("redirects", 307, None),
        ("floods", 200, None),
        ("slams", None, "unreachable"),
        ("babbles", None, "malformed"),
        ("heads", None, "malformed"),
    ],
)
def test_each_bad_answer_ends_soon_and_is_named(
    receivers: Receivers, kind: str, status: int | None, error: str | None
) -> None:
    # Only who drips is cut off by time: a busy machine is no bad answer.
    told = outcome_of(receivers.url(kind), timeout_s=1.0 if kind == "drips" else 20.0)
    assert (told.status, told.error) == (status, error)
    assert len(receivers[kind].came) == 1, "no redirect is followed"


def test_a_connection_that_took_one_is_used_again(receivers: Receivers) -> None:
    with sending() as (sender, said):
        for _ in range(3):
            said.clear()
            sender.send([letter(receivers.url("takes"))])
            wait_for("its end", lambda: said)
    assert receivers["takes"].connections == 1


class Names(AbstractResolver):
    """A name server that says what it likes."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if not self.addresses:
            raise OSError("no such name")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in self.addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("addresses", "allow"),
    [
        (("127.0.0.1",), False),
        (("::1", "127.0.0.1"), False),
        (("10.0.0.8", "fe80::1", "169.254.169.254"), True),
    ],
)
def test_a_name_that_leads_to_a_private_address_is_not_connected_to(
    addresses: tuple[str, ...], allow: bool, receivers: Receivers
) -> None:
    url = f"https://carrier.example:{receivers.port('takes')}/hook"
    told = outcome_of(url, allow_loopback=allow, world=World(names=Names(*addresses)))
    assert (told.status, told.error) == (None, "forbidden_address")
    assert receivers["takes"].connections == 0


def test_a_name_that_is_unknown_or_an_address_that_is_silent_is_named() -> None:
    assert outcome_of("https://carrier.example/", world=World(names=Names())).error == "unreachable"
    with socket.create_server(("127.0.0.1", 0)) as shut:
        port = shut.getsockname()[1]
    assert outcome_of(f"http://127.0.0.1:{port}/").error == "unreachable"


def test_only_the_host_that_is_named_and_vouched_for_gets_anything(tmp_path: Path) -> None:
    mine = certificate(tmp_path, "carrier.example")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(mine)
    trusting = ssl.create_default_context(cafile=str(mine))
    receivers = Receivers([("takes", takes)], tls)
    names = Names("127.0.0.1")
    try:
        for host, trusted, error in (
            ("carrier.example", None, "tls"),
            ("rival.example", trusting, "tls"),
            ("carrier.example", trusting, None),
        ):
            url = f"https://{host}:{receivers.port('takes')}/hook"
            told = outcome_of(url, world=World(trusted, names))
            assert told.error == error, host
        (came,) = receivers["takes"].came
        assert came.headers["host"].startswith("carrier.example")
    finally:
        receivers.close()


def test_what_is_under_way_at_the_end_is_said_nothing_of(receivers: Receivers) -> None:
    with sending(timeout_s=60) as (sender, said):
        sender.send([letter(receivers.url("drips"))])
        wait_for("it is under way", lambda: receivers["drips"].came)
    assert said == []
