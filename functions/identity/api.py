"""GraphQL: the signed-in person, their organisations, and operators' decisions on people."""

from typing import Any

from aws_lambda_powertools.event_handler import AppSyncResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.identity.replies import membership_reply, person_reply, status_reply
from tenantry.identity.bootstrap.people import people
from tenantry.runtime.appsync import answer
from tenantry.runtime.observability import logger

app = AppSyncResolver()


@app.resolver(type_name="Query", field_name="me")
def me() -> dict[str, Any]:
    return person_reply(people().me(app.context["caller"]))


@app.resolver(type_name="Mutation", field_name="updateProfile")
def update_profile(input: dict[str, Any]) -> dict[str, Any]:
    return person_reply(people().update(app.context["caller"], input))


@app.resolver(type_name="Query", field_name="myOrganizations")
def my_organizations(first: int | None = None, after: str | None = None) -> dict[str, Any]:
    page = people().memberships(app.context["caller"], first, after)
    return {
        "items": [membership_reply(each) for each in page.items],
        "nextCursor": page.next_cursor,
    }


@app.resolver(type_name="Mutation", field_name="switchOrganization")
def switch_organization(organizationId: str) -> dict[str, Any]:  # noqa: N803  # the schema's name
    return membership_reply(people().switch(app.context["caller"], organizationId))


@app.resolver(type_name="Mutation", field_name="suspendUser")
def suspend_user(userId: str, reason: str) -> dict[str, Any]:  # noqa: N803  # the schema's name
    """In the user pool that vouches for the operator."""
    return status_reply(people().suspend(app.context["caller"], _pool_id(), userId, reason))


@app.resolver(type_name="Mutation", field_name="reactivateUser")
def reactivate_user(userId: str, reason: str) -> dict[str, Any]:  # noqa: N803  # the schema's name
    return status_reply(people().reactivate(app.context["caller"], userId, reason))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    app.append_context(issuer=str(((event.get("identity") or {}).get("claims") or {}).get("iss")))
    return answer(app, event, context)


def _pool_id() -> str:
    """The user pool that vouches for the caller: the end of their token's issuer."""
    issuer: str = app.context["issuer"]
    return issuer.rpartition("/")[2]
