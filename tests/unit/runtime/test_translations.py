"""Each expected outcome has one code and one status, at every door; nothing else is told."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import AppSyncResolver
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry import errors
from tenantry.errors import (
    ApiLimitExceededError,
    Excess,
    InvalidInputError,
    InvitationQuotaError,
    OrganizationMovingError,
    OverNewLimitsError,
    TenantryError,
)
from tenantry.runtime.appsync import ResolverFailedError, answer
from tenantry.runtime.cognito import RefusedError, TriggerFailedError, trigger
from tenantry.runtime.rest import RouteFailedError, caller_of, json_body, rest_resolver
from tests.support.triggers import cognito_event

CODES: dict[str, tuple[str, int]] = {
    "InvalidInputError": ("INVALID_INPUT", 400),
    "UnauthenticatedError": ("UNAUTHENTICATED", 401),
    "ForbiddenError": ("FORBIDDEN", 403),
    "NotAMemberError": ("NOT_A_MEMBER", 403),
    "MachineNotAllowedError": ("MACHINE_NOT_ALLOWED", 403),
    "OwnApprovalError": ("OWN_APPROVAL", 403),
    "OrganizationSuspendedError": ("ORGANIZATION_SUSPENDED", 403),
    "NoOrganizationError": ("NO_ORGANIZATION", 409),
    "InvitationForOtherError": ("INVITATION_FOR_OTHER", 403),
    "NotFoundError": ("NOT_FOUND", 404),
    "InvitationInvalidError": ("INVITATION_INVALID", 404),
    "ShreddedError": ("SHREDDED", 404),
    "ConflictError": ("CONFLICT", 409),
    "SlugTakenError": ("SLUG_TAKEN", 409),
    "DomainTakenError": ("DOMAIN_TAKEN", 409),
    "LicenseOverlapError": ("LICENSE_OVERLAP", 409),
    "LastOwnerError": ("LAST_OWNER", 409),
    "AccountExistsError": ("ACCOUNT_EXISTS", 409),
    "PlanChangedError": ("PLAN_CHANGED", 409),
    "ApprovalExpiredError": ("APPROVAL_EXPIRED", 409),
    "OrganizationMovingError": ("ORGANIZATION_MOVING", 409),
    "UnknownRouteError": ("UNKNOWN_ROUTE", 409),
    "ProvisioningError": ("PROVISIONING_FAILED", 409),
    "StackFailedError": ("STACK_FAILED", 409),
    "AccountShutError": ("ACCOUNT_SHUT", 409),
    "GuardrailMissingError": ("GUARDRAIL_MISSING", 409),
    "VendingFailedError": ("VENDING_FAILED", 409),
    "ExternalIdIgnoredError": ("EXTERNAL_ID_IGNORED", 409),
    "HostingNotOfferedError": ("HOSTING_NOT_OFFERED", 409),
    "LeftoversError": ("LEFTOVERS", 409),
    "ProbeFailedError": ("PROBE_FAILED", 409),
    "CopyDiffersError": ("COPY_DIFFERS", 409),
    "MoveUnconfirmedError": ("MOVE_UNCONFIRMED", 409),
    "OperationCancelledError": ("CANCELLED", 409),
    "OperationCommittedError": ("COMMITTED", 409),
    "OperationSupersededError": ("SUPERSEDED", 409),
    "StreamSilentError": ("STREAM_SILENT", 409),
    "AlreadyMemberError": ("ALREADY_MEMBER", 409),
    "IdempotencyMismatchError": ("IDEMPOTENCY_MISMATCH", 409),
    "LimitExceededError": ("LIMIT_EXCEEDED", 409),
    "InvitationQuotaError": ("INVITATION_QUOTA", 409),
    "EmailNotConfiguredError": ("EMAIL_NOT_CONFIGURED", 409),
    "ApiLimitExceededError": ("API_LIMIT_EXCEEDED", 429),
    "OverNewLimitsError": ("OVER_NEW_LIMITS", 409),
    "BillingNotConfiguredError": ("BILLING_NOT_CONFIGURED", 409),
    "PaymentDeclinedError": ("PAYMENT_DECLINED", 409),
    "DomainNotProvenError": ("DOMAIN_NOT_PROVEN", 409),
    "UnavailableError": ("UNAVAILABLE", 503),
    "CorruptDataError": ("CORRUPT_DATA", 500),
}
FAULTS = [{"field": "name", "message": "must not be blank"}, {"field": "slug", "message": "taken"}]
OVER: list[Excess] = [{"limit": "users", "used": 9, "allowed": 5}]
RESETS_AT = datetime(2026, 4, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 31, 23, 58, 29, 400_000, tzinfo=UTC)
SECRET = "s3cret-in-a-message"
FAILED = "The service could not answer. Try again later."
OURS = [name for name, (_, status) in CODES.items() if status >= 500]
THEIRS = [name for name in CODES if name not in OURS]
SUB = "0198f2a4-0000-7000-8000-000000000001"
CLAIMS = {"sub": SUB, "token_use": "access", "org_id": "acme"}


def _made(name: str) -> TenantryError:
    kind: type[TenantryError] = getattr(errors, name)
    if kind is InvalidInputError:
        return InvalidInputError(FAULTS, "words for people")  # type: ignore[arg-type]  # plain
    if kind is ApiLimitExceededError:
        return ApiLimitExceededError(9, RESETS_AT, "words for people")
    if kind is OverNewLimitsError:
        return OverNewLimitsError(OVER)
    if kind is InvitationQuotaError:
        return InvitationQuotaError("words for people", RESETS_AT)
    return kind("words for people")


def _words(name: str) -> str:
    """What people read of it; of what is over new limits, always the list."""
    told = "More is in use than this plan allows: users 9 of 5."
    return told if name == "OverNewLimitsError" else "words for people"


def _details(name: str) -> dict[str, Any]:
    details: dict[str, dict[str, Any]] = {
        "InvalidInputError": {"faults": FAULTS},
        "OverNewLimitsError": {"over": OVER},
        "OrganizationMovingError": {"retryAfter": 30},
        "InvitationQuotaError": {"resetsAt": "2026-04-01T00:00:00+00:00"},
        "ApiLimitExceededError": {"limit": 9, "resetsAt": "2026-04-01T00:00:00+00:00"},
    }
    return details.get(name, {})


def _said(name: str) -> str:
    return FAILED if name in OURS else _words(name)


def _raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail


def _kinds(kind: type[TenantryError] = TenantryError) -> set[str]:
    return {kind.__name__}.union(*(_kinds(each) for each in kind.__subclasses__()))


def _graphql(resolve: Callable[..., Any], context: LambdaContext) -> dict[str, Any]:
    """https://docs.aws.amazon.com/appsync/latest/devguide/resolver-context-reference.html"""
    app = AppSyncResolver()
    app.resolver(type_name="Query", field_name="thing")(resolve)
    event = {
        "arguments": {},
        "identity": {"claims": CLAIMS, "sourceIp": ["198.51.100.7"]},
        "request": {"headers": {}},
        "info": {"parentTypeName": "Query", "fieldName": "thing", "variables": {}},
    }
    return answer(app, event, context)


def _request(path: str = "/things", method: str = "POST", body: str | None = None) -> Any:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html"""
    event = {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "pathParameters": None,
        "body": body,
        "isBase64Encoded": False,
        "requestContext": {
            "authorizer": {"claims": CLAIMS},
            "identity": {"sourceIp": "198.51.100.7"},
            "requestId": "request-1",
            "stage": "v1",
            "path": path,
        },
    }
    return APIGatewayProxyEvent(event).raw_event


def _rest(
    resolve: Callable[..., Any], context: LambdaContext, request: Any = None
) -> dict[str, Any]:
    app = rest_resolver(now=lambda: NOW)
    app.post("/things")(resolve)
    reply: dict[str, Any] = app.resolve(request or _request(), context)
    return reply


def test_the_table_names_every_outcome_there_is() -> None:
    assert _kinds() - {"TenantryError"} == set(CODES)
    for name, (code, status) in CODES.items():
        kind = getattr(errors, name)
        assert (kind.code, kind.status) == (code, status)


@pytest.mark.parametrize("name", CODES)
def test_a_resolver_answers_the_code_and_the_faults(
    name: str, lambda_context: LambdaContext
) -> None:
    assert _graphql(_raising(_made(name)), lambda_context) == {
        "error": {"message": _said(name), "code": CODES[name][0], "details": _details(name)}
    }


@pytest.mark.parametrize("name", CODES)
def test_a_route_answers_problem_json(name: str, lambda_context: LambdaContext) -> None:
    code, status = CODES[name]
    reply = _rest(_raising(_made(name)), lambda_context)
    assert reply["statusCode"] == status
    assert reply["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]
    problem = json.loads(reply["body"])
    assert problem.pop("title")
    assert problem == {
        "type": f"urn:tenantry:error:{code.lower()}",
        "status": status,
        "code": code,
        "detail": _said(name),
        **_details(name),
    }


WAITS = {"OrganizationMovingError": 30, "ApiLimitExceededError": 91, "InvitationQuotaError": 91}


@pytest.mark.parametrize("name", CODES)
def test_a_route_says_when_to_try_again_where_it_is_known(
    name: str, lambda_context: LambdaContext
) -> None:
    """https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"""
    headers = _rest(_raising(_made(name)), lambda_context)["multiValueHeaders"]
    wanted = [str(WAITS[name])] if name in WAITS else None
    assert headers.get("Retry-After") == wanted


@pytest.mark.parametrize(
    "error",
    [
        ApiLimitExceededError(9, NOW),
        ApiLimitExceededError(9, NOW.replace(microsecond=400_001)),
        ApiLimitExceededError(9, NOW.replace(year=2025)),
        OrganizationMovingError("moving", 0),
    ],
)
def test_nobody_is_told_to_try_again_at_once(
    error: TenantryError, lambda_context: LambdaContext
) -> None:
    assert _rest(_raising(error), lambda_context)["multiValueHeaders"]["Retry-After"] == ["1"]


def test_a_browsers_script_may_read_when_to_try_again(lambda_context: LambdaContext) -> None:
    request = _request()
    request["headers"] = {"Origin": "https://app.example.com"}
    reply = _rest(_raising(_made("ApiLimitExceededError")), lambda_context, request)
    assert reply["multiValueHeaders"]["Access-Control-Expose-Headers"] == ["Retry-After"]


@pytest.mark.parametrize("name", THEIRS)
def test_a_trigger_refuses_in_words(name: str, lambda_context: LambdaContext) -> None:
    handler = trigger(_raising(_made(name)))
    with pytest.raises(RefusedError, match=f"^{re.escape(_words(name))}$") as refused:
        handler(cognito_event("PreSignUp_SignUp", SUB), lambda_context)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("name", OURS)
def test_a_trigger_does_not_say_what_is_unavailable_or_corrupt(
    name: str, lambda_context: LambdaContext
) -> None:
    with pytest.raises(TriggerFailedError, match=f"^{re.escape(FAILED)}$") as failed:
        trigger(_raising(_made(name)))(cognito_event("PreSignUp_SignUp", SUB), lambda_context)
    assert failed.value.__suppress_context__


@pytest.mark.parametrize("name", CODES)
def test_a_resolver_counts_the_failures_of_our_own(
    name: str, lambda_context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    _graphql(_raising(_made(name)), lambda_context)
    counted = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [metric["ServerFaults"] for metric in counted] == ([[1.0]] if name in OURS else [])


def test_answers_are_data(lambda_context: LambdaContext) -> None:
    assert _graphql(lambda: {"id": "1"}, lambda_context) == {"data": {"id": "1"}}
    assert json.loads(_rest(lambda: {"id": "1"}, lambda_context)["body"]) == {"id": "1"}
    event = cognito_event("PreSignUp_SignUp", SUB)
    assert trigger(lambda e: e["response"].update(ok=1))(event, lambda_context)["response"] == {
        "ok": 1
    }


@pytest.mark.parametrize(
    ("door", "failure"),
    [(_graphql, ResolverFailedError), (_rest, RouteFailedError)],
)
def test_what_is_not_expected_fails_under_one_safe_text(
    door: Callable[..., Any], failure: type[Exception], lambda_context: LambdaContext
) -> None:
    with pytest.raises(failure, match=f"^{re.escape(FAILED)}$") as failed:
        door(_raising(ValueError(SECRET)), lambda_context)
    assert failed.value.__suppress_context__


def test_a_trigger_that_fails_says_no_more(lambda_context: LambdaContext) -> None:
    with pytest.raises(TriggerFailedError) as failed:
        trigger(_raising(ValueError(SECRET)))(cognito_event("x", SUB), lambda_context)
    assert SECRET not in str(failed.value)


def test_an_address_without_a_route_is_not_found(lambda_context: LambdaContext) -> None:
    reply = _rest(lambda: {}, lambda_context, _request("/nothing", "GET"))
    assert reply["statusCode"] == 404
    assert json.loads(reply["body"])["code"] == "NOT_FOUND"


def test_a_browser_may_ask_first(lambda_context: LambdaContext) -> None:
    request = _request(method="OPTIONS")
    request["headers"] = {"Origin": "https://app.example.com"}
    reply = _rest(lambda: {}, lambda_context, request)
    assert reply["statusCode"] == 204
    assert "x-organization-id" in reply["multiValueHeaders"]["Access-Control-Allow-Headers"][0]


@pytest.mark.parametrize(
    "body", [None, "", "null", "[]", "5", '"a"', "{", "[" * 100_000, "\x00", '{"a":}']
)
def test_a_body_that_is_no_object_is_refused(
    body: str | None, lambda_context: LambdaContext
) -> None:
    app = rest_resolver()

    @app.post("/things")
    def resolve() -> dict[str, Any]:
        return json_body(app)

    reply = app.resolve(_request(body=body), lambda_context)
    assert reply["statusCode"] == 400
    assert json.loads(reply["body"])["faults"] == [
        {"field": "body", "message": "must be a JSON object"}
    ]


def test_a_request_without_a_trace_is_known_by_its_own_id(lambda_context: LambdaContext) -> None:
    app = rest_resolver()

    @app.post("/things")
    def resolve() -> dict[str, Any]:
        return {"id": caller_of(app).correlation_id}

    assert json.loads(app.resolve(_request(), lambda_context)["body"]) == {"id": "request-1"}
