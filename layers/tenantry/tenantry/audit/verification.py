"""Proves days of an organisation's log complete and unchanged, by their seals.

A seal is right when it is signed, follows the head of the one before it and when its head is that
of its own entries. Then these entries are compared with those in the log. Pure: whoever has seals
and entries may do it, here as in `ops.verify_audit`.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from tenantry.audit.model import AUDIT_VERIFY, Moment, is_place, is_readable
from tenantry.audit.seal_repository import (
    Chains,
    SealKeys,
    SealRecord,
    SealStore,
    Signatures,
)
from tenantry.audit.sealing import bound, unpacked
from tenantry.audit.seals import (
    GENESIS,
    Position,
    Seal,
    Statement,
    Stored,
    chain_head,
    entry_hash,
    first_day,
    sealed_part,
    stored_seal_day,
)
from tenantry.errors import CorruptDataError, InvalidInputError
from tenantry.persistence import cursors
from tenantry.runtime.inputs import Input, parse
from tenantry.tenancy.access import Access
from tenantry.tenancy.caller import Caller

MOST_ENTRIES: Final = 10_000
"""Entries after which a page ends, with the seal or the day that it is at."""
MOST_DAYS: Final = 366
"""Days that one page looks into at most."""
MOST_SECONDS: Final = 15
"""Seconds after which a page ends, with the day that it is at: a caller waits thirty at most."""
MOST_FINDINGS: Final = 100
"""Findings that a page names; the others it counts."""
_READ: Final = 1000
_RECORDS: Final = 100


class Kind(StrEnum):
    """What is wrong."""

    ALTERED = "ALTERED"
    """The log holds another entry than was sealed."""
    MISSING = "MISSING"
    """An entry, or a whole seal, is gone."""
    EXTRA = "EXTRA"
    """The log holds an entry, or the bucket a seal, that no sealer made."""
    FORGED = "FORGED"
    """A seal is not signed by the platform, or not what was signed."""
    BROKEN = "BROKEN"
    """A seal does not follow the one before it."""
    UNREADABLE = "UNREADABLE"
    """A seal or an entry cannot be read at all."""


@dataclass(frozen=True)
class Finding:
    kind: Kind
    day: date
    what: str
    """In words, for people."""
    event_id: str | None = None


@dataclass(frozen=True)
class Verification:
    """What a page of an interval came to."""

    through: date
    """The last day that was looked into."""
    seals: int = 0
    entries: int = 0
    """Sealed entries that lie in the log as they were sealed."""
    unsealed: int = 0
    """Entries that no seal covers yet."""
    expired: int = 0
    """Sealed entries that were kept for as long as they had to be."""
    finding_count: int = 0
    findings: tuple[Finding, ...] = ()
    sealed_through: date | None = None
    next_cursor: str | None = None

    @property
    def is_verified(self) -> bool:
        """Whether nothing is wrong on this page."""
        return self.finding_count == 0


class Interval(Input):
    """Whole days (UTC) are verified: those that `from_` (inclusive) and `to` (exclusive) touch."""

    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)

    from_: Moment = Field(alias="from")
    to: Moment

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ >= self.to:
            raise ValueError("from must be before to")
        return self

    @property
    def first(self) -> date:
        return self.from_.date()

    @property
    def last(self) -> date:
        return (self.to - timedelta(microseconds=1)).date()


@dataclass
class _Page:
    """What is being found."""

    seals: int = 0
    entries: int = 0
    unsealed: int = 0
    expired: int = 0
    found: list[Finding] = field(default_factory=list)

    def find(self, kind: Kind, day: date, what: str, event_id: str | None = None) -> None:
        self.found.append(Finding(kind, day, what, event_id))

    def readable[T](self, day: date, read: Callable[[], T]) -> T | None:
        """What is read; None, which is found, when it cannot be."""
        try:
            return read()
        except CorruptDataError as error:
            self.find(Kind.UNREADABLE, day, str(error))
            return None

    @property
    def foremost(self) -> list[Finding]:
        """Those about seals before those about entries, of which one seal may have thousands."""
        return sorted(self.found, key=lambda found: found.event_id is not None)

    @property
    def weight(self) -> int:
        return self.entries + self.unsealed + self.expired + len(self.found)


@dataclass(frozen=True)
class VerificationService:
    """`forgotten_through` tells up to which position an organisation's entries may be gone."""

    access: Access
    chains: Callable[[str], Chains]
    store: Callable[[str], SealStore]
    keys: Callable[[str], SealKeys]
    signatures: Signatures
    forgotten_through: Callable[[str], str | None]
    now: Callable[[], datetime]
    most_entries: int = MOST_ENTRIES
    elapsed: Callable[[], float] = time.monotonic
    """Seconds since some moment."""

    def verify(
        self, caller: Caller, given: Mapping[str, Any], after: str | None = None
    ) -> Verification:
        """Verify a page of the caller's organisation, from `from` to `to` or the cursor `after`.

        InvalidInputError for what is no interval; ShreddedError when the organisation's key was
        destroyed.
        """
        interval = parse(Interval, given)
        begin = _begin(after, interval) if after else interval.first
        standing = self.access.standing(caller)
        standing.require(AUDIT_VERIFY)
        last = min(interval.last, self.now().date())
        tenant_id = standing.tenant_id
        if standing.organization_created_at:
            begin = max(begin, first_day(standing.organization_created_at))
        return self._days(tenant_id, begin, last)

    def _days(self, tenant_id: str, begin: date, last: date) -> Verification:
        page = _Page()
        chains = self.chains(tenant_id)
        position = page.readable(begin, lambda: chains.position(tenant_id))
        position = position or Position(tenant_id=tenant_id)
        forgotten = page.readable(begin, lambda: self.forgotten_through(tenant_id))
        days = _Days(self, tenant_id, chains, position, forgotten, page)
        day, began = begin, self.elapsed()
        while day <= last:
            until = min(last, day + timedelta(days=30))
            for done in days.verify(day, until):
                day = done + timedelta(days=1)
                is_full = page.weight >= self.most_entries or (day - begin).days >= MOST_DAYS
                if is_full or self.elapsed() - began > MOST_SECONDS:
                    break
            else:
                continue
            break
        goes_on = day <= last
        return Verification(
            through=min(day - timedelta(days=1), last),
            seals=page.seals,
            entries=page.entries,
            unsealed=page.unsealed,
            expired=page.expired,
            finding_count=len(page.found),
            findings=tuple(page.foremost[:MOST_FINDINGS]),
            sealed_through=position.through,
            next_cursor=cursors.encode({"day": day.isoformat()}) if goes_on else None,
        )


@dataclass
class _Days:
    """Verifies days one after another; of late entries the seals they joined."""

    service: VerificationService
    tenant_id: str
    chains: Chains
    position: Position
    forgotten: str | None
    page: _Page
    _joined: dict[date, frozenset[str]] = field(default_factory=dict)

    def verify(self, first: date, last: date) -> Iterator[date]:
        """Verify days in order; each is answered when it is done."""
        listed = self._listed(first, last)
        records = self._records(first, last)
        upcoming = next(records, None)
        previous = self.chains.before(self.tenant_id, first)
        day = first
        while day <= last:
            of_day: list[SealRecord] = []
            while upcoming and upcoming.statement.day <= day:
                of_day.append(upcoming)
                upcoming = next(records, None)
            self._day(day, of_day, previous, listed.get(day, []))
            previous = of_day[-1] if of_day else previous
            yield day
            day += timedelta(days=1)

    def _records(self, first: date, last: date) -> Iterator[SealRecord]:
        day, part = first, 0
        while True:
            found = self.chains.records(self.tenant_id, day, part, last, _RECORDS)
            if not found:
                return
            yield from found
            day, part = found[-1].statement.day, found[-1].statement.part + 1

    def _listed(self, first: date, last: date) -> dict[date, list[str]]:
        listed: dict[date, list[str]] = {}
        store = self.service.store(self.tenant_id)
        for place in store.places(self.tenant_id, first, last):
            try:
                day = date.fromisoformat(place.split("/")[1])
            except (ValueError, IndexError):
                day = first
            listed.setdefault(day, []).append(place)
        return listed

    def _day(
        self,
        day: date,
        records: Sequence[SealRecord],
        previous: SealRecord | None,
        places: Sequence[str],
    ) -> None:
        known = {record.place for record in records}
        for place in places:
            if place not in known:
                self.page.find(Kind.EXTRA, day, f"no record tells of the seal {place}")
        sealed: dict[str, Stored] = {}
        for record in records:
            self._follows(record, previous)
            previous = record
            seal = self._seal(record)
            if seal is None:
                continue
            self.page.seals += 1
            for entry in seal:
                sealed[_name(entry)] = entry
        if records and self._is_sealed(day) and not records[-1].statement.is_last:
            self.page.find(Kind.MISSING, day, "the last seal of the day is missing")
        self._compare(day, sealed)
        if day == self.position.through:
            self._ends(day, previous)

    def _ends(self, day: date, latest: SealRecord | None) -> None:
        """The latest seal is the one that sealing stands at."""
        told = (latest.statement.sequence, latest.statement.head) if latest else (0, GENESIS)
        stands = self.position.sequence, self.position.head
        if self.position.open_day is None and told != stands:
            self.page.find(Kind.BROKEN, day, "the latest seal is not where sealing stands")

    def _is_sealed(self, day: date) -> bool:
        return self.position.through is not None and day <= self.position.through

    def _follows(self, record: SealRecord, previous: SealRecord | None) -> None:
        said = record.statement
        head = previous.statement.head if previous else GENESIS
        sequence = previous.statement.sequence if previous else 0
        same_day = previous is not None and previous.statement.day == said.day
        part = previous.statement.part + 1 if previous and same_day else 1
        if (said.previous, said.sequence, said.part) != (head, sequence + 1, part):
            self.page.find(Kind.BROKEN, said.day, "the seal does not follow the one before it")

    def _seal(self, record: SealRecord) -> list[Stored] | None:
        """The entries of a recorded seal, as far as they can be believed; None when not at all."""
        day = record.statement.day
        try:
            seal = self.service.store(self.tenant_id).get(self.tenant_id, record.place)
        except CorruptDataError as error:
            self.page.find(Kind.UNREADABLE, day, str(error))
            return None
        if seal is None:
            self.page.find(Kind.MISSING, day, f"the seal {record.place} is gone")
            return None
        for fault in seal_faults(seal, self.tenant_id, self.service.signatures):
            self.page.find(Kind.FORGED, day, fault)
        if seal.statement != record.statement:
            self.page.find(Kind.ALTERED, day, "the record of the seal is not what was signed")
        if seal.statement.tenant_id != self.tenant_id:
            return None  # another organisation's is not for us to open
        keys = self.service.keys(self.tenant_id)
        try:
            entries = opened(seal, keys)
        except CorruptDataError as error:
            self.page.find(Kind.UNREADABLE, day, str(error))
            return None
        for fault in entry_faults(seal.statement, entries):
            self.page.find(Kind.FORGED, day, fault)
        for entry in entries:
            if not is_place(entry, self.tenant_id):
                what = "a sealed entry names no place in the organisation's log"
                self.page.find(Kind.FORGED, day, what, _event_id(entry))
        return [entry for entry in entries if is_place(entry, self.tenant_id)]

    def _compare(self, day: date, sealed: Mapping[str, Stored]) -> None:
        """What the seals of `day` hold, against the log."""
        left = dict(sealed)
        for stored in self._occurred(day):
            entry = left.pop(_name(stored), None)
            if entry is None:
                self._unknown(day, stored)
            else:
                self._same(day, entry, stored)
        # What is left lies elsewhere, as late entries do, or nowhere.
        waiting = list(left.values())
        for entry, lies in zip(waiting, self.chains.stored(waiting), strict=True):
            self._same(day, entry, lies)

    def _occurred(self, day: date) -> Iterator[Stored]:
        after: str | None = None
        while True:
            found = self.chains.occurred(self.tenant_id, day, after, _READ)
            yield from found
            if len(found) < _READ:
                return
            after = str(found[-1]["SK"])

    def _unknown(self, day: date, stored: Stored) -> None:
        """An entry of `day` that its seals do not hold: of a later seal, of none yet, or forged."""
        event_id = _event_id(stored)
        if not is_readable(stored, self.tenant_id):
            # No sealer takes it, whatever its time says.
            self.page.find(Kind.UNREADABLE, day, "the entry cannot be read", event_id)
            return
        joins = stored_seal_day(stored)
        if not self._is_sealed(joins):
            self.page.unsealed += 1
        elif joins == day or _name(stored) not in self._joining(joins):
            self.page.find(Kind.EXTRA, day, "the entry was not there when it was sealed", event_id)

    def _joining(self, day: date) -> frozenset[str]:
        """Which entries the seals of a later day hold; what is wrong with these is told there."""
        if day not in self._joined:
            apart = replace(self, page=_Page(), _joined={})
            entries = (apart._seal(record) or [] for record in apart._records(day, day))
            self._joined[day] = frozenset(_name(each) for seal in entries for each in seal)
        return self._joined[day]

    def _same(self, day: date, entry: Stored, stored: Stored | None) -> None:
        if stored is None:
            if self._may_be_gone(entry):
                self.page.expired += 1
            else:
                self.page.find(Kind.MISSING, day, "the entry is gone", _event_id(entry))
        elif sealed_part(stored) != sealed_part(entry):
            self.page.find(Kind.ALTERED, day, "the entry was changed", _event_id(entry))
        else:
            self.page.entries += 1

    def _may_be_gone(self, entry: Stored) -> bool:
        return self.forgotten is not None and str(entry.get("SK")) <= self.forgotten


def seal_faults(seal: Seal, tenant_id: str, signatures: Signatures) -> Iterator[str]:
    """What is wrong with a seal that can be told without reading its entries."""
    said = seal.statement
    if said.tenant_id != tenant_id:
        yield "the seal is another organisation's"
    if not signatures.is_valid(said.key_id, said.signed, seal.signature):
        yield "the seal is not signed by the platform"


def entry_faults(said: Statement, entries: Sequence[Stored]) -> Iterator[str]:
    """What is wrong with the entries of a seal."""
    if len(entries) != said.entries:
        yield "the seal does not hold as many entries as it says"
    if chain_head(said, (entry_hash(entry) for entry in entries)) != said.head:
        yield "the chain over the seal's entries ends elsewhere"
    names = [str(entry.get("SK")) for entry in entries]
    if any(one >= other for one, other in pairwise(names)):
        yield "the entries of the seal are not in order"


def opened(seal: Seal, keys: SealKeys) -> list[Stored]:
    """The entries of a seal; CorruptDataError when they are not those that were sealed."""
    said = seal.statement
    return unpacked(keys.decrypt(said.tenant_id, seal.content, bound(said)))


def chain_faults(statements: Iterable[Statement]) -> Iterator[tuple[Statement, str]]:
    """Where statements, from an organisation's first on, do not follow each other."""
    head, sequence = GENESIS, 0
    for said in statements:
        if (said.previous, said.sequence) != (head, sequence + 1):
            yield said, "does not follow the one before it"
        head, sequence = said.head, said.sequence


def _name(entry: Stored) -> str:
    return f"{entry.get('PK')}|{entry.get('SK')}"


def _event_id(entry: Stored) -> str | None:
    found = entry.get("event_id")
    return str(found) if found is not None else None


def _begin(after: str, interval: Interval) -> date:
    try:
        day = date.fromisoformat(cursors.decode(after, "day")["day"])
    except ValueError:
        day = None
    if day is None or not interval.first <= day <= interval.last:
        raise InvalidInputError([{"field": "after", "message": "is not a cursor of this list"}])
    return day
