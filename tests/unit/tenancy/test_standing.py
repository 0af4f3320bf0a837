"""What a standing allows: the expected answers are typed here."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tenantry.errors import (
    ApiLimitExceededError,
    ForbiddenError,
    MachineNotAllowedError,
    NotAMemberError,
    OrganizationSuspendedError,
    TenantryError,
)
from tenantry.messaging.event import Actor
from tenantry.tenancy.access import CallLimit, MemberStatus, OrganizationStatus, Standing
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import ADMINS, EVERYONE, GROUP_OF_ROLE, Permission, Role

READ = Permission("things.read", EVERYONE, writes=False)
WRITE = Permission("things.write", ADMINS)

ANSWERS: list[tuple[str, str, str, type[Exception] | None, type[Exception] | None]] = [
    # role, member, organisation, reading, writing
    ("OWNER", "ACTIVE", "ACTIVE", None, None),
    ("ADMIN", "ACTIVE", "ACTIVE", None, None),
    ("MANAGER", "ACTIVE", "ACTIVE", None, ForbiddenError),
    ("MEMBER", "ACTIVE", "ACTIVE", None, ForbiddenError),
    ("VIEWER", "ACTIVE", "ACTIVE", None, ForbiddenError),
    ("OWNER", "REMOVED", "ACTIVE", NotAMemberError, NotAMemberError),
    ("OWNER", "SUSPENDED", "ACTIVE", NotAMemberError, NotAMemberError),
    ("OWNER", "INVITED", "ACTIVE", NotAMemberError, NotAMemberError),
    ("OWNER", "ACTIVE", "SUSPENDED", None, OrganizationSuspendedError),
    ("VIEWER", "ACTIVE", "SUSPENDED", None, OrganizationSuspendedError),
    ("OWNER", "ACTIVE", "CANCELLED", None, OrganizationSuspendedError),
    ("ADMIN", "ACTIVE", "CANCELLED", OrganizationSuspendedError, OrganizationSuspendedError),
    ("OWNER", "REMOVED", "CANCELLED", NotAMemberError, NotAMemberError),
]


def _standing(role: str, member: str, organization: str, extra: frozenset[str]) -> Standing:
    return Standing(
        tenant_id="acme",
        user_id="ada",
        role=Role(role),
        member_status=MemberStatus(member),
        organization_status=OrganizationStatus(organization),
        plan="FREE",
        extra_permissions=extra,
    )


@pytest.mark.parametrize(("role", "member", "organization", "reading", "writing"), ANSWERS)
def test_a_member_may_what_role_and_states_allow(
    role: str,
    member: str,
    organization: str,
    reading: type[Exception] | None,
    writing: type[Exception] | None,
) -> None:
    standing = _standing(role, member, organization, frozenset())
    for permission, expected in ((READ, reading), (WRITE, writing)):
        if expected is None:
            standing.require(permission)
        else:
            with pytest.raises(ForbiddenError) as refused:
                standing.require(permission)
            assert type(refused.value) is expected


def test_an_extra_permission_adds_to_the_role_and_to_nothing_else() -> None:
    extra = frozenset({"things.write"})
    _standing("VIEWER", "ACTIVE", "ACTIVE", extra).require(WRITE)
    with pytest.raises(OrganizationSuspendedError):
        _standing("VIEWER", "ACTIVE", "SUSPENDED", extra).require(WRITE)
    with pytest.raises(NotAMemberError):
        _standing("VIEWER", "REMOVED", "ACTIVE", extra).require(WRITE)


def test_every_role_has_its_group() -> None:
    assert {role.value: group for role, group in GROUP_OF_ROLE.items()} == {
        "OWNER": "OrgAdmin",
        "ADMIN": "OrgAdmin",
        "MANAGER": "Manager",
        "MEMBER": "Member",
        "VIEWER": "Viewer",
    }


def test_a_change_names_the_role_it_was_made_in() -> None:
    caller = Caller(user_id="ada", tenant_id="acme", correlation_id="trace")
    cause = _standing("ADMIN", "ACTIVE", "ACTIVE", frozenset()).cause(caller)
    assert cause.actor == Actor(id="ada", kind="user", role="ADMIN")
    assert cause.correlation_id == "trace"


def test_a_change_in_a_support_session_is_an_operators() -> None:
    caller = Caller(user_id="olga", tenant_id="acme")
    standing = replace(_standing("ADMIN", "ACTIVE", "ACTIVE", frozenset()), support_session="s1")
    assert standing.cause(caller).actor == Actor(
        id="olga", kind="operator", role="ADMIN", on_behalf_of="s1"
    )


PAY = Permission("things.pay", ADMINS, writes=False, to_pay=True)


@pytest.mark.parametrize(
    ("role", "permission", "refused"),
    [
        ("OWNER", READ, ApiLimitExceededError),
        ("OWNER", WRITE, ApiLimitExceededError),
        ("OWNER", PAY, None),
        ("ADMIN", PAY, ApiLimitExceededError),
        ("VIEWER", PAY, ForbiddenError),
        ("VIEWER", READ, ApiLimitExceededError),
    ],
)
def test_when_the_calls_are_used_up_an_owner_still_may_what_it_takes_to_pay(
    role: str, permission: Permission, refused: type[TenantryError] | None
) -> None:
    resets_at = datetime(2026, 4, 1, tzinfo=UTC)
    standing = replace(
        _standing(role, "ACTIVE", "ACTIVE", frozenset()),
        calls_used_up=CallLimit(10_000, resets_at),
    )
    if refused is None:
        standing.require(permission)
        return
    with pytest.raises(refused) as error:
        standing.require(permission)
    if refused is ApiLimitExceededError:
        assert (error.value.code, error.value.status) == ("API_LIMIT_EXCEEDED", 429)
        assert error.value.details == {"limit": 10_000, "resetsAt": resets_at.isoformat()}


LOOK = Permission("things.look", ADMINS, writes=False, to_pay=True, scope="things.read")


@pytest.mark.parametrize(
    ("organization", "scopes", "permission", "refused"),
    [
        ("ACTIVE", {"things.read"}, LOOK, None),
        ("ACTIVE", {"things.read"}, READ, MachineNotAllowedError),
        ("ACTIVE", {"things.read"}, WRITE, MachineNotAllowedError),
        ("ACTIVE", {"other.read", "things.look", "things"}, LOOK, MachineNotAllowedError),
        ("ACTIVE", set(), LOOK, MachineNotAllowedError),
        ("SUSPENDED", {"things.read"}, LOOK, OrganizationSuspendedError),
        ("CANCELLED", {"things.read"}, LOOK, OrganizationSuspendedError),
    ],
)
def test_a_program_may_what_its_scopes_say_and_nothing_that_its_role_or_permissions_would(
    organization: str,
    scopes: set[str],
    permission: Permission,
    refused: type[ForbiddenError] | None,
) -> None:
    everything = frozenset({"things.read", "things.write", "things.look"})
    standing = replace(
        _standing("OWNER", "ACTIVE", organization, everything), machine=frozenset(scopes)
    )
    if refused is None:
        standing.require(permission)
        return
    with pytest.raises(refused) as error:
        standing.require(permission)
    assert type(error.value) is refused


def test_a_programs_calls_are_used_up_like_everybodys() -> None:
    standing = replace(
        _standing("VIEWER", "ACTIVE", "ACTIVE", frozenset()),
        machine=frozenset({"things.read"}),
        calls_used_up=CallLimit(10_000, datetime(2026, 4, 1, tzinfo=UTC)),
    )
    with pytest.raises(ApiLimitExceededError):
        standing.require(LOOK)


def test_what_a_program_does_is_told_as_its_own() -> None:
    caller = Caller(user_id="client", tenant_id="acme", machine=frozenset())
    standing = replace(
        _standing("VIEWER", "ACTIVE", "ACTIVE", frozenset()), machine=frozenset({"things.read"})
    )
    assert standing.cause(caller).actor == Actor(id="client", kind="machine")
