"""Proving domains, and joining by them."""

from dataclasses import replace

import pytest

from tenantry.errors import (
    DomainNotProvenError,
    DomainTakenError,
    InvalidInputError,
    NoOrganizationError,
    NotFoundError,
    UnavailableError,
)
from tenantry.messaging.stamp import Cause
from tenantry.organizations.model import DomainClaimStatus
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.unit.organizations.conftest import World

DOMAIN = "acme.example"


def proven(world: World, *, join: bool = True, user_id: str = "ada") -> Caller:
    """The owner of an organisation that has proven DOMAIN."""
    owner = world.founded(user_id=user_id)
    claim = world.service.claim_domain(owner, DOMAIN)
    world.dns.records[claim.record_name] = ["v=spf1 -all", claim.record_value]
    world.service.verify_domain(owner, DOMAIN)
    world.service.update_settings(owner, {"joinByDomain": join})
    return owner


def join(world: World, user_id: str, email: str = f"bob@{DOMAIN}") -> str | None:
    return world.service.join_by_domain(user_id, email, Cause())


def test_a_claim_names_the_record_to_publish(world: World) -> None:
    claim = world.service.claim_domain(world.founded(), "Acme.Example.")

    assert claim.record_name == "_tenantry-verification.acme.example"
    assert claim.record_value == "tenantry-verification=token-1"
    assert claim.status is DomainClaimStatus.PENDING


def test_a_domain_that_the_organisation_does_not_take_joins_nobody(world: World) -> None:
    owner = proven(world)
    world.service.update_settings(owner, {"allowedDomains": ["other.example"]})
    assert join(world, "bob") is None

    world.service.update_settings(owner, {"allowedDomains": [DOMAIN, "other.example"]})
    assert join(world, "bob") == owner.organization_id


def test_claiming_again_answers_the_open_claim(world: World) -> None:
    owner = world.founded()

    assert world.service.claim_domain(owner, DOMAIN) == world.service.claim_domain(owner, DOMAIN)


def test_no_token_is_told(world: World) -> None:
    proven(world)

    assert all("token-" not in event.model_dump_json() for event in world.domains.events)


def test_a_domain_is_proven_by_its_record_only(world: World) -> None:
    owner = world.founded()
    claim = world.service.claim_domain(owner, DOMAIN)
    world.dns.records[claim.record_name] = ["tenantry-verification=guess"]

    with pytest.raises(DomainNotProvenError):
        world.service.verify_domain(owner, DOMAIN)
    assert world.domains.holder(DOMAIN) is None


def test_a_silent_dns_proves_nothing(world: World) -> None:
    owner = world.founded()
    world.service.claim_domain(owner, DOMAIN)
    world.dns.is_down = True

    with pytest.raises(UnavailableError):
        world.service.verify_domain(owner, DOMAIN)


def test_a_proven_domain_is_taken(world: World) -> None:
    owner = proven(world)
    other = world.founded("Other", "eve")

    with pytest.raises(DomainTakenError):
        world.service.claim_domain(other, DOMAIN)
    assert world.domains.holder(DOMAIN) == owner.tenant_id


def test_the_first_to_prove_a_domain_has_it(world: World) -> None:
    other = world.founded("Other", "eve")
    late = world.service.claim_domain(other, DOMAIN)
    proven(world)
    world.dns.records[late.record_name].append(late.record_value)

    with pytest.raises(DomainTakenError):
        world.service.verify_domain(other, DOMAIN)


def test_a_released_domain_lets_nobody_join(world: World) -> None:
    owner = proven(world)

    released = world.service.release_domain(owner, DOMAIN)

    assert released.status is DomainClaimStatus.RELEASED
    assert join(world, "bob") is None
    with pytest.raises(NotFoundError):
        world.service.verify_domain(owner, DOMAIN)


def test_a_released_domain_is_proven_anew_with_another_token(world: World) -> None:
    owner = proven(world)
    world.service.release_domain(owner, DOMAIN)

    claim = world.service.claim_domain(owner, DOMAIN)

    assert claim.record_value.endswith("token-2")
    with pytest.raises(DomainNotProvenError):
        world.service.verify_domain(owner, DOMAIN)


def test_a_domain_that_is_not_claimed_is_neither_proven_nor_released(world: World) -> None:
    owner = world.founded()

    for use in (world.service.verify_domain, world.service.release_domain):
        with pytest.raises(NotFoundError):
            use(owner, DOMAIN)


def test_a_free_mail_provider_cannot_be_claimed(world: World) -> None:
    with pytest.raises(InvalidInputError):
        world.service.claim_domain(world.founded(), "gmail.com")


def test_a_person_of_the_domain_joins_as_a_member_once(world: World) -> None:
    owner = proven(world)

    assert join(world, "bob", "Bob@ACME.example") == owner.tenant_id
    assert join(world, "bob") == owner.tenant_id

    standing = world.service.standing_of("bob", owner.organization_id)
    assert standing is not None
    assert standing.role is Role.MEMBER
    assert world.told().count("MemberJoined") == 2
    assert world.service.read(owner).used_users == 2


@pytest.mark.parametrize("email", ["bob@other.example", "bob@sub.acme.example", "bob", "bob@"])
def test_a_person_of_another_domain_joins_nothing(world: World, email: str) -> None:
    proven(world)

    assert join(world, "bob", email) is None


def test_nobody_joins_an_organisation_that_does_not_want_it(world: World) -> None:
    proven(world, join=False)

    assert join(world, "bob") is None


def test_nobody_joins_a_suspended_organisation(world: World, operator: Caller) -> None:
    owner = proven(world)
    world.service.suspend(operator, owner.organization_id, "unpaid")

    assert join(world, "bob") is None


def test_nobody_joins_a_full_organisation(world: World) -> None:
    owner = proven(world)

    joined = [join(world, f"user-{number}") for number in range(8)]

    assert joined == [owner.tenant_id] * 4 + [None] * 4
    assert world.service.read(owner).used_users == 5


def test_a_removed_member_does_not_come_back_by_the_domain(world: World) -> None:
    owner = proven(world)
    join(world, "bob")
    where = owner.organization_id, "bob"
    member = world.organizations.members[where]
    removed = member.model_copy(update={"status": MemberStatus.REMOVED})
    world.organizations.members[where] = removed

    assert join(world, "bob") is None


def test_a_stranger_learns_whether_they_could_join_and_never_why_not(
    world: World, operator: Caller
) -> None:
    owner = proven(world)
    world.service.update_settings(owner, {"allowedDomains": [DOMAIN]})
    tenant_id = owner.organization_id

    world.service.joinable(tenant_id, f"bob@{DOMAIN}")
    told = {refusal(world, tenant_id, "bob@other.example"), refusal(world, "no-such", "b@c.de")}
    for number in range(4):
        join(world, f"user-{number}")
    told.add(refusal(world, tenant_id, f"bob@{DOMAIN}"))
    world.service.suspend(operator, tenant_id, "unpaid")
    told.add(refusal(world, tenant_id, f"bob@{DOMAIN}"))

    assert len(told) == 1


def refusal(world: World, tenant_id: str, email: str) -> str:
    with pytest.raises(NotFoundError) as refused:
        world.service.joinable(tenant_id, email)
    return str(refused.value)


def test_somebody_who_finds_no_seat_is_reported(world: World) -> None:
    reported: list[tuple[str, str]] = []
    owner = proven(world)
    service = replace(world.service, report=lambda *what: reported.append(what))
    for number in range(5):
        service.join_by_domain(f"user-{number}", f"user-{number}@{DOMAIN}", owner.cause)

    assert [tenant_id for _, tenant_id in reported] == [owner.organization_id]


def test_memberships_go_on_where_a_page_ended(world: World) -> None:
    made = sorted(str(world.founded(f"Acme {n}").tenant_id) for n in range(3))

    first = world.service.memberships("ada", 2, None)
    rest = world.service.memberships("ada", 2, first.next_cursor)

    assert [each.organization_id for each in (*first.items, *rest.items)] == made
    assert rest.next_cursor is None


def test_who_has_no_organisation_is_told_so_not_given_an_empty_list(world: World) -> None:
    with pytest.raises(NoOrganizationError):
        world.service.memberships("nobody", None, None)


@pytest.mark.parametrize("cursor", ["x", "e30", "", "bnVsbA", "eyJvcmciOiJhIn0"])
def test_a_cursor_of_nowhere_is_refused(world: World, cursor: str) -> None:
    world.founded()
    if cursor:
        with pytest.raises(InvalidInputError):
            world.service.memberships("ada", None, cursor)
    else:
        assert world.service.memberships("ada", None, cursor).items
