"""Who may use the doors of organizations."""

from tests.e2e.door import ANYBODY, OPERATORS, Field

FIELDS = {
    "organization": Field("query { organization { id name } }", "VIEWER"),
    "createOrganization": Field(
        "mutation($name: String!) { createOrganization(input: {name: $name}) { id } }",
        ANYBODY,
        writes=True,
    ),
    "updateOrganization": Field(
        'mutation { updateOrganization(input: {industry: "Calculus"}) { id } }',
        "ADMIN",
        writes=True,
    ),
    "updateOrganizationSettings": Field(
        "mutation { updateOrganizationSettings(input: {joinByDomain: false}) { id } }",
        "ADMIN",
        writes=True,
    ),
    "claimDomain": Field(
        'mutation { claimDomain(domain: "doors.example") { domain } }', "ADMIN", writes=True
    ),
    "verifyDomain": Field(
        'mutation { verifyDomain(domain: "other-doors.example") { domain } }',
        "ADMIN",
        writes=True,
    ),
    "releaseDomain": Field(
        'mutation { releaseDomain(domain: "other-doors.example") { domain } }',
        "ADMIN",
        writes=True,
    ),
    "suspendOrganization": Field(
        'mutation { suspendOrganization(organizationId: "MISSING", reason: "doors") { id } }',
        OPERATORS,
    ),
    "reactivateOrganization": Field(
        'mutation { reactivateOrganization(organizationId: "MISSING", reason: "doors") { id } }',
        OPERATORS,
    ),
}

ROUTES = {("POST", "/api/organizations"): ANYBODY}
