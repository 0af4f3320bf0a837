"""DynamoDB does not answer at all: every door says the same few words, and an alarm can hear it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.identity import pre_authentication, pre_sign_up, pre_token_generation
from functions.organizations import api
from localcloud.place import free_port
from tenantry.runtime.cognito import TriggerFailedError
from tests.support.clock import no_sleep
from tests.support.invocations import appsync_event, forget, rest_event, wire
from tests.support.lambda_context import lambda_context
from tests.support.triggers import Handler, cognito_event

FAILED = "The service could not answer. Try again later."
SUB = "0198f2a4-0000-7000-8000-000000000001"


@pytest.fixture(autouse=True)
def nothing_there(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A table behind a port at which nobody listens."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    wire(monkeypatch, PLATFORM_TABLE="platform", SELF_SIGN_UP="true")
    monkeypatch.setattr("botocore.endpoint.time.sleep", no_sleep)
    yield
    forget()


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What CloudWatch would get: log lines and metrics."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_field_says_so_and_counts_it(capsys: pytest.CaptureFixture[str]) -> None:
    event = appsync_event("organization", parent="Query", organization="acme")
    answered = api.handler(event, lambda_context())

    assert answered == {"error": {"message": FAILED, "code": "UNAVAILABLE", "details": {}}}
    (counted,) = [line for line in printed(capsys) if "ServerFaults" in line]
    assert counted["ServerFaults"] == [1.0]
    (written,) = counted["_aws"]["CloudWatchMetrics"]
    assert written["Dimensions"] == [["service"]]


def test_a_route_says_so() -> None:
    event = rest_event("POST", "/api/organizations", {"name": "Acme"})
    answered = api.handler(event, lambda_context())

    assert answered["statusCode"] == 503
    problem = json.loads(answered["body"])
    assert (problem["code"], problem["detail"]) == ("UNAVAILABLE", FAILED)


@pytest.mark.parametrize(
    ("handler", "source"),
    [
        (pre_sign_up.handler, "PreSignUp_SignUp"),
        (pre_authentication.handler, "PreAuthentication_Authentication"),
        (pre_token_generation.handler, "TokenGeneration_Authentication"),
    ],
)
def test_a_trigger_that_may_refuse_fails_so_that_its_alarm_hears_it(
    handler: Handler, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Refusing is no news; the metric filters of these functions look for the words."""
    ada, wishes = {"sub": SUB, "email": "ada@example.com"}, {"organization_name": "Acme"}
    event = cognito_event(source, SUB, ada, clientMetadata=wishes)
    with pytest.raises(TriggerFailedError) as failed:
        handler(event, lambda_context())

    assert str(failed.value) == FAILED
    assert caplog.messages == ["trigger failed"]
