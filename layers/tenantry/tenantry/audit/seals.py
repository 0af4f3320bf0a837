"""Seals: which day an entry is sealed with, what a seal says, and how seals are chained.

A day of an organisation is sealed once, by what was recorded of it before the day was closed. What
comes later joins the seal of the day it came on, so a seal's content depends on nothing but the
entries themselves: whoever seals a day, however often, makes the same seal.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from tenantry.errors import CorruptDataError

CLOSES_AFTER: Final = timedelta(hours=1)
"""An entry recorded later than this after the end (UTC) of its day is late."""
SEALS_AFTER: Final = timedelta(hours=2)
"""A day is sealed from then on: the hour between is far longer than a write takes to arrive."""
MOST_ENTRIES: Final = 5_000
"""Entries of one seal; a busier day has several, one after another."""

FORMAT: Final = "tenantry-seal/1"
GENESIS: Final = "0" * 64
"""What stands before an organisation's first seal."""
UNSEALED_ATTRIBUTES: Final = frozenset({"purge_at"})
"""Of a stored entry, what may change under its seal: when it may be forgotten."""

type Stored = Mapping[str, Any]
"""An entry as it lies in the table, keys included, in plain values."""


class Statement(BaseModel):
    """What a seal says of its entries; this is what is signed."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    format: Literal["tenantry-seal/1"] = FORMAT
    tenant_id: str
    sequence: int
    """Counts an organisation's seals from 1."""
    day: date
    part: int
    """Counts the seals of a day from 1."""
    is_last: bool
    """Whether the day is whole with it."""
    entries: int
    previous: str
    """The head of the seal before it, GENESIS for the first."""
    head: str
    """The end of the chain of hashes over the entries, which begins with all of the above."""
    content: str
    """SHA-256 of the encrypted entries, so that they can be checked without reading them."""
    key_id: str
    sealed_at: datetime

    @property
    def signed(self) -> bytes:
        return canonical(self.model_dump(mode="json"))


class Seal(BaseModel):
    """A signed statement and the entries it is about, encrypted: what lies in the bucket."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    statement: Statement
    signature: str
    """Base64 of an ECDSA signature (DER) with SHA-256 over `statement.signed`."""
    entries: str
    """Base64 of the entries as JSON lines, gzipped, encrypted with the tenant's key."""

    @property
    def written(self) -> bytes:
        """Its one form in the bucket."""
        return self.model_dump_json().encode()

    @classmethod
    def read(cls, body: bytes) -> Self:
        """The seal that was written; CorruptDataError for a single byte that was not."""
        try:
            seal = cls.model_validate_json(body)
        except ValidationError as error:
            raise CorruptDataError("a seal breaks its schema") from error
        if seal.written != body:
            raise CorruptDataError("a seal is not in the form that seals are written in")
        return seal

    @property
    def content(self) -> bytes:
        """The encrypted entries; CorruptDataError when they are not those of the statement."""
        try:
            content = base64.b64decode(self.entries, validate=True)
        except ValueError as error:
            raise CorruptDataError("the entries of a seal are no base64") from error
        spelled = base64.b64encode(content).decode()
        if spelled != self.entries or hashlib.sha256(content).hexdigest() != self.statement.content:
            raise CorruptDataError("the entries of a seal are not those of its statement")
        return content

    @property
    def place(self) -> str:
        """Its name in the bucket: by its content, so that no two seals ever meet there."""
        said = self.statement
        return f"{folder(said.tenant_id)}{said.day.isoformat()}/{said.part:04}-{said.head}.json"


class Position(BaseModel):
    """Where the sealing of an organisation stands: the latest seal and the days that are done."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    tenant_id: str
    version: int = 0
    """Of this very record; 0 while it is not there."""
    sequence: int = 0
    head: str = GENESIS
    through: date | None = None
    """Every day up to here is sealed, or had nothing to seal."""
    open_day: date | None = None
    """The day of which some parts are sealed and some are not."""
    open_part: int = 0
    open_after: str | None = None
    """The position of the last entry in those parts."""

    def after(self, statement: Statement, last: str) -> Self:
        """Where it stands once the seal of `statement`, which ends with `last`, is made."""
        said = statement
        whole: dict[str, Any] = {"open_day": None, "open_part": 0, "open_after": None}
        parted = {"open_day": said.day, "open_part": said.part, "open_after": last}
        return self.model_copy(
            update={
                "sequence": said.sequence,
                "head": said.head,
                **({**whole, "through": said.day} if said.is_last else parted),
            }
        )

    def past(self, day: date) -> Self:
        """Where it stands once `day` has been found to hold nothing."""
        return self.model_copy(update={"through": day})


def seal_day(occurred_at: datetime, recorded_at: datetime | None) -> date:
    """The day whose seal an entry belongs to: its own, or the one that was open when it came."""
    own = occurred_at.astimezone(UTC).date()
    return max(own, open_day(recorded_at)) if recorded_at else own


def stored_seal_day(entry: Stored) -> date:
    """The same of a stored entry; CorruptDataError when its times cannot be read."""
    try:
        recorded = entry.get("recorded_at")
        happened = datetime.fromisoformat(entry["occurred_at"])
        return seal_day(happened, datetime.fromisoformat(recorded) if recorded else None)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CorruptDataError("the time of a stored entry cannot be read") from error


def open_day(moment: datetime) -> date:
    """The oldest day that is not closed at `moment`."""
    return (moment.astimezone(UTC) - CLOSES_AFTER).date()


def first_day(moment: datetime) -> date:
    """The first day that is sealed and verified of an organisation that is there since `moment`.

    A little before it: clocks differ, and what is told late joins an open day.
    """
    return open_day(moment) - timedelta(days=2)


def sealable_day(now: datetime) -> date:
    """The latest day that may be sealed at `now`."""
    return (now.astimezone(UTC) - SEALS_AFTER).date() - timedelta(days=1)


def folder(tenant_id: str) -> str:
    """Where an organisation's seals lie in the bucket."""
    return f"{tenant_id}/"


def canonical(value: Any) -> bytes:
    """`value` as JSON in the one form that is hashed and signed: sorted, compact, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def entry_hash(entry: Stored) -> bytes:
    """The hash of an entry as it is stored: of each attribute but those that may change."""
    return hashlib.sha256(canonical(sealed_part(entry))).digest()


def sealed_part(entry: Stored) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in UNSEALED_ATTRIBUTES}


def chain_head(statement: Statement, hashes: Iterable[bytes]) -> str:
    """The end of the chain: each link is the hash of the one before and of one entry.

    It begins with what `statement` says of where the seal stands.
    """
    said = statement
    beginning = [FORMAT, said.tenant_id, said.sequence, said.day.isoformat(), said.part]
    link = hashlib.sha256(canonical([*beginning, said.previous])).digest()
    for each in hashes:
        link = hashlib.sha256(link + each).digest()
    return link.hex()
