"""An older system that answers over HTTP, as `tenantry.identity.http` asks it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tenantry.identity.model import LegacyUser


class OlderSystem(ThreadingHTTPServer):
    """An older system: its users, one secret, and whatever a test makes of its answers."""

    daemon_threads = True

    def __init__(self, secret: str, users: dict[LegacyUser, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secret = secret
        self.users = {user.email: (user, password) for user, password in users.items()}
        self.status = 0
        self.body: bytes | None = None
        self.headers: dict[str, str] = {}
        self.delay = threading.Event()
        self.slow = False
        self.pieces = 0
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/directory/"


class _Handler(BaseHTTPRequestHandler):
    server: OlderSystem
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.server.asked += 1
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status, body = self.server.status, self.server.body or b"{}"
        if not status:
            status, body = self._real(asked)
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("connection", "close")
        if self.server.pieces:
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self._in_pieces(body)
            return
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.server.slow:
            self._drip(body)
        else:
            self.wfile.write(body)

    def _real(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        if self.headers["authorization"] != f"Bearer {self.server.secret}":
            return 403, b"{}"
        signs_in = self.path.endswith("/sign-in")
        user, password = self.server.users.get(asked["email"], (None, ""))
        if user is None or (signs_in and asked["password"] != password):
            return 401 if signs_in else 404, b"{}"
        return 200, user.model_dump_json().encode()

    def _drip(self, body: bytes) -> None:
        """A byte now and then: never silent for long, never done."""
        try:
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                self.server.delay.wait(0.05)
        except OSError:
            return

    def _in_pieces(self, body: bytes) -> None:
        """Chunk by chunk, as servers send what they have not counted."""
        size = -(-len(body) // self.server.pieces)
        try:
            for start in range(0, len(body), size):
                piece = body[start : start + size]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output clean."""


@contextmanager
def older_system(secret: str, users: dict[LegacyUser, str]) -> Iterator[OlderSystem]:
    """A running one, whose `users` have these passwords."""
    server = OlderSystem(secret, users)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.delay.set()
        server.shutdown()
        thread.join()
        server.server_close()
