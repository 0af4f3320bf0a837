"""Counts an organisation's API calls, without a write for each.

A process counts in memory and adds what it counted to the organisation's own counter, one write for
EVERY calls or, at the next call, AFTER a time. The read that every request makes anyway brings the
stored count, so the limit costs no read: `stored + counted here >= limit` is refused.

So the stored count is behind by at most EVERY - 1 calls for each live process and organisation, and
for good by as much as a process had counted when it ended. It is never ahead: a batch whose answer
was lost goes again with its own token, which DynamoDB takes once.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from tenantry.errors import UnavailableError
from tenantry.tenancy.access import CallLimit

EVERY: Final = 50
AFTER: Final = timedelta(minutes=1)
_TOKEN_LASTS: Final = timedelta(minutes=9)
"""DynamoDB knows a token for ten minutes; a batch that is older is given up, not counted twice."""
_AT_ONCE: Final = 2
"""Batches that one call adds at most, so that no caller waits for many."""


@dataclass(frozen=True)
class StoredCalls:
    """What the organisation's item says of its API calls; `limit` None is none."""

    tenant_id: str
    calls: int
    month: str | None
    limit: int | None


@dataclass(frozen=True)
class Batch:
    """Calls of one organisation in one month, to be added once: `token` says which batch it is."""

    token: str
    tenant_id: str
    month: str
    calls: int
    made_at: datetime


class Meter(Protocol):
    """Port: counts API calls."""

    def counted(self, stored: StoredCalls) -> CallLimit | None:
        """Count one call; when the month's are used up, count nothing and say so."""


class CallStore(Protocol):
    """Port: where counts are added up."""

    def add(self, batch: Batch) -> None:
        """Add a batch, once however often it comes within ten minutes.

        A batch of another month than the stored one begins the count of its own, when it is later;
        an earlier one no longer counts. UnavailableError when it is not known to be added.
        """


class Unmetered:
    """Counts nothing and refuses nothing."""

    def counted(self, stored: StoredCalls) -> CallLimit | None:  # noqa: ARG002 - port's shape
        return None


@dataclass
class _Pending:
    calls: int
    since: datetime


@dataclass
class CallMeter:
    """One for each process; safe for threads."""

    store: CallStore
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    every: int = EVERY
    after: timedelta = AFTER
    report: Callable[[str, str], None] = lambda _what, _tenant_id: None
    """Told of a batch that was not added, and of which organisation."""
    _pending: "OrderedDict[tuple[str, str], _Pending]" = field(default_factory=OrderedDict)
    """By organisation and month, the oldest first."""
    _unsure: list[Batch] = field(default_factory=list)
    """Batches whose answer was lost: they may have been added."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def counted(self, stored: StoredCalls) -> CallLimit | None:
        now = self.now()
        month = month_of(now)
        key = stored.tenant_id, month
        with self._lock:
            pending = self._pending.get(key)
            known = stored.calls if stored.month == month else 0
            if stored.limit is not None:
                here = pending.calls if pending else 0
                if known + here >= stored.limit:
                    return CallLimit(stored.limit, next_month(now))
            pending = self._pending.setdefault(key, _Pending(0, now))
            pending.calls += 1
            due = list(self._taken(key, now))
        for batch in due:
            self._add(batch)
        return None

    def flush(self) -> None:
        """Add everything counted so far."""
        now = self.now()
        with self._lock:
            due = self._unsure + [self._batch(key, now) for key in list(self._pending)]
            self._unsure = []
        for batch in due:
            self._add(batch)

    def _taken(self, key: tuple[str, str], now: datetime) -> Iterator[Batch]:
        """What is to be added now: a full batch, and the oldest that waited long enough."""
        if self._pending[key].calls >= self.every:
            yield self._batch(key, now)
        for _ in range(_AT_ONCE - 1):
            if self._unsure and now - self._unsure[0].made_at >= self.after:
                yield self._unsure.pop(0)
                continue
            oldest = next(iter(self._pending), None)
            if oldest and now - self._pending[oldest].since >= self.after:
                yield self._batch(oldest, now)

    def _batch(self, key: tuple[str, str], now: datetime) -> Batch:
        tenant_id, month = key
        return Batch(self.new_id(), tenant_id, month, self._pending.pop(key).calls, now)

    def _add(self, batch: Batch) -> None:
        """Add a batch; the caller's own request goes on whatever becomes of it."""
        if self.now() - batch.made_at > _TOKEN_LASTS:
            self.report("API calls were counted and could not be added", batch.tenant_id)
            return
        try:
            self.store.add(batch)
        except UnavailableError:
            with self._lock:
                self._unsure.append(batch)


def month_of(at: datetime) -> str:
    """The month, in UTC, as `2026-03`."""
    return at.astimezone(UTC).strftime("%Y-%m")


def next_month(at: datetime) -> datetime:
    """When the month after that of `at` begins, in UTC."""
    first = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)
