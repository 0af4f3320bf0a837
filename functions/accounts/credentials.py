"""Technical users: which programs act for an organisation, and the credentials they are given."""

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.accounts.replies import credentials_reply, technical_user_reply
from tenantry.accounts.bootstrap.credentials import technical_user_service
from tenantry.runtime.observability import logger
from tenantry.runtime.rest import caller_of, json_body, rest_resolver
from tenantry.tenancy.roles import OPERATOR_GROUP

routes = rest_resolver()


@routes.get("/accounts/<accountId>/technical-user")
def get_technical_user(accountId: str) -> dict[str, Any]:  # noqa: N803 - the path's
    caller = caller_of(routes, machines=True)
    service = technical_user_service()
    account, machines = service.look(caller, accountId, as_operator=OPERATOR_GROUP in caller.groups)
    return technical_user_reply(account, machines, service.token_url)


@routes.post("/accounts/<accountId>/technical-user/credentials")
def post_credentials(accountId: str) -> Response[dict[str, Any]]:  # noqa: N803 - the path's
    caller = caller_of(routes)
    body = json_body(routes) if routes.current_event.body else {}
    service = technical_user_service()
    issued = service.issue(caller, accountId, body)
    # Nobody on the way keeps what is shown once (RFC 6749, 5.1).
    headers: dict[str, str | list[str]] = {"Cache-Control": "no-store"}
    reply = credentials_reply(issued, service.token_url)
    return Response(201, "application/json", reply, headers)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return routes.resolve(event, context)
