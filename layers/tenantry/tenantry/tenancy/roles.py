"""Roles of members, and permissions: what each context lets which role do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """Declared from the most to the least that a member may do."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MANAGER = "MANAGER"
    MEMBER = "MEMBER"
    VIEWER = "VIEWER"


OWNERS: Final = frozenset({Role.OWNER})
ADMINS: Final = OWNERS | {Role.ADMIN}
MANAGERS: Final = ADMINS | {Role.MANAGER}
MEMBERS: Final = MANAGERS | {Role.MEMBER}
EVERYONE: Final = MEMBERS | {Role.VIEWER}

OPERATOR_GROUP: Final = "SuperAdmin"
RESOURCE_SERVER: Final = "tenantry"
"""What the scopes of programs begin with in their tokens, as in `tenantry/accounts.read`."""
GROUP_OF_ROLE: Final = {
    Role.OWNER: "OrgAdmin",
    Role.ADMIN: "OrgAdmin",
    Role.MANAGER: "Manager",
    Role.MEMBER: "Member",
    Role.VIEWER: "Viewer",
}


@dataclass(frozen=True)
class Permission:
    """Something a member may do; every context's `model.py` declares its own.

    `writes` says that it changes something, which a suspended organisation does not take.
    `to_pay` that an owner may do it even when the month's API calls are used up: what it takes to
    see why, and to pay for more.
    """

    name: str
    roles: frozenset[Role]
    writes: bool = True
    to_pay: bool = False
    support: bool = True
    """Whether an operator of the platform may in a support session."""
    scope: str | None = None
    """With which scope a program of the organisation's may; without one, none may."""

    @property
    def grantable(self) -> bool:
        """Whether a member may be given it beyond their role: never what only owners hold."""
        return self.roles != OWNERS


def givers_of(role: Role) -> frozenset[Role]:
    """The roles whose members may give `role` to others: nobody gives more than they hold."""
    ordered = tuple(Role)
    return frozenset(ordered[: ordered.index(role) + 1])
