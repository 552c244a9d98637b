"""PURE: where webhooks may go: https on the public internet, and nowhere near ourselves.

An endpoint is whatever a carrier writes, so this is what keeps our own network out of its reach
(server-side request forgery). The address that counts is the one that is connected to: a name is
resolved anew for each connection, and may lead elsewhere than when it was looked at.
"""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

URL_MAX = 500
"""Characters."""
URL_PATTERN = r"^https?://[\x21\x22\x24-\x3f\x41-\x5b\x5d-\x7e]+$"
"""ASCII without spaces; no `@`, `#` or backslash, which readers of addresses understand
differently."""
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA has given out. Outside it: loopback, link-local, unique local, NAT64 (which would
lead to any IPv4 address), IPv4-mapped and -compatible, multicast."""
_NOT_OURS_TO_REACH = (
    *("192.88.99.0/24", "2002::/16"),  # 6to4: it leads to any IPv4 address (RFC 7526)
    "168.63.129.16/32",  # a cloud's metadata on a public address (Azure)
    "2001::/23",  # special purposes, Teredo among them (RFC 6890)
    "3fff::/20",  # documentation (RFC 9637)
)
_REFUSED = tuple(ip_network(one) for one in _NOT_OURS_TO_REACH)
_LOOPBACK_NAMES = ("localhost", "ip6-localhost")


def fault_of(url: str, *, allow_loopback: bool = False) -> str | None:
    """Say what is wrong with an endpoint as it is written; None: nothing, as far as can be seen.

    >>> fault_of("https://carrier.example/hook") is None
    True
    >>> fault_of("https://10.0.0.8/hook")
    'an address of the public internet'
    """
    if len(url) > URL_MAX or not re.fullmatch(URL_PATTERN, url):
        return f"an absolute https URL in ASCII, without credentials, of {URL_MAX} characters"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "a host and a port that there can be"
    if not host or port == 0:
        return "a host and a port that there can be"
    literal = _literal(host)
    if allow_loopback and (host in _LOOPBACK_NAMES or (literal and literal.is_loopback)):
        return None
    if parts.scheme != "https":
        return "https"
    if host in _LOOPBACK_NAMES or (literal is not None and not is_public(literal)):
        return "an address of the public internet"
    if literal is None and not _is_name(host):
        return "the full name of a host, or its address"
    return None


def may_reach(address: str, *, allow_loopback: bool = False) -> bool:
    """Say whether a connection may be made to this very address."""
    literal = _literal(address.partition("%")[0])
    if literal is None:
        return False
    return is_public(literal) or (allow_loopback and literal.is_loopback)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is one host of the public internet."""
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    if address.version == 6 and address not in _GLOBAL_UNICAST:
        return False
    return not any(address in network for network in _REFUSED)


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    """A name of at least two labels whose last is no number: `2130706433` is 127.0.0.1 to some."""
    labels = host.rstrip(".").split(".")
    good = all(re.fullmatch(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", label) for label in labels)
    return good and len(labels) > 1 and not re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1])
