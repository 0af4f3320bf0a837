"""Changing, suspending and reactivating an organisation."""

from typing import Any

import pytest

from tenantry.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NoOrganizationError,
    NotAMemberError,
    NotFoundError,
    OrganizationSuspendedError,
)
from tenantry.messaging.event import EventData
from tenantry.organizations.events import OrganizationCreated, OrganizationUpdated
from tenantry.organizations.model import OrganizationSize
from tenantry.tenancy.access import MemberStatus, OrganizationStatus
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.unit.organizations.conftest import World


def with_role(world: World, owner: Caller, role: Role, **more: Any) -> Caller:
    """A caller with another role in the owner's organisation."""
    own = world.organizations.members[owner.organization_id, owner.user_id]
    member = own.model_copy(update={"user_id": "eve", "role": role, **more})
    world.organizations.members[owner.organization_id, "eve"] = member
    return owner.model_copy(update={"user_id": "eve"})


def test_renaming_tells_what_was_before_and_what_is_after(world: World) -> None:
    owner = world.founded("Acme")

    after = world.service.update(owner, {"name": "Ajax", "size": "SIZE_2_10"})

    assert (after.name, after.size, after.entity_version) == ("Ajax", OrganizationSize.UP_TO_10, 2)
    told = world.organizations.events[-1]
    assert told.type == "OrganizationUpdated"
    assert told.actor.id == "ada"
    assert told.data["fields"] == {
        "name": {"before": "Acme", "after": "Ajax"},
        "size": {"before": None, "after": "SIZE_2_10"},
    }


def test_what_is_left_out_stays_and_null_clears(world: World) -> None:
    owner = world.founded()
    world.service.update(owner, {"description": "Tools", "industry": "Hardware"})

    after = world.service.update(owner, {"description": None})

    assert (after.description, after.industry) == (None, "Hardware")


def test_a_change_that_changes_nothing_tells_nothing(world: World) -> None:
    owner = world.founded("Acme")

    assert world.service.update(owner, {"name": "Acme"}).entity_version == 1
    assert world.service.update_settings(owner, {"joinByDomain": False}).entity_version == 1
    assert len(world.told()) == 2


def test_a_change_made_on_an_older_version_is_refused(world: World) -> None:
    owner = world.founded()
    world.service.update(owner, {"name": "Ajax", "expectedVersion": 1})

    with pytest.raises(ConflictError):
        world.service.update(owner, {"name": "Late", "expectedVersion": 1})
    with pytest.raises(ConflictError):
        world.service.update_settings(owner, {"joinByDomain": True, "expectedVersion": 1})


def test_settings_tell_what_changed_and_no_address(world: World) -> None:
    owner = world.founded()
    values = {
        "joinByDomain": True,
        "branding": {"supportEmail": "help@acme.example", "primaryColor": "#112233"},
    }

    world.service.update_settings(owner, values)

    told = world.organizations.events[-1]
    assert told.type == "OrganizationSettingsUpdated"
    assert told.data["fields"] == {
        "join_by_domain": {"before": False, "after": True},
        "branding.primary_color": {"before": None, "after": "#112233"},
        "branding.support_email": {"before": None, "after": None},
    }
    assert "help@" not in told.model_dump_json()


@pytest.mark.parametrize("role", [Role.MANAGER, Role.MEMBER, Role.VIEWER])
def test_who_may_not_change_is_refused_and_reads(world: World, role: Role) -> None:
    eve = with_role(world, world.founded(), role)

    for change in (world.service.update, world.service.update_settings):
        with pytest.raises(ForbiddenError):
            change(eve, {})
    assert world.service.read(eve).name == "Acme"


@pytest.mark.parametrize("status", [MemberStatus.REMOVED, MemberStatus.SUSPENDED])
def test_a_member_who_is_no_longer_one_reads_nothing(world: World, status: MemberStatus) -> None:
    eve = with_role(world, world.founded(), Role.ADMIN, status=status)

    with pytest.raises(NotAMemberError):
        world.service.read(eve)


def test_a_strangers_organisation_looks_like_none(world: World) -> None:
    acme = world.founded("Acme", "ada")
    world.founded("Other", "eve")

    for tenant_id in (acme.tenant_id, "no-such"):
        with pytest.raises(NotAMemberError) as refused:
            world.service.read(Caller(user_id="eve", tenant_id=tenant_id))
        assert str(refused.value) == "You are not a member of this organisation."


def test_who_names_no_organisation_is_told_so(world: World) -> None:
    with pytest.raises(NoOrganizationError):
        world.service.read(Caller(user_id="ada"))


def test_a_suspended_organisation_is_read_and_not_changed(world: World, operator: Caller) -> None:
    owner = world.founded()

    suspended = world.service.suspend(operator, owner.organization_id, "unpaid")

    assert suspended.status is OrganizationStatus.SUSPENDED
    assert world.service.read(owner).status is OrganizationStatus.SUSPENDED
    for change in (world.service.update, world.service.update_settings):
        with pytest.raises(OrganizationSuspendedError):
            change(owner, {"name": "Ajax"} if change == world.service.update else {})
    with pytest.raises(OrganizationSuspendedError):
        world.service.claim_domain(owner, "acme.example")


def test_suspending_and_reactivating_are_told_once_each(world: World, operator: Caller) -> None:
    owner = world.founded()

    for _ in range(2):
        world.service.suspend(operator, owner.organization_id, "unpaid")
    for _ in range(2):
        world.service.reactivate(operator, owner.organization_id, "paid")

    assert world.told()[2:] == ["OrganizationSuspended", "OrganizationReactivated"]
    told = world.organizations.events[-1]
    assert (told.actor.kind, told.data["reason"]) == ("operator", "paid")
    assert world.service.update(owner, {"name": "Ajax"}).name == "Ajax"


def test_a_suspended_operator_decides_nothing(world: World, operator: Caller) -> None:
    owner = world.founded()
    world.operators.suspended.add(operator.user_id)

    for decide in (world.service.suspend, world.service.reactivate):
        with pytest.raises(ForbiddenError):
            decide(operator, owner.organization_id, "because")


def test_only_operators_suspend(world: World) -> None:
    owner = world.founded()

    with pytest.raises(ForbiddenError):
        world.service.suspend(owner, owner.organization_id, "because")
    with pytest.raises(ForbiddenError):
        world.service.reactivate(owner, owner.organization_id, "because")


def test_an_operator_is_told_what_does_not_exist(world: World, operator: Caller) -> None:
    with pytest.raises(NotFoundError):
        world.service.suspend(operator, "no-such", "because")
    with pytest.raises(InvalidInputError):
        world.service.suspend(operator, "a#b", "")


def test_a_cancelled_organisation_stays_cancelled(world: World, operator: Caller) -> None:
    owner = world.founded()
    made = world.organizations.organizations[owner.organization_id]
    cancelled = made.model_copy(update={"status": OrganizationStatus.CANCELLED})
    world.organizations.organizations[owner.organization_id] = cancelled

    with pytest.raises(ConflictError):
        world.service.reactivate(operator, owner.organization_id, "because")


def test_events_refuse_fields_that_they_do_not_know() -> None:
    assert issubclass(OrganizationCreated, EventData)
    with pytest.raises(ValueError, match="email"):
        OrganizationUpdated.model_validate({"organization_id": "t", "fields": {}, "email": "x"})
