"""How near the limits are, what was told of it, and how far a sweep has come: pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from pydantic import BaseModel, ConfigDict

from tenantry.messaging.event import EventData
from tenantry.organizations.counters import Kind, Used
from tenantry.usage.events import UsageWarning, UsageWarningCleared

THRESHOLDS: Final = (100, 80)


def level_of(used: Used) -> int:
    """The highest threshold that is reached; 0 for none, or without a limit."""
    percent = used.percent
    if percent is None:
        return 0
    return next((threshold for threshold in THRESHOLDS if percent >= threshold), 0)


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Told(_Stored):
    """The threshold that was told last, of which limit and period."""

    level: int
    limit: int
    period: str | None = None

    def is_of(self, used: Used) -> bool:
        """Whether it was told of this very limit and period: of others it counts for nothing."""
        return (self.limit, self.period) == (used.limit, used.period)


class UsageLedger(_Stored):
    """What was told of an organisation's usage."""

    tenant_id: str
    told: dict[Kind, Told] = {}
    entity_version: int = 0
    """0 while there is none."""

    def after(self, usage: Mapping[Kind, Used]) -> "tuple[UsageLedger, tuple[EventData, ...]]":
        """The next version and what it tells; itself and nothing when nothing is to be told.

        A threshold is told once; the lower one is not told when the upper one is reached at once.
        """
        told, events = dict(self.told), list[EventData]()
        for kind, used in usage.items():
            if used.limit is None:
                continue
            before = self.told.get(kind)
            known = before.level if before and before.is_of(used) else 0
            level = level_of(used)
            if level == known:
                continue
            told[kind] = Told(level=level, limit=used.limit, period=used.period)
            event = UsageWarning if level > known else UsageWarningCleared
            events.append(
                event(
                    organization_id=self.tenant_id,
                    kind=kind,
                    percent=max(level, known),
                    used=used.used,
                    limit=used.limit,
                    period=used.period,
                )
            )
        if not events:
            return self, ()
        return self.next(told), tuple(events)

    def next(self, told: Mapping[Kind, Told] | None = None) -> Self:
        """The next version, by default with the same told."""
        version = self.entity_version + 1
        kept = self.told if told is None else dict(told)
        return self.model_copy(update={"told": kept, "entity_version": version})


class Progress(_Stored):
    """How far a sweep over all organisations has come: whoever runs next goes on there."""

    name: str
    after: str | None = None
    """Where in the list of organisations it goes on; None at the beginning."""
    is_through: bool = False
    """Whether nobody is left to be visited in this round."""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    entity_version: int = 0

    @property
    def is_under_way(self) -> bool:
        return self.began_at is not None and self.ended_at is None

    def begun(self, now: datetime) -> Self:
        """A new round."""
        return self._next(after=None, is_through=False, began_at=now, ended_at=None)

    def visited(self, following: str | None) -> Self:
        """On to what follows the page that was visited; None: that was the last."""
        return self._next(after=following, is_through=following is None)

    def skipped(self, following: str | None) -> Self:
        """On from a page that held nobody: not worth a version."""
        return self.model_copy(update={"after": following, "is_through": following is None})

    def ended(self, now: datetime) -> Self:
        return self._next(ended_at=now)

    def _next(self, **fields: object) -> Self:
        return self.model_copy(update={**fields, "entity_version": self.entity_version + 1})


@dataclass(frozen=True)
class Counted:
    """A counter as it stands: its value, and how often it has moved; None where it never did."""

    value: int | None
    moves: int | None
