"""Roles, from the most to the least that they let their members do."""

from tenantry.tenancy.roles import Role, givers_of


def test_nobody_gives_more_than_they_hold() -> None:
    assert givers_of(Role.OWNER) == {"OWNER"}
    assert givers_of(Role.MANAGER) == {"OWNER", "ADMIN", "MANAGER"}
    assert givers_of(Role.VIEWER) == set(Role)
