"""A carrier's webhook endpoint: real HTTP; each signature checked, each body kept."""

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

Json = dict[str, Any]


class Receiver:
    """Listens on loopback; `secret` is set once the backend has told it."""

    def __init__(self) -> None:
        self.secret = ""
        self.deliveries: list[Json] = []
        self.refused = 0
        self.answers: list[int] = []
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(receiver.take(body, dict(self.headers.items())))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Keep quiet: bodies carry codes."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where to deliver."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/fellesskap"

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        """Verify and keep one delivery; return the HTTP status to answer.

        `answers` holds statuses to give first, to show what a failing endpoint gets.
        """
        lower = {name.lower(): value for name, value in headers.items()}
        try:
            Webhook(self.secret).verify(body, lower)
        except WebhookVerificationError:
            self.refused += 1
            return 401
        with self._lock:
            if self.answers:
                return self.answers.pop(0)
            self.deliveries.append(
                {**json.loads(body), "headers": lower, "received_at": datetime.now(UTC)}
            )
        return 204

    def of_type(self, kind: str, parcel_id: str | None = None) -> list[Json]:
        """Return what was delivered of one type (of one parcel)."""
        with self._lock:
            return [
                delivery
                for delivery in self.deliveries
                if delivery["type"] == kind
                and (parcel_id is None or delivery["data"].get("parcel_id") == parcel_id)
            ]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
