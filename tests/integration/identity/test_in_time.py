"""Cognito waits five seconds for a trigger: a database that hangs is a failure within them."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tenantry.runtime.cognito import TriggerFailedError
from tests.integration.identity.conftest import FUNCTIONS, cognito_event
from tests.support.invocations import wire
from tests.support.triggers import fire

TIMEOUT = 4.0
"""Seconds that the template gives each trigger: stopped there, nothing would be logged."""


@pytest.fixture
def hanging() -> Iterator[str]:
    """The address of something that takes requests, and never answers."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            taken = []
            while not done.is_set():
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    break
            for connection in taken:
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        host, port = server.getsockname()
        yield f"http://{host}:{port}"
        done.set()
        socket.create_connection((host, port)).close()
        thread.join()


@pytest.fixture(autouse=True)
def deployed(hanging: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "PLATFORM_TABLE": "platform",
        "SELF_SIGN_UP": "true",
        "LEGACY_DIRECTORY": "table",
        "LEGACY_TABLE": "legacy",
    }
    wire(monkeypatch, AWS_ENDPOINT_URL=hanging, **values)


@pytest.mark.parametrize(
    "name", ["pre_sign_up", "post_confirmation", "pre_authentication", "pre_token_generation"]
)
def test_a_trigger_that_needs_the_table_fails_in_time(name: str) -> None:
    event = cognito_event(name, clientMetadata={"organization_name": "Ada Ltd"})

    outcome = fire(FUNCTIONS[name].handler, event, limit=TIMEOUT)

    assert isinstance(outcome.refusal, TriggerFailedError)


@pytest.mark.parametrize("name", ["post_authentication", "user_migration"])
def test_a_trigger_that_can_do_without_the_table_answers_in_time(name: str) -> None:
    event = cognito_event(name)

    outcome = fire(FUNCTIONS[name].handler, event, limit=TIMEOUT)

    assert outcome.response == event["response"]
