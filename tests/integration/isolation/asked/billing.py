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


_IN_ONES_OWN = {
    "subscription": {},
    "updateSubscription": {"input": {"plan": "ENTERPRISE"}},
    "startTrial": {"input": {"plan": "STARTER"}},
    "cancelSubscription": {"input": {"closeOrganization": True}},
    "resumeSubscription": {},
    "createCheckoutSession": {"input": {"plan": "STARTER"}},
    "createPortalSession": {},
}

QUESTIONS = (
    *(
        Question(api.handler, name, lambda _, given=given: given, names_none=True)  # type: ignore[misc]
        for name, given in _IN_ONES_OWN.items()
    ),
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
