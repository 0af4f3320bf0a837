"""Who a name stands for, and what is said of one who does not exist.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-managing-errors.html
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from ministack.services import cognito

from localcloud.edge.cognito.calls import Pool, User, attributes_of

_SIMULATED = uuid.UUID("6f6a3f5e-6d0f-5b57-9a53-8a3b2f2f6c11")


def install() -> None:
    """Resolve names as a case-insensitive pool does, and simulate SRP for unknown ones."""
    resolve: Callable[[Pool, str | None], tuple[User | None, Any]] = cognito._resolve_user
    challenge: Callable[..., tuple[dict[str, str], dict[str, str]]] = cognito._srp_challenge

    def resolve_any_case(pool: Pool, username: str | None) -> tuple[User | None, Any]:
        user, error = resolve(pool, username)
        if user is None and username is not None and _ignores_case(pool):
            user = _in_any_case(pool, username)
        return (user, None) if user else (None, error)

    def challenge_anyone(
        pool_id: str, user: User | None, user_id: str, srp_a: str, secret_block: str
    ) -> tuple[dict[str, str], dict[str, str]]:
        # The same internal id, and so the same salt, whenever the name is asked for again.
        known = user_id if user else str(uuid.uuid5(_SIMULATED, f"{pool_id}:{user_id.lower()}"))
        return challenge(pool_id, user, known, srp_a, secret_block)

    cognito._resolve_user = resolve_any_case
    cognito._srp_challenge = challenge_anyone


def _ignores_case(pool: Pool) -> bool:
    return (pool.get("UsernameConfiguration") or {}).get("CaseSensitive") is False


def _in_any_case(pool: Pool, username: str) -> User | None:
    wanted = username.casefold()
    names = set(pool.get("UsernameAttributes") or [])
    aliases = set(pool.get("AliasAttributes") or []) - names
    for user in pool["_users"].values():
        attributes = attributes_of(user)
        known = [user["Username"], *(attributes.get(name, "") for name in names)]
        known += [
            attributes.get(alias, "")
            for alias in aliases
            if attributes.get(f"{alias}_verified") == "true" or alias == "preferred_username"
        ]
        if wanted in (name.casefold() for name in known):
            found: User = user
            return found
    return None
