"""Founding an organisation."""

import pytest

from tenantry.errors import (
    ForbiddenError,
    IdempotencyMismatchError,
    InvalidInputError,
    LimitExceededError,
    NotAMemberError,
    SlugTakenError,
)
from tenantry.messaging.stamp import Cause
from tenantry.organizations.model import PlanName
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.unit.organizations.conftest import World

ADA = Caller(user_id="ada")
BOB = Caller(user_id="bob")


def test_the_founder_is_the_owner_of_a_free_organisation(world: World) -> None:
    made = world.service.create(ADA, {"name": "Acme Tools", "industry": "Tools"})

    assert (made.name, made.slug, made.plan) == ("Acme Tools", "acme-tools", PlanName.FREE)
    standing = world.service.standing_of("ada", made.tenant_id)
    assert standing is not None
    assert standing.role is Role.OWNER
    assert made.used_users == 1
    assert world.told() == ["OrganizationCreated", "MemberJoined"]


def test_a_slug_made_of_a_taken_name_gets_a_suffix(world: World) -> None:
    world.service.create(ADA, {"name": "Acme"})

    second = world.service.create(BOB, {"name": "Acme"})

    assert second.slug.startswith("acme-")


def test_a_slug_that_was_asked_for_and_is_taken_is_refused(world: World) -> None:
    world.service.create(ADA, {"name": "Acme"})

    with pytest.raises(SlugTakenError):
        world.service.create(BOB, {"name": "Other", "slug": "acme"})


def test_a_user_founds_25_and_no_more(world: World) -> None:
    for number in range(25):
        world.service.create(ADA, {"name": f"Acme {number}", "clientMutationId": f"k-{number}"})

    with pytest.raises(LimitExceededError):
        world.service.create(ADA, {"name": "One more"})

    repeated = world.service.create(ADA, {"name": "Acme 7", "clientMutationId": "k-7"})
    assert repeated.name == "Acme 7"
    assert world.service.create(BOB, {"name": "One more"}).name == "One more"


def test_a_repeated_request_answers_the_first_organisation(world: World) -> None:
    values = {"name": "Acme", "clientMutationId": "k-1"}

    assert world.service.create(ADA, values) == world.service.create(ADA, values)
    assert len(world.told()) == 2


def test_a_founder_who_is_no_longer_a_member_learns_nothing_by_repeating(world: World) -> None:
    values = {"name": "Acme", "clientMutationId": "k-1"}
    made = world.service.create(ADA, values)
    where = made.tenant_id, "ada"
    removed = world.organizations.members[where].model_copy(update={"status": MemberStatus.REMOVED})
    world.organizations.members[where] = removed

    with pytest.raises(NotAMemberError):
        world.service.create(ADA, values)


def test_a_key_used_with_another_content_is_refused(world: World) -> None:
    world.service.create(ADA, {"name": "Acme", "clientMutationId": "k-1"})

    with pytest.raises(IdempotencyMismatchError):
        world.service.create(ADA, {"name": "Ajax", "clientMutationId": "k-1"})


def test_a_key_belongs_to_the_user_who_chose_it(world: World) -> None:
    first = world.service.create(ADA, {"name": "Acme", "clientMutationId": "k-1"})

    second = world.service.create(BOB, {"name": "Ajax", "clientMutationId": "k-1"})

    assert first.tenant_id != second.tenant_id


def test_without_a_key_every_request_founds_another(world: World) -> None:
    first = world.service.create(ADA, {"name": "Acme"})

    assert world.service.create(ADA, {"name": "Acme"}).tenant_id != first.tenant_id


def test_a_sign_up_founds_once_however_often_it_comes(world: World) -> None:
    first = world.service.found("ada", "Acme", Cause())

    assert world.service.found("ada", "Acme", Cause()) == first
    assert len(world.told()) == 2


def test_a_sign_up_whose_name_is_taken_gets_a_suffix(world: World) -> None:
    world.service.found("ada", "Acme", Cause())

    second = world.organizations.get(world.service.found("bob", "Acme", Cause()))

    assert second is not None
    assert second.slug.startswith("acme-")


def test_a_sign_up_with_no_name_of_this_kind_is_refused(world: World) -> None:
    with pytest.raises(InvalidInputError):
        world.service.found("ada", "a\u202eb", Cause())


def test_whom_the_platform_has_suspended_founds_nothing(world: World) -> None:
    world.organizations.suspended.add("ada")

    for values in ({"name": "Acme"}, {"name": "Acme", "clientMutationId": "k-1"}):
        with pytest.raises(ForbiddenError, match="suspended"):
            world.service.create(ADA, values)
    assert world.organizations.organizations == {}
