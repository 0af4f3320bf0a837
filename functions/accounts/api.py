"""The accounts context's API function: its GraphQL fields and its REST routes.

REST is for operators of the platform, for any organisation, and for owners; GraphQL for owners.
"""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import AppSyncResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.accounts.replies import (
    account_reply,
    compared_reply,
    operation_reply,
    outcome_reply,
    plan_reply,
)
from tenantry.accounts.bootstrap.api import account_service
from tenantry.accounts.model import Outcome
from tenantry.errors import InvalidInputError, NotFoundError
from tenantry.runtime.appsync import answer
from tenantry.runtime.observability import logger
from tenantry.runtime.rest import caller_of, json_body, rest_resolver
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import OPERATOR_GROUP
from tenantry.tenancy.stored import page_reply

if TYPE_CHECKING:
    from tenantry.accounts.comparing import ComparisonService
    from tenantry.accounts.teardown_service import TeardownService

fields = AppSyncResolver()
routes = rest_resolver()


@fields.resolver(type_name="Query", field_name="account")
def account() -> dict[str, Any] | None:
    found = account_service().own(fields.context["caller"])
    return account_reply(found) if found else None


@fields.resolver(type_name="Query", field_name="accountOperation")
def account_operation(accountId: str, operationId: str) -> dict[str, Any] | None:  # noqa: N803
    caller = fields.context["caller"]
    try:
        found, events = account_service().operation(caller, accountId, operationId)
    except NotFoundError:
        return None
    return operation_reply(found, events)


@fields.resolver(type_name="Mutation", field_name="requestAccount")
def request_account(
    input: dict[str, Any],
    dryRun: bool = False,  # noqa: N803 - schema
    plan: str | None = None,
) -> dict[str, Any]:
    caller = fields.context["caller"]
    return outcome_reply(account_service().request(caller, input, dry_run=dryRun, plan=plan))


@fields.resolver(type_name="Mutation", field_name="retryAccount")
def retry_account(
    accountId: str,  # noqa: N803 - schema
    dryRun: bool = False,  # noqa: N803 - schema
    plan: str | None = None,
) -> dict[str, Any]:
    caller = fields.context["caller"]
    return outcome_reply(account_service().retry(caller, accountId, dry_run=dryRun, plan=plan))


@fields.resolver(type_name="Mutation", field_name="cancelAccountOperation")
def cancel_account_operation(
    accountId: str,  # noqa: N803 - schema
    dryRun: bool = False,  # noqa: N803 - schema
    plan: str | None = None,
) -> dict[str, Any]:
    caller = fields.context["caller"]
    return outcome_reply(account_service().cancel(caller, accountId, dry_run=dryRun, plan=plan))


@fields.resolver(type_name="Mutation", field_name="moveAccount")
def move_account(
    accountId: str,  # noqa: N803 - schema
    to: str,
    dryRun: bool = False,  # noqa: N803 - schema
    plan: str | None = None,
) -> dict[str, Any]:
    caller = fields.context["caller"]
    given = {"to": to}
    return outcome_reply(
        account_service().move(caller, accountId, given, dry_run=dryRun, plan=plan)
    )


@fields.resolver(type_name="Query", field_name="accountTeardownPlan")
def account_teardown_plan(accountId: str) -> dict[str, Any]:  # noqa: N803 - schema
    return plan_reply(_teardowns().plan(fields.context["caller"], accountId))


@fields.resolver(type_name="Query", field_name="accountComparison")
def account_comparison(
    accountId: str,  # noqa: N803 - schema
    after: str | None = None,
) -> dict[str, Any]:
    return compared_reply(_comparisons().page(fields.context["caller"], accountId, after))


@fields.resolver(type_name="Mutation", field_name="teardownAccount")
def teardown_account(
    accountId: str,  # noqa: N803 - schema
    dryRun: bool = False,  # noqa: N803 - schema
    plan: str | None = None,
) -> dict[str, Any]:
    caller = fields.context["caller"]
    return outcome_reply(_teardowns().request(caller, accountId, dry_run=dryRun, plan=plan))


@fields.resolver(type_name="Mutation", field_name="approveAccountTeardown")
def approve_account_teardown(
    accountId: str,  # noqa: N803 - schema
    approvalId: str,  # noqa: N803 - schema
) -> dict[str, Any]:
    caller = fields.context["caller"]
    return outcome_reply(_teardowns().approve(caller, accountId, {"approvalId": approvalId}))


@routes.post("/accounts")
def post_account() -> Response[dict[str, Any]]:
    caller, body = caller_of(routes), json_body(routes)
    reason = body.pop("reason", None)
    if key := routes.current_event.headers.get("idempotency-key"):
        if body.get("clientMutationId", key) != key:
            fault = "differs from the header Idempotency-Key"
            raise InvalidInputError([{"field": "clientMutationId", "message": fault}])
        body["clientMutationId"] = key
    return _answered(account_service().request(caller, body, **_how(caller, reason)))


@routes.get("/accounts")
def get_accounts() -> dict[str, Any]:
    caller = caller_of(routes, machines=True)
    page = account_service().page(
        caller, _first(), _query("after"), as_operator=_is_operator(caller)
    )
    return {
        "items": [account_reply(found) for found in page.items],
        "nextCursor": page.next_cursor,
    }


@routes.get("/accounts/<accountId>")
def get_account(accountId: str) -> dict[str, Any]:  # noqa: N803 - the path's
    caller = caller_of(routes, machines=True)
    found = account_service().read(caller, accountId, as_operator=_is_operator(caller))
    return account_reply(found)


@routes.get("/accounts/<accountId>/operations/<operationId>")
def get_operation(accountId: str, operationId: str) -> dict[str, Any]:  # noqa: N803 - the path's
    caller = caller_of(routes, machines=True)
    found, events = account_service().operation(
        caller, accountId, operationId, as_operator=_is_operator(caller)
    )
    return operation_reply(found, events)


@routes.get("/accounts/<accountId>/storage")
def get_storage(accountId: str) -> dict[str, Any]:  # noqa: N803 - the path's
    caller = caller_of(routes)
    return page_reply(
        *account_service().storage(
            caller, accountId, _first(), _query("after"), as_operator=_is_operator(caller)
        )
    )


@routes.post("/accounts/<accountId>/retry")
def post_retry(accountId: str) -> Response[dict[str, Any]]:  # noqa: N803 - the path's
    caller = caller_of(routes)
    return _answered(account_service().retry(caller, accountId, **_how(caller, _reason())))


@routes.post("/accounts/<accountId>/cancel")
def post_cancel(accountId: str) -> Response[dict[str, Any]]:  # noqa: N803 - the path's
    caller = caller_of(routes)
    return _answered(account_service().cancel(caller, accountId, **_how(caller, _reason())))


@routes.post("/accounts/<accountId>/move")
def post_move(accountId: str) -> Response[dict[str, Any]]:  # noqa: N803 - the path's
    caller, body = caller_of(routes), json_body(routes)
    how = _how(caller, body.pop("reason", None))
    return _answered(account_service().move(caller, accountId, body, **how))


@routes.get("/accounts/<accountId>/comparison")
def get_comparison(accountId: str) -> dict[str, Any]:  # noqa: N803 - the path's
    caller = caller_of(routes)
    return compared_reply(
        _comparisons().page(caller, accountId, _query("after"), as_operator=_is_operator(caller))
    )


@routes.get("/accounts/<accountId>/teardown-plan")
def get_teardown_plan(accountId: str) -> dict[str, Any]:  # noqa: N803 - the path's
    caller = caller_of(routes)
    return plan_reply(_teardowns().plan(caller, accountId, as_operator=_is_operator(caller)))


@routes.delete("/accounts/<accountId>")
def delete_account(accountId: str) -> Response[dict[str, Any]]:  # noqa: N803 - the path's
    caller = caller_of(routes)
    return _answered(_teardowns().request(caller, accountId, **_how(caller, _query("reason"))))


@routes.post("/accounts/<accountId>/approve")
def post_approve(accountId: str) -> Response[dict[str, Any]]:  # noqa: N803 - the path's
    caller, body = caller_of(routes), json_body(routes)
    reason, as_operator = body.pop("reason", None), _is_operator(caller)
    return _answered(
        _teardowns().approve(caller, accountId, body, as_operator=as_operator, reason=reason)
    )


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A resolver's event names its field (`info`), a REST request its method."""
    if "info" in event:
        return answer(fields, event, context)
    return routes.resolve(event, context)


def _teardowns() -> "TeardownService":
    """Rare, and it knows many services: imported when it is asked for."""
    from tenantry.accounts.bootstrap.ending import teardown_service

    return teardown_service()


def _comparisons() -> "ComparisonService":
    from tenantry.accounts.bootstrap.ending import comparison_service

    return comparison_service()


def _is_operator(caller: Caller) -> bool:
    """Who comes as an operator is held to it: the service reads whether they still are one."""
    return OPERATOR_GROUP in caller.groups


def _query(name: str) -> str | None:
    return (routes.current_event.query_string_parameters or {}).get(name)


def _reason() -> Any:
    """Of a request that needs no body."""
    return json_body(routes).get("reason") if routes.current_event.body else None


def _how(caller: Caller, reason: Any) -> dict[str, Any]:
    """As whom, whether only to look what would happen, on which plan, and why."""
    dry_run = _query("dryRun")
    if dry_run not in (None, "true", "false"):
        raise InvalidInputError([{"field": "dryRun", "message": "must be true or false"}])
    return {
        "as_operator": _is_operator(caller),
        "dry_run": dry_run == "true",
        "plan": _query("plan"),
        "reason": reason,
    }


def _first() -> int | None:
    given = _query("first")
    if given is not None and not given.isdecimal():
        raise InvalidInputError([{"field": "first", "message": "must be a number"}])
    return int(given[:9]) if given else None


def _answered(outcome: Outcome) -> Response[dict[str, Any]]:
    """202 for what has begun and goes on; 200 for what would happen."""
    status = 200 if outcome.plan else 202
    return Response(status, "application/json", outcome_reply(outcome))
