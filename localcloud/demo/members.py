"""Chapter: an organisation is run by its people, and support comes only in plain sight."""

import secrets
from http import HTTPStatus
from typing import Any

from localcloud.client import Tokens, until
from localcloud.demo.invitations import INVITE, accept, token_mailed_to
from localcloud.demo.story import Story, refused

PASSWORD = "Correct-Horse-7-Battery"

ORGANIZATION = "query { organization { id name } }"
RENAME = "mutation($name: String!) { updateOrganization(input: {name: $name}) { name } }"
NAME = "mutation($name: String!) { updateProfile(input: {name: $name}) { name } }"
MEMBERS = """query($text: String) {
  members(filter: {text: $text}) { items { userId name email role status } }
}"""
ROLE = """mutation($user: ID!, $role: Role!) {
  updateUserRole(userId: $user, role: $role) { role version }
}"""
LEAVE = "mutation { leaveOrganization { status } }"
TRANSFER = "mutation($user: ID!) { transferOwnership(userId: $user) { role } }"
OPEN = """mutation($at: ID!) {
  openSupportSession(organizationId: $at, reason: "Ticket 42: the name", minutes: 30) {
    operatorId reason expiresAt
  }
}"""
CLOSE = "mutation($at: ID!) { closeSupportSession(organizationId: $at) { status closedAt } }"
ACTIVITY = "query { activity(first: 30) { items { type actor { kind } data } } }"


def members(story: Story) -> None:
    """Roles, the end of a membership, the last owner, and a support session."""
    product, run = story.product, secrets.token_hex(3)

    with story.step("Ada founds an organisation; Bob and Eve join it, invited") as note:
        ada = _person(story, f"ada-{run}", organization_name=f"Engines {run}")
        at = str(ada.claims["org_id"])
        eve = _person(story, f"eve-{run}", organization_name=f"Eve's own {run}")
        accept(story, eve, _invited(story, ada, _address(f"eve-{run}")))
        address = _address(f"bob-{run}")
        product.sign_up(address, PASSWORD, invitation_token=_invited(story, ada, address))
        bob = product.sign_in(address, PASSWORD)
        listed = product.graphql(MEMBERS, ada)["members"]["items"]
        note(", ".join(sorted(member["role"] for member in listed)))

    with story.step("Bob tells his name; the list of members shows it, by an event") as note:
        product.graphql(NAME, bob, name=f"Bob {run}")
        shown = until(
            "Bob's name among the members",
            lambda: product.graphql(MEMBERS, ada, text=f"BOB {run}")["members"]["items"],
        )
        note(f"{shown[0]['name']}, {shown[0]['email']}")

    with story.step("A role counts at once, with the token from before") as note:
        note(refused(lambda: product.graphql(RENAME, bob, at, name="Mine"), "FORBIDDEN"))
        who = bob.claims["sub"]
        changed = product.graphql(ROLE, ada, user=who, role="ADMIN")["updateUserRole"]
        renamed = product.graphql(RENAME, bob, at, name=f"Engines & Co {run}")
        note(f"{changed['role']}: {renamed['updateOrganization']['name']}")

    with story.step("Nobody gives more than they hold, and only an owner touches an owner") as note:
        raising = {"user": who, "role": "OWNER"}
        note(refused(lambda: product.graphql(ROLE, bob, at, **raising), "FORBIDDEN"))
        sinking = {"user": ada.claims["sub"], "role": "VIEWER"}
        note(refused(lambda: product.graphql(ROLE, bob, at, **sinking), "FORBIDDEN"))

    with story.step("The last owner cannot leave; she hands over first") as note:
        note(refused(lambda: product.graphql(LEAVE, ada), "LAST_OWNER"))
        owner = product.graphql(TRANSFER, ada, user=who)["transferOwnership"]
        note(f"Bob is {owner['role']} now")

    with story.step("Bob removes Eve by REST, which ends her session there") as note:
        product.graphql(ORGANIZATION, eve, at)
        path = f"/api/organizations/{at}/members/{eve.claims['sub']}/remove"
        answer = product.rest("POST", path, bob)
        assert answer.status_code == HTTPStatus.OK, answer.text
        note(refused(lambda: product.graphql(ORGANIZATION, eve, at), "NOT_A_MEMBER"))
        own = product.graphql(ORGANIZATION, eve, str(eve.claims["org_id"]))["organization"]
        note(f"her own is untouched: {own['name']}")

    with story.step("An operator of the platform is no member, and acts only in a session") as note:
        root = _operator(story, f"root-{run}")
        note(refused(lambda: product.graphql(ORGANIZATION, root, at), "NOT_A_MEMBER"))
        session = product.graphql(OPEN, root, at=at)["openSupportSession"]
        note(f"{session['reason']}, until {session['expiresAt'][11:16]}")
        product.graphql(RENAME, root, at, name=f"Engines {run}")
        note(refused(lambda: product.graphql(ROLE, root, at, user=who, role="VIEWER"), "FORBIDDEN"))
        product.graphql(CLOSE, root, at=at)
        note(refused(lambda: product.graphql(ORGANIZATION, root, at), "NOT_A_MEMBER"))

    with story.step("The organisation sees all of it in its activity") as note:
        for line in _activity(story, bob, at):
            note(line)


def _person(story: Story, name: str, **wishes: str) -> Tokens:
    return story.product.join(_address(name), PASSWORD, **wishes)


def _address(name: str) -> str:
    return f"{name}@analytical.example"


def _invited(story: Story, owner: Tokens, email: str, role: str = "MEMBER") -> str:
    """The token of an invitation, from the mailbox."""
    story.product.graphql(INVITE, owner, input={"email": email, "role": role})
    return token_mailed_to(story, email)


def _operator(story: Story, name: str) -> Tokens:
    _person(story, name)
    email = _address(name)
    story.aws("cognito-idp").admin_add_user_to_group(
        UserPoolId=story.product.outputs["UserPoolId"], Username=email, GroupName="SuperAdmin"
    )
    return story.product.sign_in(email, PASSWORD)


def _activity(story: Story, tokens: Tokens, at: str) -> list[str]:
    """The activity once it tells of the session's end, as lines."""

    def told() -> list[dict[str, Any]] | None:
        items = story.product.graphql(ACTIVITY, tokens, at)["activity"]["items"]
        ended = any(item["type"] == "SupportSessionClosed" for item in items)
        return items if ended else None

    found = until("the session's end in the activity", told)
    return [f"{item['type']} by {item['actor']['kind']}" for item in reversed(found)]
