"""The organisations context's API function: its GraphQL fields and its REST route."""

from typing import Any

from aws_lambda_powertools.event_handler import AppSyncResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.organizations.replies import claim_reply, organization_reply, usage_reply
from tenantry.errors import InvalidInputError
from tenantry.organizations.bootstrap import organization_service
from tenantry.runtime.appsync import answer
from tenantry.runtime.observability import logger
from tenantry.runtime.rest import caller_of, json_body, rest_resolver

fields = AppSyncResolver()
routes = rest_resolver()


@fields.resolver(type_name="Query", field_name="organization")
def organization() -> dict[str, Any]:
    return organization_reply(organization_service().read(fields.context["caller"]))


@fields.resolver(type_name="Query", field_name="usage")
def usage() -> dict[str, Any]:
    return usage_reply(organization_service().usage(fields.context["caller"]))


@fields.resolver(type_name="Mutation", field_name="createOrganization")
def create_organization(input: dict[str, Any]) -> dict[str, Any]:
    return organization_reply(organization_service().create(fields.context["caller"], input))


@fields.resolver(type_name="Mutation", field_name="updateOrganization")
def update_organization(input: dict[str, Any]) -> dict[str, Any]:
    return organization_reply(organization_service().update(fields.context["caller"], input))


@fields.resolver(type_name="Mutation", field_name="updateOrganizationSettings")
def update_settings(input: dict[str, Any]) -> dict[str, Any]:
    caller = fields.context["caller"]
    return organization_reply(organization_service().update_settings(caller, input))


@fields.resolver(type_name="Mutation", field_name="claimDomain")
def claim_domain(domain: str) -> dict[str, Any]:
    return claim_reply(organization_service().claim_domain(fields.context["caller"], domain))


@fields.resolver(type_name="Mutation", field_name="verifyDomain")
def verify_domain(domain: str) -> dict[str, Any]:
    return claim_reply(organization_service().verify_domain(fields.context["caller"], domain))


@fields.resolver(type_name="Mutation", field_name="releaseDomain")
def release_domain(domain: str) -> dict[str, Any]:
    return claim_reply(organization_service().release_domain(fields.context["caller"], domain))


@fields.resolver(type_name="Mutation", field_name="suspendOrganization")
def suspend_organization(organizationId: str, reason: str) -> dict[str, Any]:  # noqa: N803 - schema
    caller = fields.context["caller"]
    return organization_reply(organization_service().suspend(caller, organizationId, reason))


@fields.resolver(type_name="Mutation", field_name="reactivateOrganization")
def reactivate_organization(organizationId: str, reason: str) -> dict[str, Any]:  # noqa: N803
    caller = fields.context["caller"]
    return organization_reply(organization_service().reactivate(caller, organizationId, reason))


@routes.post("/api/organizations")
def post_organization() -> Response[dict[str, Any]]:
    caller, body = caller_of(routes), json_body(routes)
    if key := routes.current_event.headers.get("idempotency-key"):
        if body.get("clientMutationId", key) != key:
            fault = "differs from the header Idempotency-Key"
            raise InvalidInputError([{"field": "clientMutationId", "message": fault}])
        body["clientMutationId"] = key
    founded = organization_reply(organization_service().create(caller, body))
    return Response(201, "application/json", founded)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A resolver's event names its field (`info`), a REST request its method."""
    if "info" in event:
        return answer(fields, event, context)
    return routes.resolve(event, context)
