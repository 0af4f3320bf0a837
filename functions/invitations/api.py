"""The invitations context's API function: its GraphQL fields and its REST routes.

Two of the routes are for people without an account. They take the token in the body: the path of a
request is kept in more logs than anybody knows of.
"""

from typing import Any

from aws_lambda_powertools.event_handler import AppSyncResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.invitations.replies import (
    invitation_reply,
    joined_reply,
    link_reply,
    outcome_reply,
    preview_reply,
)
from tenantry.bootstrap import stamp
from tenantry.errors import InvitationInvalidError
from tenantry.invitations.bootstrap.doors import invitation_doors
from tenantry.invitations.bootstrap.inviting import invitation_service
from tenantry.invitations.model import TokenInput
from tenantry.runtime.appsync import answer
from tenantry.runtime.inputs import parse
from tenantry.runtime.observability import logger
from tenantry.runtime.rest import caller_of, json_body, origin_of, rest_resolver

fields = AppSyncResolver()
routes = rest_resolver()


@fields.resolver(type_name="Query", field_name="invitations")
def invitations(
    first: int | None = None,
    after: str | None = None,
    filter: dict[str, Any] | None = None,
) -> dict[str, Any]:
    status = (filter or {}).get("status")
    page = invitation_service().list(fields.context["caller"], first, after, status)
    now = stamp().now()
    return {
        "items": [invitation_reply(each, now) for each in page.items],
        "nextCursor": page.next_cursor,
    }


@fields.resolver(type_name="Query", field_name="invitationLinks")
def invitation_links(first: int | None = None, after: str | None = None) -> dict[str, Any]:
    page = invitation_service().links(fields.context["caller"], first, after)
    now = stamp().now()
    return {
        "items": [link_reply(each, now) for each in page.items],
        "nextCursor": page.next_cursor,
    }


@fields.resolver(type_name="Query", field_name="invitation")
def invitation(token: str) -> dict[str, Any] | None:
    preview = invitation_doors().preview(token)
    return preview_reply(preview) if preview else None


@fields.resolver(type_name="Mutation", field_name="inviteUserToOrganization")
def invite_user(input: dict[str, Any]) -> dict[str, Any]:
    made = invitation_service().invite(fields.context["caller"], input)
    return invitation_reply(made, stamp().now())


@fields.resolver(type_name="Mutation", field_name="inviteUsers")
def invite_users(invitations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    outcomes = invitation_service().invite_many(fields.context["caller"], invitations)
    now = stamp().now()
    return [outcome_reply(each, now) for each in outcomes]


@fields.resolver(type_name="Mutation", field_name="resendInvitation")
def resend_invitation(invitationId: str) -> dict[str, Any]:  # noqa: N803 - the schema's name
    sent = invitation_service().resend(fields.context["caller"], invitationId)
    return invitation_reply(sent, stamp().now())


@fields.resolver(type_name="Mutation", field_name="revokeInvitation")
def revoke_invitation(invitationId: str) -> dict[str, Any]:  # noqa: N803 - the schema's name
    revoked = invitation_service().revoke(fields.context["caller"], invitationId)
    return invitation_reply(revoked, stamp().now())


@fields.resolver(type_name="Mutation", field_name="createInvitationLink")
def create_link(input: dict[str, Any]) -> dict[str, Any]:
    made = invitation_service().create_link(fields.context["caller"], input)
    return link_reply(made, stamp().now())


@fields.resolver(type_name="Mutation", field_name="revokeInvitationLink")
def revoke_link(linkId: str) -> dict[str, Any]:  # noqa: N803 - the schema's name
    revoked = invitation_service().revoke_link(fields.context["caller"], linkId)
    return link_reply(revoked, stamp().now())


@fields.resolver(type_name="Mutation", field_name="acceptOrganizationInvite")
def accept_invite(token: str) -> dict[str, Any]:
    return joined_reply(invitation_doors().accept(fields.context["caller"], token))


@fields.resolver(type_name="Mutation", field_name="declineInvitation")
def decline_invitation(token: str) -> dict[str, Any]:
    invitation_doors().decline(token, fields.context["caller"].cause)
    return {"declined": True}


@routes.post("/api/organizations/<id>/invite")
def post_invite(id: str) -> Response[dict[str, Any]]:
    caller, body = caller_of(routes, id), json_body(routes)
    made = invitation_service().invite(caller, body)
    return Response(201, "application/json", invitation_reply(made, stamp().now()))


@routes.post("/api/invitations/lookup")
def post_lookup() -> dict[str, Any]:
    """For people without an account."""
    origin_of(routes)  # so that the log of a refusal says of which request it is
    preview = invitation_doors().preview(parse(TokenInput, json_body(routes)).token)
    if preview is None:
        raise InvitationInvalidError("There is no such invitation, or no longer.")
    return preview_reply(preview)


@routes.post("/api/invitations/decline")
def post_decline() -> dict[str, Any]:
    """For people without an account."""
    cause = origin_of(routes)
    invitation_doors().decline(parse(TokenInput, json_body(routes)).token, cause)
    return {"declined": True}


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A resolver's event names its field (`info`), a REST request its method."""
    if "info" in event:
        return answer(fields, event, context)
    return routes.resolve(event, context)
