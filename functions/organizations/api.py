"""The organisations context's API function: its GraphQL fields and its REST routes."""

from typing import Any

from aws_lambda_powertools.event_handler import AppSyncResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.organizations.replies import (
    claim_reply,
    member_reply,
    organization_reply,
    session_reply,
    usage_reply,
)
from tenantry.bootstrap import stamp
from tenantry.errors import InvalidInputError
from tenantry.organizations.bootstrap import (
    allowance,
    member_service,
    organization_service,
    support_service,
)
from tenantry.runtime.appsync import answer
from tenantry.runtime.observability import logger
from tenantry.runtime.rest import caller_of, json_body, rest_resolver
from tenantry.tenancy.stored import page_reply

fields = AppSyncResolver()
routes = rest_resolver()


@fields.resolver(type_name="Query", field_name="organization")
def organization() -> dict[str, Any]:
    return organization_reply(organization_service().read(fields.context["caller"]))


@fields.resolver(type_name="Query", field_name="usage")
def usage() -> dict[str, Any]:
    return usage_reply(organization_service().usage(fields.context["caller"]))


@fields.resolver(type_name="Query", field_name="storageUsage")
def storage_usage(first: int | None = None, after: str | None = None) -> dict[str, Any]:
    return page_reply(*organization_service().storage(fields.context["caller"], first, after))


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


@fields.resolver(type_name="Query", field_name="members")
def members(
    first: int | None = None,
    after: str | None = None,
    filter: dict[str, Any] | None = None,
) -> dict[str, Any]:
    page = member_service().page(fields.context["caller"], first, after, filter)
    return {"items": [member_reply(item) for item in page.items], "nextCursor": page.next_cursor}


@fields.resolver(type_name="Mutation", field_name="updateUserRole")
def update_user_role(
    userId: str,  # noqa: N803 - schema
    role: str,
    expectedVersion: int | None = None,  # noqa: N803 - schema
) -> dict[str, Any]:
    caller = fields.context["caller"]
    return member_reply(member_service().update_role(caller, userId, role, expectedVersion))


@fields.resolver(type_name="Mutation", field_name="updateMemberPermissions")
def update_member_permissions(
    userId: str,  # noqa: N803 - schema
    permissions: list[str],
    expectedVersion: int | None = None,  # noqa: N803 - schema
) -> dict[str, Any]:
    caller = fields.context["caller"]
    service = member_service()
    return member_reply(service.update_permissions(caller, userId, permissions, expectedVersion))


@fields.resolver(type_name="Mutation", field_name="suspendMember")
def suspend_member(
    userId: str,  # noqa: N803 - schema
    expectedVersion: int | None = None,  # noqa: N803 - schema
) -> dict[str, Any]:
    caller = fields.context["caller"]
    return member_reply(member_service().suspend(caller, userId, expectedVersion))


@fields.resolver(type_name="Mutation", field_name="reactivateMember")
def reactivate_member(
    userId: str,  # noqa: N803 - schema
    expectedVersion: int | None = None,  # noqa: N803 - schema
) -> dict[str, Any]:
    caller = fields.context["caller"]
    return member_reply(member_service().reactivate(caller, userId, expectedVersion))


@fields.resolver(type_name="Mutation", field_name="removeUser")
def remove_user(
    userId: str,  # noqa: N803 - schema
    expectedVersion: int | None = None,  # noqa: N803 - schema
) -> dict[str, Any]:
    caller = fields.context["caller"]
    return member_reply(member_service().remove(caller, userId, expectedVersion))


@fields.resolver(type_name="Mutation", field_name="leaveOrganization")
def leave_organization(expectedVersion: int | None = None) -> dict[str, Any]:  # noqa: N803
    return member_reply(member_service().leave(fields.context["caller"], expectedVersion))


@fields.resolver(type_name="Mutation", field_name="transferOwnership")
def transfer_ownership(userId: str) -> dict[str, Any]:  # noqa: N803 - schema
    return member_reply(member_service().transfer(fields.context["caller"], userId))


@fields.resolver(type_name="Mutation", field_name="appointOwner")
def appoint_owner(
    organizationId: str,  # noqa: N803 - schema
    userId: str,  # noqa: N803 - schema
    reason: str,
) -> dict[str, Any]:
    caller = fields.context["caller"]
    return member_reply(member_service().appoint(caller, organizationId, userId, reason))


@fields.resolver(type_name="Query", field_name="supportSessions")
def support_sessions(first: int | None = None, after: str | None = None) -> dict[str, Any]:
    page = support_service().page(fields.context["caller"], first, after)
    now = stamp().now()
    return {
        "items": [session_reply(item, now) for item in page.items],
        "nextCursor": page.next_cursor,
    }


@fields.resolver(type_name="Mutation", field_name="openSupportSession")
def open_support_session(
    organizationId: str,  # noqa: N803 - schema
    reason: str,
    minutes: int,
) -> dict[str, Any]:
    caller = fields.context["caller"]
    opened = support_service().open(caller, organizationId, reason, minutes)
    return session_reply(opened, opened.opened_at)


@fields.resolver(type_name="Mutation", field_name="closeSupportSession")
def close_support_session(organizationId: str) -> dict[str, Any]:  # noqa: N803 - schema
    closed = support_service().close(fields.context["caller"], organizationId)
    return session_reply(closed, stamp().now())


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


@routes.post("/api/organizations/<id>/members/<userId>/remove")
def post_member_removal(id: str, userId: str) -> dict[str, Any]:  # noqa: N803 - contract
    return member_reply(member_service().remove(caller_of(routes, id), userId))


@routes.get("/api/usage")
def get_usage() -> dict[str, Any]:
    return usage_reply(allowance().usage(caller_of(routes, machines=True)))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A resolver's event names its field (`info`), a REST request its method."""
    if "info" in event:
        return answer(fields, event, context)
    return routes.resolve(event, context)
