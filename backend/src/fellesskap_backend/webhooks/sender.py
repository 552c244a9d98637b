"""One webhook over HTTP: signed by Standard Webhooks, to public addresses only.

No redirect is followed and no answer's body is read. The address that was checked is the one that
is connected to, so that a name cannot be turned to a private address in between.
"""

import ipaddress
import logging
import socket
from datetime import datetime

import httpx
from standardwebhooks.webhooks import Webhook

from fellesskap_backend.webhooks.service import Outgoing

log = logging.getLogger(__name__)
TIMEOUT_S = 10.0


class ForbiddenAddress(ValueError):
    """An endpoint that is no public https address."""


class Sender:
    """Sends webhooks, from several threads at once."""

    def __init__(self, *, allow_loopback: bool, timeout_s: float = TIMEOUT_S) -> None:
        self._allow_loopback = allow_loopback
        self._client = httpx.Client(timeout=timeout_s, follow_redirects=False, trust_env=False)

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def send(self, outgoing: Outgoing, body: bytes, now: datetime) -> int | None:
        """Deliver one body; return the status, None without an answer."""
        message_id = str(outgoing.notice_id)
        text = body.decode()
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(outgoing.secret).sign(message_id, now, text),
        }
        try:
            url, host = self._pinned(httpx.URL(outgoing.url))
            headers["host"] = host
            extensions = {"sni_hostname": httpx.URL(outgoing.url).host}
            with self._client.stream(
                "POST", url, content=body, headers=headers, extensions=extensions
            ) as answer:
                return answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            log.warning("a webhook got no answer: %s", type(error).__name__)
            return None

    def _pinned(self, url: httpx.URL) -> tuple[httpx.URL, str]:
        """Return the URL by address, and what its Host header says."""
        if url.scheme != "https" and not self._allow_loopback:
            raise ForbiddenAddress("not https")
        port = url.port or (443 if url.scheme == "https" else 80)
        found = socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not self._allow_loopback:
            for address in addresses:
                if not ipaddress.ip_address(address.partition("%")[0]).is_global:
                    raise ForbiddenAddress("not a public address")
        return url.copy_with(host=addresses[0]), url.netloc.decode()
