"""What counts against a plan: how much is used, and the writes that move a counter.

A context that owns what is counted puts `taken` or `given_back` into the transaction that creates
or ends it, so that counter and rows move together or not at all:

    count = taken(standing, Kind.PROJECTS)
    try:
        table.transact((Create(...), count))
    except ConditionFailedError as failure:
        if 1 in failure.failures:
            raise refusal(standing, Kind.PROJECTS, failure.items[1]) from failure
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from tenantry.errors import ConflictError, LimitExceededError
from tenantry.organizations.model import PLANS, Organization, PlanName
from tenantry.persistence.keys import organization_key
from tenantry.persistence.writes import Count
from tenantry.tenancy.access import Standing
from tenantry.tenancy.metering import month_of, next_month


class Kind(StrEnum):
    """What a plan limits."""

    USERS = "USERS"
    PROJECTS = "PROJECTS"
    STORAGE = "STORAGE"
    API_CALLS = "API_CALLS"


ATTRIBUTES: Final = {
    Kind.USERS: "used_users",
    Kind.PROJECTS: "used_projects",
    Kind.STORAGE: "used_storage",
}
"""Attributes of the organisation that move with rows; API calls are metered instead."""
_WORDS: Final = {
    Kind.USERS: "users",
    Kind.PROJECTS: "projects",
    Kind.STORAGE: "bytes of storage",
}


@dataclass(frozen=True)
class Used:
    """How much of a limit is used; `limit` None is none.

    `period` and `resets_at` are of what begins anew by itself: the month, and its end.
    """

    kind: Kind
    used: int
    limit: int | None
    period: str | None = None
    resets_at: datetime | None = None

    @property
    def percent(self) -> int | None:
        """Whole percents, rounded down, so that 100 means used up; None without a limit."""
        if self.limit is None:
            return None
        return 100 if self.limit == 0 else self.used * 100 // self.limit


def usage_of(organization: Organization, now: datetime) -> dict[Kind, Used]:
    """What an organisation uses now, by kind."""
    limits, month = organization.limits, month_of(now)
    calls = organization.used_api_calls if organization.api_month == month else 0
    return {
        Kind.USERS: Used(Kind.USERS, organization.used_users, limits.max_users),
        Kind.PROJECTS: Used(Kind.PROJECTS, organization.used_projects, limits.max_projects),
        Kind.STORAGE: Used(Kind.STORAGE, organization.used_storage, limits.max_storage),
        Kind.API_CALLS: Used(Kind.API_CALLS, calls, limits.max_api_calls, month, next_month(now)),
    }


def taken(standing: Standing, kind: Kind, amount: int = 1) -> Count:
    """Takes `amount` of what the plan allows.

    Refused where it would pass the limit, or where plan or status are no longer as they were read.
    """
    return Count(
        organization_key(standing.tenant_id),
        ATTRIBUTES[kind],
        amount,
        limit=_limit(standing, kind),
        require=_as_read(standing),
    )


def given_back(tenant_id: str, kind: Kind, amount: int = 1) -> Count:
    """Gives `amount` back, whatever plan and status are; refused where so much was never taken."""
    return Count(organization_key(tenant_id), ATTRIBUTES[kind], -amount)


def refusal(
    standing: Standing, kind: Kind, stored: Mapping[str, Any]
) -> ConflictError | LimitExceededError:
    """Why `taken` was refused over the item `stored`: the limit, or a change since it was read."""
    if any(stored.get(name) != value for name, value in _as_read(standing).items()):
        return ConflictError("The organisation has changed since; try again.")
    limit = _limit(standing, kind)
    return LimitExceededError(f"The plan allows {limit} {_WORDS[kind]}; no more are free.")


def _limit(standing: Standing, kind: Kind) -> int | None:
    plan = PLANS[PlanName(standing.plan)]
    limits = {
        Kind.USERS: plan.max_users,
        Kind.PROJECTS: plan.max_projects,
        Kind.STORAGE: plan.max_storage,
    }
    return limits[kind]


def _as_read(standing: Standing) -> dict[str, str]:
    return {"status": str(standing.organization_status), "plan": str(standing.plan)}
