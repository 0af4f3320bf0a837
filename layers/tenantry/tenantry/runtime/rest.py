"""REST answers: JSON, and problem+json (RFC 9457) with the same codes as GraphQL."""

import json
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response

from tenantry.errors import InvalidInputError, NotFoundError, TenantryError
from tenantry.messaging.event import Actor, RequestOrigin
from tenantry.messaging.stamp import Cause
from tenantry.runtime.failures import FAILED, is_ours
from tenantry.runtime.identifiers import now as time_now
from tenantry.runtime.observability import annotate, logger, note
from tenantry.tenancy.caller import ORGANIZATION_HEADER, Caller

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER = "Retry-After"
_LONGEST_AGENT = 512


class RouteFailedError(Exception):
    """A request could not be answered for a reason of our own; its cause is in the log."""


def rest_resolver(
    allowed_origin: str = "*", now: Callable[[], datetime] = time_now
) -> APIGatewayRestResolver:
    """A resolver whose expected outcomes answer problem+json."""
    app = APIGatewayRestResolver(
        cors=CORSConfig(
            allow_origin=allowed_origin,
            allow_headers=["authorization", "content-type", "idempotency-key", ORGANIZATION_HEADER],
            expose_headers=[RETRY_AFTER],
        )
    )

    @app.exception_handler(TenantryError)  # type: ignore[untyped-decorator]  # untyped upstream
    def refused(error: TenantryError) -> Response[str]:
        note(error)
        return problem(error, now())

    @app.exception_handler(Exception)  # type: ignore[untyped-decorator]  # untyped upstream
    def failed(_error: Exception) -> Response[str]:
        logger.exception("failed")
        raise RouteFailedError(FAILED) from None

    @app.not_found
    def not_found(_error: Exception) -> Response[str]:
        return problem(NotFoundError("There is nothing at this address."), now())

    return app


def problem(error: TenantryError, now: datetime) -> Response[str]:
    """`error` as problem+json: its status, title, code, a message to act on, and its details.

    Of a failure of our own, the one safe text. Where it is known when to try again, `Retry-After`
    says so in seconds (RFC 9110, 10.2.3).
    """
    wait = error.wait(now)
    body = {
        "type": f"urn:tenantry:error:{error.code.lower()}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "code": error.code,
        "detail": FAILED if is_ours(error) else str(error),
        **({} if is_ours(error) else error.details),
    }
    headers: dict[str, str | list[str]] = {} if wait is None else {RETRY_AFTER: str(wait)}
    return Response(error.status, PROBLEM_JSON, json.dumps(body), headers)


def caller_of(
    app: APIGatewayRestResolver, organization_id: str | None = None, *, machines: bool = False
) -> Caller:
    """The verified caller of the current request, noted on every later log line.

    MachineNotAllowedError for a program, unless `machines` may come in here.
    """
    event = app.current_event.raw_event
    request_id = event.get("requestContext", {}).get("requestId")
    annotate(correlation_id=request_id)
    caller = Caller.from_rest(event, organization_id, machines=machines)
    if caller.correlation_id is None:
        caller = caller.model_copy(update={"correlation_id": request_id})
    annotate(
        tenant_id=caller.tenant_id,
        user_id=caller.user_id,
        correlation_id=caller.correlation_id,
    )
    return caller


def origin_of(app: APIGatewayRestResolver) -> Cause:
    """Whoever asks without an account, as the cause of what follows: whence, and in which request.

    Who they are nobody knows; that they hold a secret is for the service to see.
    """
    context = app.current_event.raw_event.get("requestContext") or {}
    agent = next(
        (
            value
            for name, value in (app.current_event.raw_event.get("headers") or {}).items()
            if name.lower() == "user-agent"
        ),
        None,
    )
    annotate(correlation_id=context.get("requestId"))
    return Cause(
        actor=Actor(id="anonymous"),
        correlation_id=context.get("requestId"),
        request=RequestOrigin(
            source_ip=(context.get("identity") or {}).get("sourceIp"),
            user_agent=str(agent)[:_LONGEST_AGENT] if agent else None,
        ),
    )


def json_body(app: APIGatewayRestResolver) -> dict[str, Any]:
    """The request's JSON object; InvalidInputError for anything else."""
    fault = "must be a JSON object"
    try:
        body = json.loads(app.current_event.decoded_body or "")
    except (ValueError, RecursionError) as error:
        raise InvalidInputError([{"field": "body", "message": fault}]) from error
    if not isinstance(body, dict):
        raise InvalidInputError([{"field": "body", "message": fault}])
    return body
