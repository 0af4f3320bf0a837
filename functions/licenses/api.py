"""The licences context's API function: its GraphQL fields, and the REST route of programs."""

from typing import Any

from aws_lambda_powertools.event_handler import AppSyncResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.licenses.replies import entitlement_reply, license_reply
from tenantry.licenses.bootstrap import license_service
from tenantry.runtime.appsync import answer
from tenantry.runtime.identifiers import now
from tenantry.runtime.observability import logger
from tenantry.runtime.rest import caller_of, rest_resolver

app = AppSyncResolver()
routes = rest_resolver()


@app.resolver(type_name="Query", field_name="licenses")
def licenses(
    first: int | None = None,
    after: str | None = None,
    filter: dict[str, Any] | None = None,
) -> dict[str, Any]:
    page = license_service().listed(app.context["caller"], first, after, filter)
    items = [license_reply(item, now()) for item in page.items]
    return {"items": items, "nextCursor": page.next_cursor}


@app.resolver(type_name="Query", field_name="entitled")
def entitled(productId: str, at: str | None = None) -> dict[str, Any]:  # noqa: N803 - schema
    return entitlement_reply(license_service().entitled(app.context["caller"], productId, at))


@app.resolver(type_name="Mutation", field_name="createLicense")
def create_license(input: dict[str, Any]) -> dict[str, Any]:
    return license_reply(license_service().create(app.context["caller"], input), now())


@app.resolver(type_name="Mutation", field_name="renewLicense")
def renew_license(input: dict[str, Any]) -> dict[str, Any]:
    return license_reply(license_service().renew(app.context["caller"], input), now())


@app.resolver(type_name="Mutation", field_name="revokeLicense")
def revoke_license(input: dict[str, Any]) -> dict[str, Any]:
    return license_reply(license_service().revoke(app.context["caller"], input), now())


@routes.get("/api/entitlements")
def get_entitlement() -> dict[str, Any]:
    caller = caller_of(routes, machines=True)
    asked = routes.current_event.query_string_parameters or {}
    found = license_service().entitled(caller, asked.get("productId", ""), asked.get("at"))
    return entitlement_reply(found)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A resolver's event names its field (`info`), a REST request its method."""
    if "info" in event:
        return answer(app, event, context)
    return routes.resolve(event, context)
