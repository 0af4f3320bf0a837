"""What is asked of billing across tenants."""

from datetime import UTC, datetime, timedelta

from functions.billing import api
from tests.integration.isolation.asking import Question, Seeded, operated
from tests.integration.isolation.conftest import World, canary, tenant_id

UNTIL = (datetime.now(UTC) + timedelta(days=365)).strftime("%Y-%m-%dT00:00:00Z")


def seeded(world: World, tenant: int) -> Seeded:
    given = {"organizationId": tenant_id(tenant), "plan": "PROFESSIONAL"}
    reason = canary(tenant, "reason")
    operated(world, api.handler, "grantPlan", **given, until=UNTIL, reason=reason)
    return Seeded(tenant, {})


QUESTIONS = (
    Question(api.handler, "subscription", names_none=True),
    Question(
        api.handler,
        "updateSubscription",
        lambda _: {"input": {"plan": "ENTERPRISE"}},
        names_none=True,
    ),
    Question(api.handler, "startTrial", lambda _: {"input": {"plan": "STARTER"}}, names_none=True),
    Question(
        api.handler,
        "cancelSubscription",
        lambda _: {"input": {"closeOrganization": True}},
        names_none=True,
    ),
    Question(api.handler, "resumeSubscription", names_none=True),
    Question(
        api.handler,
        "createCheckoutSession",
        lambda _: {"input": {"plan": "STARTER"}},
        names_none=True,
    ),
    Question(api.handler, "createPortalSession", names_none=True),
    Question(
        api.handler,
        "grantPlan",
        lambda other: {
            "organizationId": other.tenant_id,
            "plan": "ENTERPRISE",
            "until": UNTIL,
            "reason": "asked",
        },
        by_operators=True,
    ),
)
