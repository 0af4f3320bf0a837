"""Cognito waits five seconds for a trigger: a database that hangs is a failure within them."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tenantry.runtime.cognito import TriggerFailedError
from tests.integration.identity.conftest import FUNCTIONS, cognito_event
from tests.support.invocations import wire
from tests.support.triggers import fire

TIMEOUT = 4.0
"""Seconds that the template gives each trigger: stopped there, nothing would be logged."""


class Hanging(ThreadingHTTPServer):
    """A database that says of some requests that there is nothing, and of the rest nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = 0
        self.done = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: Hanging

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.server.answers == 0:
            self.server.done.wait()
            return
        self.server.answers -= 1
        nothing = b'{"Responses": {}}'
        self.send_response(200)
        self.send_header("content-length", str(len(nothing)))
        self.end_headers()
        self.wfile.write(nothing)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    server = Hanging()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.done.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def deployed(hanging: Hanging, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "PLATFORM_TABLE": "platform",
        "SELF_SIGN_UP": "true",
        "LEGACY_DIRECTORY": "table",
        "LEGACY_TABLE": "legacy",
    }
    wire(monkeypatch, AWS_ENDPOINT_URL=f"http://127.0.0.1:{hanging.server_address[1]}", **values)


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("pre_sign_up", 0),
        ("pre_authentication", 0),
        ("pre_token_generation", 0),
        ("post_confirmation", 0),
        # No profile and no wishes; what hangs is whether somebody has proven the domain.
        ("post_confirmation", 2),
    ],
)
def test_a_trigger_that_needs_the_table_fails_in_time(
    hanging: Hanging, name: str, answers: int
) -> None:
    hanging.answers = answers
    event = cognito_event(name, clientMetadata={"organization_name": "Ada Ltd"})

    outcome = fire(FUNCTIONS[name].handler, event, limit=TIMEOUT)

    assert isinstance(outcome.refusal, TriggerFailedError)


@pytest.mark.parametrize("name", ["post_authentication", "user_migration"])
def test_a_trigger_that_can_do_without_the_table_answers_in_time(name: str) -> None:
    event = cognito_event(name)

    outcome = fire(FUNCTIONS[name].handler, event, limit=TIMEOUT)

    assert outcome.response == event["response"]
