"""GET /health: what it says when all is well, and when something is not."""

import json
from typing import Any

import boto3
import pytest

from functions.health import api
from tenantry.persistence.table import Table
from tests.support.faults import down, injected, refused
from tests.support.invocations import rest_event, wire
from tests.support.lambda_context import lambda_context


@pytest.fixture(autouse=True)
def deployed(platform_table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("events").create_event_bus(Name="bus")
    wire(
        monkeypatch,
        PLATFORM_TABLE=platform_table.name,
        EVENT_BUS="bus",
        APP_VERSION="1.2.3",
        STAGE="test",
        SECRET_TOKEN="canary-4711",
    )


def ask(method: str = "GET") -> dict[str, Any]:
    event = rest_event(method, "/health", user=None, headers={"Origin": "https://app.example"})
    return api.handler(event, lambda_context())


def test_all_is_well() -> None:
    answer = ask()

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {
        "status": "ok",
        "version": "1.2.3",
        "stage": "test",
        "dependencies": {"platformTable": "up", "eventBus": "up"},
    }


@pytest.mark.parametrize(
    ("fault", "dependencies"),
    [
        (down("DescribeTable"), {"platformTable": "down", "eventBus": "up"}),
        (down(services=("events",)), {"platformTable": "up", "eventBus": "down"}),
        (
            refused("AccessDeniedException", "DescribeTable", "DescribeEventBus"),
            {"platformTable": "down", "eventBus": "down"},
        ),
    ],
    ids=["table unreachable", "bus unreachable", "both refused"],
)
def test_what_does_not_answer_is_named(fault: Any, dependencies: dict[str, str]) -> None:
    with injected(fault) as calls:
        answer = ask()

    assert answer["statusCode"] == 503
    body = json.loads(answer["body"])
    assert (body["status"], body["dependencies"]) == ("degraded", dependencies)
    assert len(calls) == 2  # each asked once: no retry keeps the answer waiting


def test_nothing_is_told_that_nobody_should_know(
    platform_table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    with injected(down("DescribeTable")):
        body = ask()["body"]

    assert platform_table.name not in body
    assert "canary-4711" not in body + capsys.readouterr().out


def test_browsers_may_ask_from_elsewhere() -> None:
    preflight = ask("OPTIONS")

    assert preflight["statusCode"] == 204
    assert preflight["multiValueHeaders"]["Access-Control-Allow-Origin"] == ["*"]
    assert "GET" in preflight["multiValueHeaders"]["Access-Control-Allow-Methods"][0]
    assert ask()["multiValueHeaders"]["Access-Control-Allow-Origin"] == ["*"]
