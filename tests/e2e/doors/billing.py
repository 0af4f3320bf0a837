"""Who may use the doors of billing."""

from tests.e2e.door import ANONYMOUS, OPERATORS, Field

# In this order each is possible after the one before: Checkout makes the customer of the portal.
FIELDS = {
    "subscription": Field("query { subscription { plan status billing } }", "ADMIN"),
    "updateSubscription": Field(
        "mutation { updateSubscription(input: {plan: FREE}) { checkoutUrl } }",
        "OWNER",
        writes=True,
    ),
    "startTrial": Field(
        "mutation { startTrial(input: {plan: STARTER}) { plan } }", "OWNER", writes=True
    ),
    "cancelSubscription": Field(
        "mutation { cancelSubscription(input: {closeOrganization: true}) { plan } }",
        "OWNER",
        writes=True,
    ),
    "resumeSubscription": Field("mutation { resumeSubscription { plan } }", "OWNER", writes=True),
    "grantPlan": Field(
        """mutation {
          grantPlan(
            organizationId: "MISSING", plan: ENTERPRISE, until: "2030-01-01T00:00:00Z",
            reason: "doors"
          ) { plan }
        }""",
        OPERATORS,
    ),
    "createCheckoutSession": Field(
        "mutation { createCheckoutSession(input: {plan: STARTER}) { url } }", "OWNER"
    ),
    "createPortalSession": Field("mutation { createPortalSession { url } }", "OWNER"),
}

ROUTES = {("POST", "/api/webhooks/stripe"): ANONYMOUS}
