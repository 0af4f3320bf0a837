"""Use cases of sealing: tell whose day is to be sealed, and seal it."""

import base64
import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Final, Protocol, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from tenantry.audit.model import is_readable
from tenantry.audit.seal_repository import (
    Chains,
    SealedOrganizations,
    SealKeys,
    SealRecord,
    SealStore,
    Signatures,
    Signer,
)
from tenantry.audit.seals import (
    MOST_ENTRIES,
    Position,
    Seal,
    Statement,
    Stored,
    canonical,
    chain_head,
    entry_hash,
    sealable_day,
)
from tenantry.errors import ConflictError, CorruptDataError

MOST_STEPS: Final = 400
"""Days and parts of days that one task goes through; what is left comes as another task."""
MOST_TASKS: Final = 20_000
"""Organisations that one run of the schedule tells of; the next run goes on behind them."""
_PAGE: Final = 100
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class SealTask(BaseModel):
    """Seal an organisation through a day."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    tenant_id: str
    day: date
    after: str | None = None
    """How far one before it has looked for lost events."""
    has_looked: bool = False
    """Whether one before it has looked through all: what is told since is of later days."""

    @classmethod
    def read(cls, body: str) -> Self:
        """The task of a message; CorruptDataError for anything else."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            raise CorruptDataError("the message is no task of sealing") from error


class SealTasks(Protocol):
    """Port: where tasks wait for a sealer."""

    def send(self, tasks: Sequence[SealTask]) -> None: ...


class Rounds(Protocol):
    """Port: how far the round of a day has come among the organisations."""

    def read(self) -> tuple[date | None, str | None, bool]:
        """The day of the latest round, where it goes on, and whether it is done."""

    def save(self, day: date, after: str | None) -> None:
        """The round of `day` goes on at `after`; done when None."""


class Completeness(Protocol):
    """Port: looks for entries that should be there, in those about to be sealed."""

    def check(self, tenant_id: str, entries: Sequence[Stored]) -> None: ...

    def look(
        self, tenant_id: str, since: datetime, after: str | None, has_time: Callable[[], bool]
    ) -> str | None:
        """Record what entities tell of their latest change since then and the log lacks; where to
        go on when there was no time for all of them."""

    def settle(self, tenant_id: str) -> None:
        """Close the gaps that were filled, and try again to fill the others."""


@dataclass(frozen=True)
class SealingRounds:
    """Once a day, a task for each organisation; a run does a bounded part of it."""

    organizations: SealedOrganizations
    rounds: Rounds
    tasks: SealTasks
    now: Callable[[], datetime]

    def run(self, most: int = MOST_TASKS) -> int:
        """Send tasks of the latest day that can be sealed; answers how many.

        One that stops goes on where it was, and may tell twice of an organisation, which does no
        harm: a day is sealed once.
        """
        day = sealable_day(self.now())
        begun, after, is_done = self.rounds.read()
        if begun == day and is_done:
            return 0
        if begun != day:
            after = None
        sent = 0
        while sent < most:
            found, after = self.organizations.page(after, _PAGE)
            if found:
                self.tasks.send([SealTask(tenant_id=name, day=day) for name in found])
                sent += len(found)
            if after is None or sent >= most or sent % (10 * _PAGE) == 0:
                self.rounds.save(day, after)
            if after is None:
                break
        return sent


@dataclass(frozen=True)
class Sealed:
    """What a task came to."""

    seals: int = 0
    entries: int = 0
    left: SealTask | None = None
    """What is left of it, as another task that goes on from there."""

    @property
    def is_done(self) -> bool:
        return self.left is None


@dataclass(frozen=True)
class SealingService:
    """`report` is told, with the organisation, of an entry that cannot be read.

    It is in no seal, so that the others are sealed all the same. Nothing of it is lost from sight:
    its version is a gap until it is there again, and verification names it while it lies there.
    """

    chains: Chains
    organizations: SealedOrganizations
    store: SealStore
    keys: SealKeys
    signer: Signer
    signatures: Signatures
    completeness: Completeness
    now: Callable[[], datetime]
    report: Callable[[str, str], None]
    most_entries: int = MOST_ENTRIES

    def seal(self, task: SealTask, has_time: Callable[[], bool] = lambda: True) -> Sealed:
        """Seal every day through the task's that is not yet sealed, oldest first.

        Each day and part is one commit: whoever comes again, or at the same time, goes on from
        what stands. ConflictError for a day that is not over.
        """
        if task.day > sealable_day(self.now()):
            raise ConflictError("The day is not over yet, and cannot be sealed.")
        since = self.organizations.since(task.tenant_id)
        if since is None:
            return Sealed()
        seals = entries = 0
        position = self.chains.position(task.tenant_id)
        if (first := _next_day(position, since)) <= task.day and not task.has_looked:
            # Before anything is sealed: a sealer that fails looks again.
            begin = datetime.combine(first, time(), UTC)
            after = self.completeness.look(task.tenant_id, begin, task.after, has_time)
            if after:
                return Sealed(left=task.model_copy(update={"after": after}))
        for _ in range(MOST_STEPS):
            day = _next_day(position, since)
            if day > task.day:
                self.completeness.settle(task.tenant_id)
                return Sealed(seals, entries)
            if not has_time():
                break
            position, made = self._step(position, day)
            seals += made is not None
            entries += made or 0
        left = task.model_copy(update={"after": None, "has_looked": True})
        return Sealed(seals, entries, left)

    def _step(self, position: Position, day: date) -> tuple[Position, int | None]:
        """Seal a part of `day`, or pass it when it is empty; answers where sealing then stands.

        With it how many entries were sealed, None when no seal was made here.
        """
        tenant_id = position.tenant_id
        found = self.chains.entries(tenant_id, day, position.open_after, self.most_entries + 1)
        looked = found[: self.most_entries]
        part = self._readable(tenant_id, looked)
        is_last = looked == found
        if not part and is_last and position.open_day is None:
            after = position.past(day)
            is_mine = self.chains.move(position, after)
            return self._stands(after, is_mine=is_mine), None
        self.completeness.check(tenant_id, part)
        seal = self._kept(self._made(position, day, part, is_last=is_last))
        last = looked[-1]["SK"] if looked else position.open_after
        after = position.after(seal.statement, str(last))
        is_mine = self.chains.commit(position, after, SealRecord(seal.statement, seal.place))
        return self._stands(after, is_mine=is_mine), len(part) if is_mine else None

    def _readable(self, tenant_id: str, looked: Sequence[Stored]) -> list[Stored]:
        """The entries that can be sealed; of the others somebody is told."""
        part = []
        for each in looked:
            if is_readable(each, tenant_id):
                part.append(each)
            else:
                what = f"an entry of the audit cannot be read, and is not sealed: {each['SK']}"
                self.report(what, tenant_id)
        return part

    def _stands(self, after: Position, *, is_mine: bool) -> Position:
        if is_mine:
            return after.model_copy(update={"version": after.version + 1})
        return self.chains.position(after.tenant_id)

    def _made(
        self, position: Position, day: date, part: Sequence[Stored], *, is_last: bool
    ) -> Seal:
        said = Statement(
            tenant_id=position.tenant_id,
            sequence=position.sequence + 1,
            day=day,
            part=position.open_part + 1,
            is_last=is_last,
            entries=len(part),
            previous=position.head,
            head="",
            content="",
            key_id=self.signer.key_id,
            sealed_at=self.now(),
        )
        content = self.keys.encrypt(position.tenant_id, packed(part), bound(said))
        said = said.model_copy(
            update={
                "head": chain_head(said, (entry_hash(each) for each in part)),
                "content": sha256(content).hexdigest(),
            }
        )
        return Seal(
            statement=said,
            signature=self.signer.sign(said.signed),
            entries=base64.b64encode(content).decode(),
        )

    def _kept(self, seal: Seal) -> Seal:
        """The seal that stands: this one, or the same of a sealer who stopped before its commit.

        CorruptDataError when another one lies in its place.
        """
        standing = self.store.put(seal)
        ours, theirs = seal.statement, standing.statement
        signed = self.signatures.is_valid(theirs.key_id, theirs.signed, standing.signature)
        if not signed or _chained(ours) != _chained(theirs):
            raise CorruptDataError("what lies where the seal belongs is not of a sealer")
        return standing


def packed(entries: Sequence[Stored]) -> bytes:
    """Entries as they are encrypted: JSON lines, gzipped."""
    return gzip.compress(b"\n".join(canonical(entry) for entry in entries), mtime=0)


def unpacked(plain: bytes) -> list[Stored]:
    """What was packed; CorruptDataError for anything else."""
    try:
        lines = gzip.decompress(plain).split(b"\n")
        entries = [json.loads(line) for line in lines if line]
    except (OSError, EOFError, ValueError) as error:
        raise CorruptDataError("the entries of a seal cannot be read") from error
    if not all(isinstance(entry, dict) for entry in entries):
        raise CorruptDataError("what a seal holds are no entries")
    return entries


def bound(said: Statement) -> bytes:
    """What the encrypted entries are bound to: in another seal they cannot be decrypted."""
    return canonical([said.format, said.tenant_id, said.sequence, said.day.isoformat(), said.part])


def _next_day(position: Position, since: date) -> date:
    if position.open_day:
        return position.open_day
    return position.through + timedelta(days=1) if position.through else since


def _chained(said: Statement) -> Statement:
    """A statement without what differs between two sealers of the same entries."""
    return said.model_copy(update={"content": "", "sealed_at": _NEVER, "key_id": ""})
