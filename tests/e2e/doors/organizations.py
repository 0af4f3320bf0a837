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
    "members": Field("query { members(first: 1) { items { userId } } }", "VIEWER"),
    "updateUserRole": Field(
        'mutation { updateUserRole(userId: "MISSING", role: VIEWER) { role } }',
        "ADMIN",
        writes=True,
    ),
    "updateMemberPermissions": Field(
        'mutation { updateMemberPermissions(userId: "MISSING", permissions: []) { permissions } }',
        "ADMIN",
        writes=True,
    ),
    "suspendMember": Field(
        'mutation { suspendMember(userId: "MISSING") { status } }', "ADMIN", writes=True
    ),
    "reactivateMember": Field(
        'mutation { reactivateMember(userId: "MISSING") { status } }', "ADMIN", writes=True
    ),
    "removeUser": Field(
        'mutation { removeUser(userId: "MISSING") { status } }', "ADMIN", writes=True
    ),
    # On a version that nobody has, so that they stay.
    "leaveOrganization": Field(
        "mutation { leaveOrganization(expectedVersion: 1000000) { status } }",
        "VIEWER",
        writes=True,
    ),
    "transferOwnership": Field(
        'mutation { transferOwnership(userId: "MISSING") { role } }', "OWNER", writes=True
    ),
    "supportSessions": Field("query { supportSessions { items { reason } } }", "ADMIN"),
    "openSupportSession": Field(
        "mutation { openSupportSession"
        '(organizationId: "MISSING", reason: "doors", minutes: 1) { id } }',
        OPERATORS,
    ),
    "closeSupportSession": Field(
        'mutation { closeSupportSession(organizationId: "MISSING") { id } }', OPERATORS
    ),
    "suspendOrganization": Field(
        'mutation { suspendOrganization(organizationId: "MISSING", reason: "doors") { id } }',
        OPERATORS,
    ),
    "reactivateOrganization": Field(
        'mutation { reactivateOrganization(organizationId: "MISSING", reason: "doors") { id } }',
        OPERATORS,
    ),
    "appointOwner": Field(
        'mutation { appointOwner(organizationId: "MISSING", userId: "MISSING", reason: "doors") '
        "{ userId } }",
        OPERATORS,
    ),
}

ROUTES = {
    ("POST", "/api/organizations"): ANYBODY,
    ("POST", "/api/organizations/{id}/members/{userId}/remove"): "ADMIN",
}
