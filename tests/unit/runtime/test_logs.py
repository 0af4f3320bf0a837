"""Every line says whose it is, and none says what it must not (row 26, for the spine)."""

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import AppSyncResolver
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from tenantry.errors import CorruptDataError, NotFoundError, UnavailableError
from tenantry.messaging.delivery import PlatformSenders
from tenantry.messaging.event import Actor, Envelope
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.runtime.appsync import answer
from tenantry.runtime.batch import consume, work
from tenantry.runtime.cognito import trigger
from tenantry.runtime.inputs import Input, parse
from tenantry.runtime.observability import annotated, logger
from tenantry.runtime.rest import caller_of, rest_resolver
from tests.support.invocations import ACCOUNT, bus_event, queue_event
from tests.support.things import ThingChanged
from tests.support.triggers import cognito_event

SUB = "0198f2a4-0000-7000-8000-000000000001"
TRACE = "Root=1-5f84c7a5-0e1f2d3c4b5a69788796a5b4"
CANARIES = [
    f"canary-{n}-{kind}" for n in range(10) for kind in ("pw", "code", "token", "x@y.z", "n")
]


type Lines = Callable[[], list[dict[str, Any]]]


def _resolve(work: Callable[[], Any], context: LambdaContext) -> Any:
    app = AppSyncResolver()
    app.resolver(type_name="Query", field_name="thing")(work)
    claims = {"sub": SUB, "token_use": "access", "org_id": "acme"}
    event = {
        "arguments": {},
        "identity": {"claims": claims, "sourceIp": ["198.51.100.7"]},
        "request": {"headers": {"x-amzn-trace-id": TRACE, "authorization": CANARIES[2]}},
        "info": {"parentTypeName": "Query", "fieldName": "thing"},
    }
    return answer(app, event, context)


def _envelope(stamp: Stamp, tenant_id: str | None, user_id: str = SUB) -> Envelope:
    cause = Cause(Actor(id=user_id), correlation_id=TRACE)
    return Envelope(
        **stamp.event(ThingChanged(to=CANARIES[0]), cause).model_dump(),
        tenant_id=tenant_id,
        entity_type="Thing",
        entity_id="1",
        entity_version=1,
    )


def _batch(*bodies: Any) -> dict[str, Any]:
    return queue_event(body if isinstance(body, str) else json.dumps(body) for body in bodies)


def _whose(line: dict[str, Any]) -> dict[str, Any]:
    return {n: line.get(n) for n in ("tenant_id", "user_id", "correlation_id")}


def test_a_resolver_says_whose_line_it_is(lines: Lines, lambda_context: LambdaContext) -> None:
    def work() -> str:
        logger.info("working")
        return "done"

    _resolve(work, lambda_context)
    assert [line["message"] for line in lines()] == ["working", "answered"]
    for line in lines():
        assert _whose(line) == {"tenant_id": "acme", "user_id": SUB, "correlation_id": TRACE}
        assert line["field"] == "thing"


def test_a_route_says_whose_line_it_is(lines: Lines, lambda_context: LambdaContext) -> None:
    app = rest_resolver()

    @app.get("/things")
    def work() -> dict[str, Any]:
        caller_of(app)
        raise NotFoundError("There is no such thing.")

    claims = {"sub": SUB, "token_use": "access", "org_id": "acme"}
    event = {
        "path": "/things",
        "httpMethod": "GET",
        "headers": {"X-Amzn-Trace-Id": TRACE},
        "requestContext": {"authorizer": {"claims": claims}, "stage": "v1"},
    }
    app.resolve(event, lambda_context)
    (line,) = lines()
    assert (line["message"], line["code"]) == ("refused", "NOT_FOUND")
    assert _whose(line) == {"tenant_id": "acme", "user_id": SUB, "correlation_id": TRACE}


def test_a_refusal_before_the_caller_is_known_can_be_followed(
    lines: Lines, lambda_context: LambdaContext
) -> None:
    claims = {"sub": SUB, "token_use": "id"}
    field = {"identity": {"claims": claims}, "info": {"fieldName": "thing"}}
    app = rest_resolver()
    app.get("/things")(lambda: caller_of(app))
    route = {
        "path": "/things",
        "httpMethod": "GET",
        "headers": {},
        "requestContext": {"authorizer": {"claims": claims}, "stage": "v1", "requestId": "r-1"},
    }

    answer(AppSyncResolver(), field, lambda_context)
    app.resolve(route, lambda_context)

    of_field, of_route = lines()
    assert of_field["code"] == of_route["code"] == "UNAUTHENTICATED"
    assert of_field["correlation_id"] == lambda_context.aws_request_id
    assert of_route["correlation_id"] == "r-1"


def test_a_consumer_goes_on_with_the_causes_correlation_id(
    lines: Lines, lambda_context: LambdaContext, stamp: Stamp
) -> None:
    envelope = _envelope(stamp, "acme")
    consume(
        _batch(bus_event(envelope)),
        lambda_context,
        PlatformSenders(ACCOUNT),
        lambda _: logger.info("working"),
    )
    assert [line["message"] for line in lines()] == ["working", "consumed"]
    for line in lines():
        assert _whose(line) == {"tenant_id": "acme", "user_id": SUB, "correlation_id": TRACE}
        assert (line["event_id"], line["event_type"]) == (envelope.id, "ThingChanged")


def test_one_message_of_a_batch_is_never_logged_as_anothers(
    lines: Lines, lambda_context: LambdaContext, stamp: Stamp
) -> None:
    batch = [_envelope(stamp, "acme"), _envelope(stamp, None, "someone"), _envelope(stamp, "b")]

    def work(envelope: Envelope) -> None:
        logger.info(f"working on {envelope.tenant_id}")

    bodies = [bus_event(envelope) for envelope in batch]
    bodies.insert(2, {"no": "event"})
    answered = consume(_batch(*bodies), lambda_context, PlatformSenders(ACCOUNT), work)
    assert answered == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
    seen = [(line["message"], line.get("tenant_id"), line.get("event_id")) for line in lines()]
    assert seen == [
        ("working on acme", "acme", batch[0].id),
        ("consumed", "acme", batch[0].id),
        ("working on None", None, batch[1].id),
        ("consumed", None, batch[1].id),
        ("not believed", None, None),
        ("working on b", "b", batch[2].id),
        ("consumed", "b", batch[2].id),
    ]


def test_what_a_work_names_for_itself_does_not_take_away_what_was_named_around_it(
    lines: Lines, lambda_context: LambdaContext
) -> None:
    def effect(_body: str) -> None:
        with annotated(correlation_id="notice-1", tenant_id="acme"):
            logger.info("inside")

    work(queue_event(["a"]), lambda_context, effect)

    inside, worked = lines()
    assert (inside["correlation_id"], inside["tenant_id"]) == ("notice-1", "acme")
    assert worked["correlation_id"] == lambda_context.aws_request_id
    assert "tenant_id" not in worked


def test_records_that_fail_come_back_alone(
    lines: Lines, lambda_context: LambdaContext, stamp: Stamp
) -> None:
    def work(envelope: Envelope) -> None:
        if envelope.tenant_id == "bad":
            raise ValueError(CANARIES[0])

    tenants = ["good", "bad", "good", "bad"]
    bodies = [bus_event(_envelope(stamp, tenant)) for tenant in tenants]
    senders = PlatformSenders(ACCOUNT)
    answered = consume(_batch(*bodies), lambda_context, senders, work)
    failed = [failure["itemIdentifier"] for failure in answered["batchItemFailures"]]
    assert failed == ["m-1", "m-3"]
    all_bad = consume(_batch(bodies[1]), lambda_context, senders, work)
    assert len(all_bad["batchItemFailures"]) == 1
    foreign = bus_event(_envelope(stamp, "good"), account="111111111111")
    assert len(consume(_batch(foreign), lambda_context, senders, work)["batchItemFailures"]) == 1


def test_a_trigger_names_a_user_by_id_and_never_by_address(
    lines: Lines, lambda_context: LambdaContext
) -> None:
    handler = trigger(lambda _: None)
    handler(cognito_event("PostConfirmation_ConfirmSignUp", SUB), lambda_context)
    handler(cognito_event("UserMigration_Authentication", "canary@x.y"), lambda_context)
    first, second = lines()
    assert (first["user_id"], first["trigger"]) == (SUB, "PostConfirmation_ConfirmSignUp")
    assert "user_id" not in second
    assert first["correlation_id"] == lambda_context.aws_request_id
    assert "canary" not in json.dumps([first, second])


class Form(Input):
    number: int


def _failures() -> list[Callable[[], Any]]:
    aws = {"Error": {"Code": "ValidationException", "Message": f"Value {CANARIES[4]} is wrong"}}

    def chained() -> None:
        try:
            raise KeyError(CANARIES[7])
        except KeyError as error:
            raise RuntimeError(CANARIES[8]) from error

    def raising(error: Exception) -> Callable[[], None]:
        def fail() -> None:
            raise error

        return fail

    return [
        *(raising(ValueError(canary)) for canary in CANARIES),
        raising(ClientError(aws, "PutItem")),  # type: ignore[arg-type]  # as botocore makes it
        raising(CorruptDataError(CANARIES[5])),
        raising(UnavailableError(CANARIES[6])),
        lambda: parse(Form, {"number": CANARIES[9], CANARIES[10]: 1}),
        lambda: Form.model_validate({"number": CANARIES[9]}),
        lambda: dict[str, str]()[CANARIES[11]],
        lambda: int(CANARIES[12]),
        chained,
    ]


def test_what_a_failure_quotes_is_never_logged(
    lines: Lines, lambda_context: LambdaContext, stamp: Stamp, capfd: pytest.CaptureFixture[str]
) -> None:
    senders = PlatformSenders(ACCOUNT)
    event = cognito_event("UserMigration_Authentication", CANARIES[3], password=CANARIES[0])
    for fail in _failures():
        with suppress(Exception):
            _resolve(fail, lambda_context)
        with suppress(Exception):
            trigger(lambda _, fail=fail: fail())(event, lambda_context)  # type: ignore[misc]
        app = rest_resolver()
        app.get("/things")(fail)
        with suppress(Exception):
            app.resolve({"path": "/things", "httpMethod": "GET"}, lambda_context)
        bodies: list[Any] = [bus_event(_envelope(stamp, "acme")), CANARIES[1]]
        consume(_batch(*bodies), lambda_context, senders, lambda _, fail=fail: fail())  # type: ignore[misc]
    said = json.dumps(lines()) + "".join(capfd.readouterr())
    assert len(lines()) > 4 * len(CANARIES)
    assert [canary for canary in CANARIES if canary in said] == []


def test_what_a_failure_was_and_where_is_logged(
    lines: Lines, lambda_context: LambdaContext
) -> None:
    with suppress(Exception):
        _resolve(_failures()[-1], lambda_context)
    (line,) = lines()
    assert (line["level"], line["message"]) == ("ERROR", "failed")
    trace = line["exception"].splitlines()
    assert [entry for entry in trace if not entry.startswith("  ")] == ["KeyError", "RuntimeError"]
    assert "in chained" in trace[-2]


def test_with_the_libraries_own_formatter_messages_would_be_logged(
    lines: Lines, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin."""
    monkeypatch.setattr(
        type(logger.registered_formatter), "formatException", logging.Formatter().formatException
    )
    with suppress(Exception):
        _resolve(_failures()[0], lambda_context)
    assert CANARIES[0] in json.dumps(lines())


def test_our_own_faults_are_errors_and_theirs_are_not(
    lines: Lines, lambda_context: LambdaContext
) -> None:
    def fail(error: Exception) -> Callable[[], None]:
        def work() -> None:
            raise error

        return work

    _resolve(fail(NotFoundError("gone")), lambda_context)
    _resolve(fail(UnavailableError("later")), lambda_context)
    assert [(line["level"], line["code"]) for line in lines()] == [
        ("INFO", "NOT_FOUND"),
        ("ERROR", "UNAVAILABLE"),
    ]
