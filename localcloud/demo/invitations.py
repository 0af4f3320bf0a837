"""Chapter: somebody is invited by mail and joins from the mailbox, new or known."""

import re
import secrets

from localcloud.client import Tokens, until
from localcloud.demo.story import Story, refused

PASSWORD = "Correct-Horse-7-Battery"
_TOKEN = re.compile(r"/invitation#(\S+)")

INVITE = """mutation($input: InviteUserInput!) {
  inviteUserToOrganization(input: $input) { id email role status }
}"""
SEVERAL = """mutation($several: [InviteUserInput!]!) {
  inviteUsers(invitations: $several) { email invitation { status } error { code } }
}"""
ACCEPT = """mutation($token: String!) {
  acceptOrganizationInvite(token: $token) { organizationId name role }
}"""
USAGE = "query { organization { name limits { maxUsers } usage { users } } }"


def invitations(story: Story) -> None:
    """Invite by mail, join from the mailbox, seats, and a token that is used up."""
    product, run = story.product, secrets.token_hex(3)
    ada, bob = f"ada-{run}@invites.example", f"bob-{run}@invited.example"
    eve = f"eve-{run}@invited.example"

    with story.step("Ada has an organisation, Eve an account of her own"):
        owner = product.join(ada, PASSWORD, organization_name=f"Inviting {run}", name="Ada")
        known = product.join(eve, PASSWORD)

    with story.step("She invites Bob, who is new, in German, with a few words") as note:
        words = {"email": bob, "role": "MANAGER", "message": "Willkommen!", "locale": "de"}
        made = product.graphql(INVITE, owner, input=words)["inviteUserToOrganization"]
        again = product.graphql(INVITE, owner, input=words)["inviteUserToOrganization"]
        assert made["id"] == again["id"]
        note(f"{made['email']} as {made['role']}: {made['status']}; asked again, the same one")

    with story.step("Bob reads his mail and looks at the invitation, without an account") as note:
        token = token_mailed_to(story, bob)
        note(product.mails_to(bob)[0]["subject"])
        shown = product.rest("POST", "/api/invitations/lookup", body={"token": token}).json()
        note(f"{shown['organizationName']}, for {shown['email']}")

    with story.step("He signs up with the token, which proves his mailbox: no code") as note:
        product.sign_up(bob, PASSWORD, invitation_token=token, name="Bob")
        joined = product.sign_in(bob, PASSWORD)
        note(f"org_id {joined.claims['org_id']}, role {joined.claims['role']}")
        assert joined.claims["org_id"] == owner.claims["org_id"]
        assert joined.claims["role"] == "MANAGER"

    with story.step("The same invitation, replayed, is refused") as note:
        note(refused(lambda: accept(story, joined, token), "INVITATION_INVALID"))

    with story.step("Eve accepts hers, signed in with the address invited") as note:
        product.graphql(INVITE, owner, input={"email": eve})
        hers = token_mailed_to(story, eve)
        note(refused(lambda: accept(story, joined, hers), "INVITATION_FOR_OTHER"))
        note(f"{accept(story, known, hers)['name']} as MEMBER")

    with story.step("Invitations hold seats: the one past the limit is refused") as note:
        note(one_too_many(story, owner, run))


def one_too_many(story: Story, owner: Tokens, run: str) -> str:
    """Invites one more than there are seats, in one request: the last is refused."""
    found = story.product.graphql(USAGE, owner)["organization"]
    seats, taken = found["limits"]["maxUsers"], found["usage"]["users"]
    free = seats - taken
    several = [{"email": f"p{n}-{run}@invited.example"} for n in range(free + 1)]
    outcomes = story.product.graphql(SEVERAL, owner, several=several)["inviteUsers"]
    codes = [each["error"] and each["error"]["code"] for each in outcomes]
    assert codes == [None] * free + ["LIMIT_EXCEEDED"], codes
    return f"{taken} of {seats} taken, {free} invited, and seat {seats + 1}: {codes[-1]}"


def token_mailed_to(story: Story, email: str) -> str:
    """The token of the newest invitation in a mailbox."""

    def newest() -> str | None:
        found = (_TOKEN.search(mail["text"]) for mail in story.product.mails_to(email))
        return next((each[1] for each in found if each), None)

    return until(f"an invitation mailed to {email}", newest)


def accept(story: Story, tokens: Tokens, token: str) -> dict[str, str]:
    """The membership that a token opens."""
    answer: dict[str, str] = story.product.graphql(ACCEPT, tokens, token=token)[
        "acceptOrganizationInvite"
    ]
    return answer
