"""The audit log in memory, behind the same ports as DynamoDB's adapters."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tenantry.audit.jobs import MOST_OPEN, PROVED_EVERY, WORK, Job
from tenantry.audit.model import Damaged, Entry, Found, Span
from tenantry.audit.repository import Asked, GoneError, Staff
from tenantry.errors import ConflictError, IdempotencyMismatchError, LimitExceededError
from tenantry.messaging.event import Event


@dataclass
class InMemoryAudit:
    entries: dict[tuple[str | None, str], Entry] = field(default_factory=dict)
    queries: int = 0
    damaged: set[str] = field(default_factory=set)
    """Where entries lie that cannot be read any more."""

    def add(self, entry: Entry) -> bool:
        where = entry.tenant_id, entry.position
        is_new = where not in self.entries
        self.entries.setdefault(where, entry)
        return is_new

    def month(
        self, tenant_id: str, month: str, span: Span, limit: int, *, oldest_first: bool = False
    ) -> list[Found]:
        within = self._within(tenant_id, span, oldest_first=oldest_first)
        return self._found([entry for entry in within if entry.month == month][:limit])

    def narrowed(
        self,
        tenant_id: str,
        by: str,
        value: str,
        span: Span,
        limit: int,
        *,
        oldest_first: bool = False,
    ) -> list[Found]:
        found = []
        for entry in self._within(tenant_id, span, oldest_first=oldest_first):
            named = {"actor_id": entry.actor.id, "type": entry.type, "entity_id": entry.entity_id}
            if named[by] == value:
                found.append(entry)
        return self._found(found[:limit])

    def _found(self, entries: list[Entry]) -> list[Found]:
        return [Damaged(e.position) if e.position in self.damaged else e for e in entries]

    def _within(self, tenant_id: str, span: Span, *, oldest_first: bool) -> list[Entry]:
        self.queries += 1
        return sorted(
            (
                entry
                for (owner, position), entry in self.entries.items()
                if owner == tenant_id and span.oldest <= position < span.below
            ),
            key=lambda entry: entry.position,
            reverse=not oldest_first,
        )


@dataclass
class KnownNames:
    names: dict[str, str] = field(default_factory=dict)

    def of(self, user_ids: Collection[str]) -> Mapping[str, str]:
        return {user: self.names[user] for user in user_ids if user in self.names}


@dataclass
class InMemoryJobs:
    """Exports behind the port of DynamoDB's adapter; `told` are the events of its writes."""

    jobs: dict[tuple[str, str], Job] = field(default_factory=dict)
    works: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    told: list[Event] = field(default_factory=list)
    made: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    proved: dict[str, datetime] = field(default_factory=dict)

    def create(self, job: Job, event: Event, asked: Asked | None = None) -> Job:
        if asked and (before := self.made.get((job.tenant_id, asked.key))):
            if before[1] != asked.fingerprint:
                raise IdempotencyMismatchError("another content")
            found = self.get(job.tenant_id, before[0])
            assert found
            return found
        if (job.tenant_id, job.job_id) in self.jobs:
            raise ConflictError("taken")
        if self.counts.get(job.tenant_id, 0) >= MOST_OPEN:
            raise LimitExceededError("open")
        if asked:
            self.made[job.tenant_id, asked.key] = job.job_id, asked.fingerprint
        self.counts[job.tenant_id] = self.counts.get(job.tenant_id, 0) + 1
        self.jobs[job.tenant_id, job.job_id] = job
        self.told.append(event)
        return job

    def get(self, tenant_id: str, job_id: str) -> Job | None:
        job = self.jobs.get((tenant_id, job_id))
        work = self.works.get((tenant_id, job_id))
        return job.with_work(work) if job and work else job

    def newest(self, tenant_id: str, limit: int, below: str | None) -> tuple[list[Job], str | None]:
        own = [job_id for tenant, job_id in sorted(self.jobs) if tenant == tenant_id][::-1]
        left = [job_id for job_id in own if below is None or job_id < below]
        found = [job for job_id in left[:limit] if (job := self.get(tenant_id, job_id))]
        return found, left[limit - 1] if len(left) > limit else None

    def work(self, before: Job, after: Job) -> None:
        where = before.tenant_id, before.job_id
        if self.works.get(where, {"step": 0})["step"] != before.step:
            raise ConflictError("changed")
        self.works[where] = {name: getattr(after, name) for name in WORK}

    def end(self, before: Job, after: Job, event: Event) -> None:
        where = before.tenant_id, before.job_id
        if self.jobs[where].entity_version != before.entity_version:
            raise ConflictError("changed")
        if self.counts.get(before.tenant_id, 0) < 1:
            self.counts[before.tenant_id] = self._open(before.tenant_id)
        self.counts[before.tenant_id] -= 1
        self.jobs[where] = after
        self.told.append(event)

    def prove(self, tenant_id: str, now: datetime) -> bool:
        if tenant_id in self.proved and now - self.proved[tenant_id] < PROVED_EVERY:
            return False
        self.proved[tenant_id] = now
        before, rows = self.counts.get(tenant_id, 0), self._open(tenant_id)
        self.counts[tenant_id] = rows
        return before != rows

    def _open(self, tenant_id: str) -> int:
        return sum(job.is_open for (owner, _), job in self.jobs.items() if owner == tenant_id)


@dataclass
class InMemoryResults:
    """A bucket: an upload is an object only once it was put together, and then gone."""

    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)

    def put(self, job: Job, name: str, content: bytes) -> None:
        self.objects[name] = content

    def get(self, job: Job, name: str) -> bytes:
        if name not in self.objects:
            raise GoneError(name)
        return self.objects[name]

    def begin(self, job: Job, name: str) -> str:
        upload_id = f"upload-{len(self.uploads) + 1}-{name}"
        self.uploads[upload_id] = {}
        return upload_id

    def upload(self, job: Job, name: str, upload_id: str, number: int, content: bytes) -> str:
        if upload_id not in self.uploads:
            raise GoneError(upload_id)
        self.uploads[upload_id][number] = content
        return hashlib.sha256(content).hexdigest()

    def complete(self, job: Job) -> None:
        name, parts = str(job.key), self.uploads.get(str(job.upload_id))
        if parts is None:
            if name not in self.objects:
                raise GoneError(name)
            return
        for part in job.parts:
            if hashlib.sha256(parts.get(part.number, b"?")).hexdigest() != part.etag:
                raise GoneError(name)
        self.objects[name] = b"".join(parts[part.number] for part in job.parts)
        del self.uploads[str(job.upload_id)]

    def abandon(self, job: Job) -> None:
        self.uploads.pop(str(job.upload_id), None)

    def link(self, job: Job, name: str) -> str:
        return f"https://results.example/{name}"


@dataclass
class KnownPeople:
    staffs: dict[str, Staff] = field(default_factory=dict)

    def staff(self, tenant_id: str, limit: int) -> Staff:
        known = self.staffs.get(tenant_id, Staff(tenant_id, ()))
        return replace(known, people=known.people[:limit], is_cut=len(known.people) > limit)
