"""What happened, as the audit log keeps it, and where in it a page begins and ends."""

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from tenantry.audit.seals import Stored, canonical, seal_day, stored_seal_day
from tenantry.errors import CorruptDataError, InvalidInputError
from tenantry.messaging.event import Actor, Envelope, RequestOrigin
from tenantry.persistence.keys import organization_pk, part
from tenantry.runtime.inputs import Input
from tenantry.tenancy.roles import ADMINS, MANAGERS, Permission

ACTIVITY_READ: Final = Permission("activity:read", MANAGERS, writes=False)
AUDIT_READ: Final = Permission("audit:read", ADMINS, writes=False)
AUDIT_EXPORT: Final = Permission("audit:export", ADMINS, writes=False)
"""Exports change nothing of the organisation's: one that is suspended may still take its log."""
AUDIT_VERIFY: Final = Permission("audit:verify", ADMINS, writes=False)

PEOPLE: Final = tuple(f"people-{number}" for number in range(8))
"""Logs of what happens to users outside of any organisation: sealed as organisations' are, and
nobody's but the platform's. No organisation has such an id."""
TOLD: Final = "organization_ids"
"""In the data of an event of a user: the organisations whose log gets it too."""
_INSTANT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
_POSITION: Final = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])(-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z#[A-Za-z0-9._:-]{1,100})?"
)


class Entry(BaseModel):
    """An event in the audit log: all of it, and nothing that could publish it again."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    event_id: str
    type: str
    context: str
    version: int
    occurred_at: datetime
    actor: Actor
    correlation_id: str | None = None
    request: RequestOrigin = RequestOrigin()
    tenant_id: str | None = None
    entity_type: str
    entity_id: str
    entity_version: int
    data: dict[str, JsonValue]
    recorded_at: datetime | None = None
    """When it came into the log, which decides the seal it belongs to."""

    @classmethod
    def of(cls, envelope: Envelope, recorded_at: datetime | None = None) -> Self:
        fields = envelope.model_dump(exclude={"id"})
        return cls(event_id=envelope.id, recorded_at=recorded_at, **fields)

    @property
    def position(self) -> str:
        """Where it stands: by time, and among those of the same microsecond by id."""
        return f"{instant(self.occurred_at)}#{self.event_id}"

    @property
    def month(self) -> str:
        return self.position[:7]

    @property
    def seal_day(self) -> date:
        """The day whose seal it belongs to."""
        return seal_day(self.occurred_at, self.recorded_at)

    @property
    def is_late(self) -> bool:
        """Whether it came after its own day was closed, and so joins the next seal."""
        return self.seal_day > self.occurred_at.astimezone(UTC).date()

    def told_to(self, tenant_id: str) -> Self:
        """The same for the log of an organisation that the person is a member of.

        Which others they are a member of is left out.
        """
        data = {name: value for name, value in self.data.items() if name != TOLD}
        return self.model_copy(update={"tenant_id": tenant_id, "data": data})

    def of_people(self) -> Self | None:
        """The same for the platform's log of its people, of what is no organisation's."""
        if self.tenant_id is not None:
            return None
        shard = zlib.crc32(self.entity_id.encode()) % len(PEOPLE)
        return self.model_copy(update={"tenant_id": PEOPLE[shard]})

    @property
    def told_organizations(self) -> tuple[str, ...]:
        """Organisations that hear of what happened to one of their people outside of any."""
        told = self.data.get(TOLD)
        if self.tenant_id is not None or not isinstance(told, list):
            return ()
        return tuple(str(each) for each in told)


def read_entry(stored: Stored) -> Entry:
    """The entry of a stored item; CorruptDataError when it is none."""
    try:
        return Entry.model_validate(stored)
    except ValidationError as error:
        raise CorruptDataError("a stored audit entry breaks its schema") from error


@dataclass(frozen=True)
class Damaged:
    """What lies in an entry's place and is not that entry, or cannot be read."""

    position: str


Found = Entry | Damaged


def entry_at(stored: Stored, tenant_id: str) -> Found:
    """The entry of a stored item, as long as it says of itself that it belongs where it lies.

    One that says otherwise is no entry of that place, and a list that went on from the place that
    it names might never end.
    """
    position = str(stored["SK"])
    try:
        entry = read_entry(stored)
        fits = entry.tenant_id == tenant_id and entry.position == position
    except (CorruptDataError, OverflowError):
        return Damaged(position)
    return entry if fits else Damaged(position)


def readable(found: Iterable[Found]) -> list[Entry]:
    return [each for each in found if isinstance(each, Entry)]


def is_readable(stored: Stored, tenant_id: str) -> bool:
    """Whether an item lies where an organisation's entries do, and is one that can be sealed."""
    try:
        entry = read_entry(stored)
        part(entry.entity_type)
        part(entry.entity_id)
        stored_seal_day(stored)
        canonical(stored)
    except (CorruptDataError, InvalidInputError, TypeError, ValueError):
        return False
    return is_place(stored, tenant_id)


def is_place(stored: Stored, tenant_id: str) -> bool:
    """Whether an item names a place in the organisation's log."""
    place, position = stored.get("PK"), stored.get("SK")
    if not isinstance(position, str) or not is_position(position):
        return False
    return bool(place == organization_pk(tenant_id, "AUDIT", position[:7]))


@dataclass(frozen=True)
class Activity:
    """An entry with its actor's name, where it has one."""

    entry: Entry
    actor_name: str | None


@dataclass(frozen=True)
class ActivityPage:
    items: tuple[Activity, ...]
    next_cursor: str | None


Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:+@=-]{0,127}$")]


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("needs a time zone")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is out of range") from error


Moment = Annotated[datetime, Field(strict=False), AfterValidator(_utc)]


class ActivityFilter(Input):
    """At most one of `actor_id`, `type` and `entity_id`; `from_` inclusive, `to` exclusive."""

    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)

    actor_id: Identifier | None = None
    type: Identifier | None = None
    entity_id: Identifier | None = None
    from_: Moment | None = Field(default=None, alias="from")
    to: Moment | None = None

    @model_validator(mode="after")
    def _one_of_a_kind(self) -> Self:
        if len(self.chosen) > 1:
            raise ValueError("takes at most one of actorId, type and entityId")
        return self

    @property
    def chosen(self) -> dict[str, str]:
        """What narrows the list, by name."""
        named = {"actor_id": self.actor_id, "type": self.type, "entity_id": self.entity_id}
        return {name: value for name, value in named.items() if value is not None}


Trace = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9=;:.,_-]{1,128}$")]


class Selection(Input):
    """Which entries: those that have all of what is named."""

    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)

    actor_id: Identifier | None = None
    type: Identifier | None = None
    entity_id: Identifier | None = None
    entity_type: Identifier | None = None
    correlation_id: Trace | None = None

    @property
    def index(self) -> tuple[str, str] | None:
        """What the log is best searched by, name and value; None for all of a time."""
        for name in ("entity_id", "actor_id", "type"):
            if value := getattr(self, name):
                return name, value
        return None

    @property
    def needs_a_look(self) -> bool:
        """Whether the search finds others too, which have to be left out one by one."""
        return len(self.named) > (1 if self.index else 0)

    @property
    def named(self) -> dict[str, str]:
        """What is asked for, by name."""
        return {
            name: value
            for name in Selection.model_fields
            if (value := getattr(self, name)) is not None
        }

    def takes(self, entry: Entry) -> bool:
        has = {
            "actor_id": entry.actor.id,
            "type": entry.type,
            "entity_id": entry.entity_id,
            "entity_type": entry.entity_type,
            "correlation_id": entry.correlation_id,
        }
        return all(has[name] == value for name, value in self.named.items())


class AuditFilter(Selection):
    """`from_` inclusive, `to` exclusive."""

    from_: Moment | None = Field(default=None, alias="from")
    to: Moment | None = None


@dataclass(frozen=True)
class AuditPage:
    items: tuple[Activity, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class Span:
    """Positions of a list, newest first: from `below` (exclusive) down to `oldest` (inclusive)."""

    oldest: str
    below: str

    @property
    def is_empty(self) -> bool:
        return self.below <= self.oldest

    @property
    def bounds(self) -> tuple[str, str]:
        """The span as an inclusive range of keys, which are ASCII and never end in `~`."""
        return self.oldest, f"{self.below[:-1]}{chr(ord(self.below[-1]) - 1)}~"

    def months(self) -> Iterator[str]:
        """The months it touches, newest first."""
        month = self.bounds[1][:7]
        if self.below == self.below[:7]:
            month = _month(self.below, -1)
        while month >= self.oldest[:7]:
            yield month
            month = _month(month, -1)

    def after(self, position: str) -> "Span":
        """What is left of it, read newest first, once `position` has been passed."""
        return Span(self.oldest, min(self.below, position))

    def beyond(self, position: str) -> "Span":
        """What is left of it, read oldest first: a blank sorts before all that an id goes on in."""
        return Span(max(self.oldest, f"{position} "), self.below)


def instant(moment: datetime) -> str:
    """`moment` in UTC at a fixed width, so that text sorts as time does."""
    return moment.astimezone(UTC).strftime(_INSTANT).rjust(27, "0")


def span_of(given: ActivityFilter | AuditFilter, since: datetime | None, now: datetime) -> Span:
    """What a filter asks for: never before `since`, nor past what clocks may disagree by."""
    oldest = max(bound for bound in (given.from_, since, datetime(2000, 1, 1, tzinfo=UTC)) if bound)
    newest = now + timedelta(minutes=5)
    return Span(instant(oldest), instant(min(given.to or newest, newest)))


def checked_position(position: str) -> str:
    """`position` when it is one of this list; InvalidInputError otherwise."""
    if not _POSITION.fullmatch(position):
        raise InvalidInputError([{"field": "after", "message": "is not a cursor of this list"}])
    return position


def is_position(text: str) -> bool:
    """Whether `text` is the position of an entry."""
    return _POSITION.fullmatch(text) is not None and "#" in text


def month_after(month: str) -> str:
    """The month that follows: the first position that `month` does not hold."""
    return _month(month, 1)


def _month(month: str, step: int) -> str:
    count = int(month[:4]) * 12 + int(month[5:7]) - 1 + step
    return f"{count // 12:04}-{count % 12 + 1:02}"
