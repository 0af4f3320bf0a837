"""Stripe's stand-in of the local cloud behind HTTP on 127.0.0.1, for Stripe's own library."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from localcloud.payments.peer import World

PRICES = "STARTER=price_starter,PROFESSIONAL=price_professional"


@dataclass(frozen=True)
class StripePeer:
    """A running stand-in: what is at Stripe, and where its API is."""

    world: World
    url: str


@contextmanager
def stripe_peer(world: World) -> Iterator[StripePeer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = world.answer(self.command, self.path, headers, body)
            text = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _answer  # noqa: N815 - names of the library

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: tests print what they want to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield StripePeer(world, f"http://127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
