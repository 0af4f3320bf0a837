"""Completeness: an entity's versions have no gaps, so neither has what happened to it.

Each write of an organisation's entity raises its `entity_version` by one and tells at least one
event (a test holds that), so the versions in the log count without a gap. Per entity a ledger
knows how far they do. An item that is purged and made anew begins again at 1: another life.

A lost event of an entity's latest version shows in no version that follows. But the entity itself
holds it: before a day is sealed, what the organisation's entities tell of their latest change since
then is looked for in the log.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, Protocol, Self

from pydantic import BaseModel, ConfigDict

from tenantry.audit.events import AuditGapFound, AuditGapRepaired
from tenantry.audit.model import PEOPLE, read_entry
from tenantry.audit.seals import Stored
from tenantry.messaging.event import Envelope, Event
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.runtime.identifiers import derived_id

MOST_GAPS: Final = 100
"""Gaps of an organisation that one task tells of; more of them are one and the same trouble."""
MOST_LIVES: Final = 3
NOT_COUNTED: Final = frozenset({"User"})
"""Entities whose versions have gaps here by their nature: people belong to themselves, and an
organisation's log has only what of them concerns it. Whether it lacks some of that cannot be told
by counting. The platform's log of its people has all of it, and there they are counted."""
ONE_WRITE: Final = timedelta(minutes=1)
"""The events of an entity's first version are stamped within that; a later first is a new life."""
NOT_LOOKED_AT: Final = NOT_COUNTED | {"AuditGap"}
"""A gap is told of for as long as it is open; to tell of what it tells would have no end."""
ON_ITS_WAY: Final = timedelta(hours=1)
"""An event that is younger than this may still come by itself."""
LOOKED_AT: Final = 100
"""Entities of one look."""
AROUND: Final = timedelta(minutes=10)
"""How far beyond its neighbours in the log an event that is missing is looked for."""


@dataclass(frozen=True)
class Name:
    """What an entity is called in an organisation."""

    entity_type: str
    entity_id: str


@dataclass(frozen=True)
class Seen:
    """A version of an entity in the log."""

    version: int
    at: datetime


class Life(BaseModel):
    """The versions of an entity from its making on."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: datetime
    """When what was seen of it first happened: what it is called, for good."""
    since: datetime
    """When the earliest of what was seen of it happened."""
    through: int = 0
    """Every version from 1 up to here has been seen."""
    through_at: datetime | None = None
    ahead: dict[int, datetime] = {}
    """Versions seen beyond one that was not, and when they happened."""

    def seen(self, seen: Seen) -> Self:
        if seen.version <= self.through or seen.version in self.ahead:
            return self
        ahead = {**self.ahead, seen.version: seen.at}
        through, at = self.through, self.through_at
        while through + 1 in ahead:
            through += 1
            at = ahead.pop(through)
        return self.model_copy(update={"through": through, "through_at": at, "ahead": ahead})

    @property
    def missing(self) -> list[int]:
        """Versions that have not been seen though a later one was: the first MOST_GAPS of them.

        A version may be any number, whoever told it.
        """
        if not self.ahead:
            return []
        passed = range(self.through + 1, max(self.ahead))
        return list(islice((v for v in passed if v not in self.ahead), MOST_GAPS))

    def misses(self, version: int) -> bool:
        """Whether a version has not been seen though a later one was."""
        return self.through < version < max(self.ahead, default=0) and version not in self.ahead


class Ledger(BaseModel):
    """What of an entity's versions has been sealed."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    lives: tuple[Life, ...] = ()
    """Oldest first; the latest MOST_LIVES of them."""

    def seen(self, versions: Sequence[Seen]) -> Self:
        """The ledger with these versions too; the same for the same ones in any order or number."""
        lives = list(self.lives)
        for each in sorted(versions, key=lambda seen: (seen.at, seen.version)):
            at = _life_of(lives, each)
            lives[at] = lives[at].seen(each)
        return self.model_copy(update={"lives": tuple(lives[-MOST_LIVES:])})

    @property
    def missing(self) -> list[tuple[Life, int]]:
        return [(life, version) for life in self.lives for version in life.missing]


def _life_of(lives: list[Life], seen: Seen) -> int:
    """Which life a version belongs to: of those begun by then the latest, or a new one."""
    begun = [n for n, life in enumerate(lives) if life.since <= seen.at]
    if seen.version == 1:
        near = [n for n, life in enumerate(lives) if abs(seen.at - life.since) <= ONE_WRITE]
        unborn = [n for n, life in enumerate(lives) if life.through == 0 and life.since > seen.at]
        if near:
            return near[-1]
        if unborn and (not begun or lives[begun[-1]].through):
            lives[unborn[0]] = lives[unborn[0]].model_copy(update={"since": seen.at})
            return unborn[0]
        lives.insert(len(begun), Life(name=seen.at, since=seen.at))
        return len(begun)
    if begun:
        return begun[-1]
    if not lives:
        lives.append(Life(name=seen.at, since=seen.at))
    return 0


@dataclass(frozen=True)
class Gap:
    """A version of an entity that the log lacks, and between which moments it happened."""

    tenant_id: str
    entity_type: str
    entity_id: str
    version: int
    life: datetime
    """The name of the life whose version it is."""
    not_before: datetime
    not_after: datetime

    @classmethod
    def of(cls, tenant_id: str, name: Name, life: Life, version: int) -> Self:
        earlier = [at for seen, at in life.ahead.items() if seen < version]
        later = [at for seen, at in life.ahead.items() if seen > version]
        known = [*earlier, *([life.through_at] if life.through_at else [])]
        last = min(later)
        return cls(
            tenant_id,
            name.entity_type,
            name.entity_id,
            version,
            life.name,
            not_before=(max(known) if known else last) - AROUND,
            not_after=last + AROUND,
        )

    @classmethod
    def of_latest(cls, told: Envelope) -> Self:
        """Of an entity that itself tells what the log lacks."""
        at = told.occurred_at
        return cls(
            str(told.tenant_id),
            told.entity_type,
            told.entity_id,
            told.entity_version,
            life=at,
            not_before=at - AROUND,
            not_after=at + AROUND,
        )

    @property
    def id(self) -> str:
        parts = (self.tenant_id, self.entity_type, self.entity_id)
        return derived_id("audit-gap", *parts, str(self.version), self.life.isoformat())

    @property
    def name(self) -> Name:
        return Name(self.entity_type, self.entity_id)


class Ledgers(Protocol):
    """Port: the ledger of each entity."""

    def read(self, tenant_id: str, names: Sequence[Name]) -> Mapping[Name, tuple[Ledger, int]]:
        """Ledgers, each with the version of its record; 0 for one that is not there.

        One that cannot be read is left out.
        """

    def save(self, tenant_id: str, name: Name, ledger: Ledger, version: int) -> bool:
        """Keep a ledger over its record of `version`; False when another one stands there."""


class Gaps(Protocol):
    """Port: gaps that were found, as entities of their own that tell events."""

    def open(self, gap: Gap, found: Event) -> bool:
        """Keep a gap with its event; False when it was known."""

    def still_open(self, tenant_id: str, limit: int) -> list[Gap]:
        """Gaps that are not repaired yet."""

    def close(self, gap: Gap, repaired: Event) -> None:
        """The gap is repaired; nothing when it was already."""


class Items(Protocol):
    """Port: entities as they are stored, with the events of their latest version."""

    def events(self, gap: Gap) -> list[Envelope]:
        """The events of the missing version, while it is the latest one of the entity's item.

        None of an item that cannot be read.
        """


class Latest(Protocol):
    """Port: what an organisation's entities tell of their latest versions."""

    def told(self, tenant_id: str, after: str | None) -> tuple[list[list[Envelope]], str | None]:
        """The events of some LOOKED_AT entities, each entity's by itself, and where to go on."""

    def recorded(self, tenant_id: str, events: Sequence[Envelope]) -> set[str]:
        """The ids of those that are in the organisation's log."""


class Archive(Protocol):
    """Port: the bus's archive of all events."""

    def replay(self, name: str, start: datetime, end: datetime) -> bool:
        """Have what happened in that time recorded again; False while that cannot be done.

        True when a replay of that name was begun before.
        """


class Log(Protocol):
    def record(self, envelope: Envelope) -> bool: ...


@dataclass(frozen=True)
class CompletenessService:
    """Looks for gaps in what is about to be sealed, and has them filled."""

    ledgers: Ledgers
    gaps: Gaps
    items: Items
    latest: Latest
    archive: Archive
    log: Log
    stamp: Stamp
    report: Callable[[int], None]
    """Told how many gaps were found, and daily how many are still open."""
    left_aside: Callable[[str, str], None]
    """Told, with the organisation, of an entity whose versions cannot be counted."""

    def check(self, tenant_id: str, entries: Sequence[Stored]) -> None:
        """Note the versions of `entries` in the ledgers, and tell of what is missing before them.

        The same for entries that come again.
        """
        seen: defaultdict[Name, list[Seen]] = defaultdict(list)
        for each in entries:
            entry = read_entry(each)
            if entry.entity_type in NOT_COUNTED and tenant_id not in PEOPLE:
                continue
            at = entry.occurred_at.astimezone(UTC)
            seen[Name(entry.entity_type, entry.entity_id)].append(Seen(entry.entity_version, at))
        known = dict(self.ledgers.read(tenant_id, list(seen)))
        found: list[Gap] = []
        for name, versions in seen.items():
            ledger = self._noted(tenant_id, name, versions, known.get(name))
            if ledger is None:
                what = f"versions cannot be counted: {name.entity_type} {name.entity_id}"
                self.left_aside(what, tenant_id)
                continue
            missing = ledger.missing[:MOST_GAPS]
            found += [Gap.of(tenant_id, name, life, version) for life, version in missing]
        self._tell(found[:MOST_GAPS])

    def look(
        self, tenant_id: str, since: datetime, after: str | None, has_time: Callable[[], bool]
    ) -> str | None:
        """Record what entities tell of their latest change since then and the log lacks.

        Answers where to go on when there was no time for all of them. The same done twice does no
        harm: a gap is told once, and an event recorded once.
        """
        until = self.stamp.now() - ON_ITS_WAY
        while True:
            told, after = self.latest.told(tenant_id, after)
            due = [
                event
                for events in told
                for event in events
                if since <= event.occurred_at < until and event.entity_type not in NOT_LOOKED_AT
            ]
            known = self.latest.recorded(tenant_id, due) if due else set[str]()
            lost = [event for event in due if event.id not in known]
            first = {(event.entity_type, event.entity_id): event for event in reversed(lost)}
            self._tell([Gap.of_latest(event) for event in first.values()])
            for event in lost:
                self.log.record(event)
            if after is None or not has_time():
                return after

    def settle(self, tenant_id: str) -> None:
        """Close gaps that were filled since; have the others recorded again.

        An entity's item is asked first, which is at once and costs one read; the archive then
        once a day for all of them, whose events come as late ones and are sealed the next day.
        """
        gaps = self.gaps.still_open(tenant_id, MOST_GAPS)
        if not gaps:
            return
        ledgers = self.ledgers.read(tenant_id, list({gap.name for gap in gaps}))
        left: list[Gap] = []
        for gap in gaps:
            if gap.name in ledgers and not _is_missing(gap, ledgers[gap.name][0]):
                self.gaps.close(gap, self._event(AuditGapRepaired, gap))
                continue
            found = self.items.events(gap)
            events = [e for e in found if gap.not_before <= e.occurred_at <= gap.not_after]
            for event in events:
                self.log.record(event)
            if not events:
                left.append(gap)
        if left:
            self.report(len(left))
            start = min(gap.not_before for gap in left)
            end = max(gap.not_after for gap in left)
            today = self.stamp.now().date().isoformat()
            self.archive.replay(f"audit-{derived_id(tenant_id, today)}", start, end)

    def _noted(
        self, tenant_id: str, name: Name, versions: list[Seen], known: tuple[Ledger, int] | None
    ) -> Ledger | None:
        """The ledger with what was seen; None for one that cannot be read."""
        while known:
            ledger, version = known
            after = ledger.seen(versions)
            if after == ledger or self.ledgers.save(tenant_id, name, after, version):
                return after
            known = self.ledgers.read(tenant_id, [name]).get(name)
        return None

    def _tell(self, found: Sequence[Gap]) -> None:
        opened = [self.gaps.open(gap, self._event(AuditGapFound, gap)) for gap in found]
        if any(opened):
            self.report(sum(opened))

    def _event(self, kind: type[AuditGapFound | AuditGapRepaired], gap: Gap) -> Event:
        fields: dict[str, Any] = {
            "entity_type": gap.entity_type,
            "entity_id": gap.entity_id,
            "missing_version": gap.version,
        }
        return self.stamp.event(kind(**fields), Cause())


def _is_missing(gap: Gap, ledger: Ledger) -> bool:
    return any(life.name == gap.life and life.misses(gap.version) for life in ledger.lives)
