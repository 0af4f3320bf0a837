"""Keys. The tenant is always the prefix: `ORG#<tenant_id>` or `ORG#<tenant_id>#...`.

A part of a key that could be mistaken for two parts, or end a prefix early, is refused here, so
that no input ever addresses another partition.
"""

import re
from typing import Final

from tenantry.errors import InvalidInputError

SEPARATOR: Final = "#"
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+@=-]{0,254}")

Key = dict[str, str]


def part(value: str) -> str:
    """`value` as one part of a key; InvalidInputError when it is empty or holds a separator."""
    if not _PART.fullmatch(value):
        raise InvalidInputError([{"field": "id", "message": "is not a valid identifier"}])
    return value


def key(pk: str, sk: str) -> Key:
    return {"PK": pk, "SK": sk}


def organization_pk(tenant_id: str, *rest: str) -> str:
    """The partition of an organisation, or one of its sub-partitions: `ORG#<id>#<rest>...`."""
    return SEPARATOR.join(("ORG", part(tenant_id), *(part(r) for r in rest)))


def organization_key(tenant_id: str) -> Key:
    return key(organization_pk(tenant_id), "ORGANIZATION")


def member_key(tenant_id: str, user_id: str) -> Key:
    return key(organization_pk(tenant_id), f"MEMBER#{part(user_id)}")


def machine_key(tenant_id: str, client_id: str) -> Key:
    return key(organization_pk(tenant_id), f"MACHINE#{part(client_id)}")


def user_pk(user_id: str) -> str:
    return f"USER#{part(user_id)}"


def profile_key(user_id: str) -> Key:
    return key(user_pk(user_id), "PROFILE")
