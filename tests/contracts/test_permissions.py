"""Permissions are those of the table, and the page in docs says the same."""

from tenantry.accounts.model import SCOPES
from tenantry.tenancy.catalogue import permissions as catalogue
from tenantry.tenancy.roles import Role
from tests.contracts.permission_table import EXPECTED, ROLES
from tools import permissions


def test_the_roles_are_those_of_the_table() -> None:
    assert tuple(Role) == ROLES


def test_every_role_has_the_permissions_of_the_table_and_no_other() -> None:
    declared = {
        (permission.name, role.value): (role in permission.roles, permission.writes)
        for permission in catalogue().values()
        for role in Role
    }

    assert declared == EXPECTED


def test_what_is_the_owners_alone_is_given_to_nobody_else() -> None:
    held = {p.name for p in catalogue().values() if not p.grantable}

    accounts = {"account:credentials", "account:manage", "account:read"}
    assert held == accounts | {"billing:manage", "billing:pay", "ownership:transfer"}
    assert held == {
        name
        for name in catalogue()
        if [role for role in ROLES if EXPECTED[name, role][0]] == ["OWNER"]
    }


def test_a_support_session_changes_neither_billing_nor_ownership() -> None:
    closed = {p.name for p in catalogue().values() if not p.support}
    billing = {name for name in catalogue() if name.startswith("billing:")}

    others = {"account:credentials", "ownership:transfer", "members:leave"}
    assert closed == others | billing - {"billing:read"}


def test_a_program_may_what_is_listed_here_and_nothing_else() -> None:
    may = {(p.name, p.scope) for p in catalogue().values() if p.scope}

    assert may == {
        ("account:read", "accounts.read"),
        ("organization:usage", "usage.read"),
        ("licenses:ask", "entitlements.read"),
    }
    assert not [name for name, _ in may if catalogue()[name].writes]


def test_a_technical_user_is_given_every_scope_there_is() -> None:
    assert set(SCOPES) == {p.scope for p in catalogue().values() if p.scope}


def test_the_page_is_current() -> None:
    assert permissions.PAGE.read_text() == permissions.page()


def test_the_page_shows_the_table() -> None:
    rows = {
        cells[0].strip("`"): [cell == "yes" for cell in cells[2:]]
        for line in permissions.PAGE.read_text().splitlines()
        if line.startswith("| `")
        for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
    }

    expected: dict[str, list[bool]] = {}
    for (name, _role), (allowed, _writes) in EXPECTED.items():
        expected.setdefault(name, []).append(allowed)
    assert rows == expected
