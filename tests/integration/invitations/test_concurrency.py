"""What happens at once, on the local cloud (rows 7 and 8)."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tenantry.errors import TenantryError
from tenantry.invitations.bootstrap.doors import invitation_doors
from tenantry.invitations.bootstrap.inviting import invitation_service
from tenantry.invitations.model import Claim, Invitation, Token
from tenantry.messaging.stamp import Cause
from tenantry.persistence.table import Table
from tenantry.tenancy.caller import Caller
from tests.integration.invitations.conftest import Functions
from tests.support.invitations import ACME, BOB
from tests.support.repetition import AT_ONCE, KEYS, used_at_once


def at_once(count: int, work: Any) -> Counter[str]:
    """How often each code came of `work(number)` in threads that start together."""

    def run(number: int) -> str:
        try:
            work(number)
        except TenantryError as error:
            return error.code
        return "OK"

    with ThreadPoolExecutor(64) as pool:
        return Counter(pool.map(run, range(count)))


def test_64_who_accept_one_token_at_once_make_one_member(concurrent: Functions) -> None:
    concurrent.invite()
    token = concurrent.token()
    concurrent.acme.add_person("bob", BOB)

    codes = at_once(64, lambda _: invitation_doors().accept(Caller(user_id="bob"), token))

    assert codes["OK"] == 1
    assert codes.keys() <= {"OK", "INVITATION_INVALID", "ALREADY_MEMBER"}
    assert concurrent.acme.members() == {"ada": "ACTIVE", "bob": "ACTIVE"}
    assert concurrent.acme.seats == concurrent.acme.seats_by_rows() == 2


def test_64_of_one_mailbox_who_accept_it_at_once_make_one_member(concurrent: Functions) -> None:
    """As many accounts claim the address: the invitation is used once all the same."""
    concurrent.invite()
    token = concurrent.token()
    for number in range(64):
        concurrent.acme.add_person(f"bob-{number}", BOB)

    codes = at_once(
        64, lambda number: invitation_doors().accept(Caller(user_id=f"bob-{number}"), token)
    )

    assert codes == {"OK": 1, "INVITATION_INVALID": 63}
    assert len(concurrent.acme.members()) == 2


def test_were_the_invitation_not_held_to_its_version_there_would_be_many(
    concurrent: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the tests above."""
    concurrent.invite()
    token = concurrent.token()
    for number in range(8):
        concurrent.acme.add_person(f"bob-{number}", BOB)
    original = Table._change

    def careless(self: Table, *given: Any) -> dict[str, Any]:
        request = original(self, *given)
        return {
            **request,
            "ConditionExpression": f"({request['ConditionExpression']}) OR attribute_exists(PK)",
        }

    monkeypatch.setattr(Table, "_change", careless)
    doors = invitation_doors()
    knocks: list[Any] = [doors._opened(Token.read(token), f"bob-{number}") for number in range(8)]

    codes = at_once(
        8, lambda number: doors._enter(knocks[number], f"bob-{number}", BOB, None, Cause())
    )

    assert codes == {"OK": 8}


def test_three_confirmations_at_once_join_once(concurrent: Functions) -> None:
    concurrent.invite()
    claim: Claim = invitation_doors().claim(concurrent.token(), BOB)

    codes = at_once(3, lambda _: invitation_doors().join(claim, "bob", BOB, "Bob", Cause()))

    assert codes == {"OK": 3}
    assert concurrent.acme.members() == {"ada": "ACTIVE", "bob": "ACTIVE"}


def test_64_who_invite_one_address_at_once_make_one_invitation(concurrent: Functions) -> None:
    made: list[Invitation] = []

    codes = at_once(
        64, lambda _: made.append(invitation_service().invite(concurrent.acme.ada, {"email": BOB}))
    )

    assert codes == {"OK": 64}
    assert len({each.invitation_id for each in made}) == 1
    assert concurrent.acme.seats == concurrent.acme.seats_by_rows() == 2


def test_of_100_who_are_invited_at_once_as_many_are_as_there_are_seats(
    concurrent: Functions,
) -> None:
    """Row 8, with invitations: 24 beside the owner, the 26th refused; those revoked free theirs."""

    def work(number: int) -> None:
        email = f"p{number}@example.com"
        made = invitation_service().invite(concurrent.acme.ada, {"email": email})
        if number % 3 == 0:
            invitation_service().revoke(concurrent.acme.ada, made.invitation_id)

    codes = at_once(100, work)

    assert codes.keys() == {"OK", "LIMIT_EXCEEDED"}
    assert concurrent.acme.seats == concurrent.acme.seats_by_rows() <= 25
    taken = concurrent.acme.seats
    late = [
        concurrent.code("inviteUserToOrganization", {"input": {"email": f"late{n}@example.com"}})
        for n in range(26 - taken)
    ]
    assert late == ["OK"] * (25 - taken) + ["LIMIT_EXCEEDED"]
    assert concurrent.acme.seats == concurrent.acme.seats_by_rows() == 25


def test_64_with_one_link_of_ten_uses_are_ten(concurrent: Functions) -> None:
    values = {"domains": ["example.com"], "maxUses": 10}
    concurrent.data("createInvitationLink", {"input": values})
    token = concurrent.token("ada@acme.example")
    for number in range(64):
        concurrent.acme.add_person(f"p{number}", f"p{number}@example.com")

    codes = at_once(
        64, lambda number: invitation_doors().accept(Caller(user_id=f"p{number}"), token)
    )

    assert codes["OK"] == 10
    assert codes.keys() <= {"OK", "INVITATION_INVALID", "CONFLICT"}
    [link] = concurrent.data("invitationLinks")["items"]
    assert (link["uses"], link["status"]) == (10, "USED_UP")
    assert concurrent.acme.seats == concurrent.acme.seats_by_rows() == 11
    assert len(concurrent.acme.members()) == 11
    assert ACME in token


@pytest.mark.figures
def test_many_addresses_four_times_at_once_are_invited_once_each(
    concurrent: Functions,
) -> None:
    """Whoever asks for another role is answered the invitation as it stands (row 14)."""
    concurrent.acme.change_organization(plan="ENTERPRISE")
    roles = ("VIEWER", "MEMBER", "MANAGER", "ADMIN")

    def invite(number: int, content: int) -> str:
        given = {"email": f"p-{number}@example.com", "role": roles[content]}
        return invitation_service().invite(concurrent.acme.ada, given).invitation_id

    for used in used_at_once(invite):
        assert used.codes == {"OK": AT_ONCE}, used
        assert len(set(used.answers)) == 1, used
    assert concurrent.acme.seats == concurrent.acme.seats_by_rows() == KEYS + 1
