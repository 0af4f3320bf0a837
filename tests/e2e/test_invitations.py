"""Invitations on the deployed product: from the mailbox into the organisation, once."""

from collections.abc import Callable
from functools import partial
from typing import Any

from localcloud.client import Product
from tests.e2e.conftest import PASSWORD, People
from tests.e2e.test_logs import Log, token_mailed_to
from tests.support.refusals import refusal

INVITE = """mutation($email: String!) {
  inviteUserToOrganization(input: {email: $email, role: MANAGER}) { id status }
}"""
ACCEPT = """mutation($token: String!) {
  acceptOrganizationInvite(token: $token) { organizationId role }
}"""
ORGANIZATION = "query { organization { id } }"


def test_an_invitation_leads_from_the_mailbox_into_the_organisation_once(
    product: Product, people: People, aws: Callable[[str], Any]
) -> None:
    owner, known = people.owner("Inviting"), people.join("known")
    at = owner.organization_id
    new = people.address("new")
    for email in (new, known.email):
        product.graphql(INVITE, owner.tokens, email=email)
    tokens = {email: token_mailed_to(product, email) for email in (new, known.email)}

    # A forged token: all is right but the secret.
    forged = tokens[new].rpartition("~")[0] + "~" + "A" * 43
    stranger = people.address("forger")
    for email in (new, stranger):
        refusal(partial(product.sign_up, email, PASSWORD, invitation_token=forged))
        refusal(partial(product.sign_in, email, PASSWORD))

    # Who is new is confirmed by the token that was mailed, without a code.
    product.sign_up(new, PASSWORD, invitation_token=tokens[new])
    joined = product.sign_in(new, PASSWORD)
    assert (joined.claims["org_id"], joined.claims["role"]) == (at, "MANAGER")
    assert product.graphql(ORGANIZATION, joined, at)["organization"]["id"] == at

    accepted = product.graphql(ACCEPT, known.tokens, token=tokens[known.email])
    assert accepted["acceptOrganizationInvite"] == {"organizationId": at, "role": "MANAGER"}
    assert product.graphql(ORGANIZATION, known.tokens, at)["organization"]["id"] == at

    for who, email in ((joined, new), (known.tokens, known.email)):
        replay = refusal(partial(product.graphql, ACCEPT, who, token=tokens[email]))
        assert replay.code == "INVITATION_INVALID"

    # The canaries: in no function's log, where what may be logged is found.
    log = Log.read(aws, product)
    assert list(log.structured("invitations-api"))
    for token in (*tokens.values(), forged):
        assert not log.holding(token)
        assert not log.holding(token.rpartition("~")[2])
