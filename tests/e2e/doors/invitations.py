"""Who may use the doors of invitations."""

from tests.e2e.door import ANONYMOUS, ANYBODY, Field

INVITE = """mutation {
  inviteUserToOrganization(input: {email: "doors@invited.example", role: VIEWER}) { id }
}"""
TOKEN = "m~MISSING~MISSING~" + "A" * 43

FIELDS = {
    "invitations": Field("query { invitations { items { id } } }", "MANAGER"),
    "invitationLinks": Field("query { invitationLinks { items { id } } }", "MANAGER"),
    "inviteUserToOrganization": Field(INVITE, "MANAGER", writes=True),
    "inviteUsers": Field(
        """mutation {
          inviteUsers(invitations: [{email: "doors@invited.example"}]) { email }
        }""",
        "MANAGER",
        writes=True,
    ),
    "resendInvitation": Field(
        'mutation { resendInvitation(invitationId: "MISSING") { id } }', "MANAGER", writes=True
    ),
    "revokeInvitation": Field(
        'mutation { revokeInvitation(invitationId: "MISSING") { id } }', "MANAGER", writes=True
    ),
    "createInvitationLink": Field(
        """mutation {
          createInvitationLink(input: {domains: ["doors.example"], maxUses: 1}) { id }
        }""",
        "ADMIN",
        writes=True,
    ),
    "revokeInvitationLink": Field(
        'mutation { revokeInvitationLink(linkId: "MISSING") { id } }', "ADMIN", writes=True
    ),
    "invitation": Field(f'query {{ invitation(token: "{TOKEN}") {{ role }} }}', ANYBODY),
    "acceptOrganizationInvite": Field(
        f'mutation {{ acceptOrganizationInvite(token: "{TOKEN}") {{ role }} }}',
        ANYBODY,
        writes=True,
    ),
    "declineInvitation": Field(
        f'mutation {{ declineInvitation(token: "{TOKEN}") {{ declined }} }}', ANYBODY, writes=True
    ),
}

ROUTES = {
    ("POST", "/api/organizations/{id}/invite"): "MANAGER",
    ("POST", "/api/invitations/lookup"): ANONYMOUS,
    ("POST", "/api/invitations/decline"): ANONYMOUS,
}
