"""Who may use the doors of identity."""

from tests.e2e.door import ANYBODY, OPERATORS, Field

FIELDS = {
    "me": Field("query { me { id email } }", ANYBODY),
    "myOrganizations": Field("query { myOrganizations { items { role } } }", ANYBODY),
    "updateProfile": Field(
        'mutation { updateProfile(input: {locale: "en"}) { id } }', ANYBODY, writes=True
    ),
    "switchOrganization": Field(
        'mutation { switchOrganization(organizationId: "ORGANIZATION") { role } }',
        "VIEWER",
    ),
    "suspendUser": Field(
        'mutation { suspendUser(userId: "MISSING", reason: "doors") { userId } }', OPERATORS
    ),
    "reactivateUser": Field(
        'mutation { reactivateUser(userId: "MISSING", reason: "doors") { userId } }', OPERATORS
    ),
}
