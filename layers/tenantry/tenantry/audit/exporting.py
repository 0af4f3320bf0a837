"""Use cases on exports and reports: ask for one, follow it, give it up; and the worker's slices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tenantry.audit.events import (
    AuditExportCancelled,
    AuditExported,
    AuditExportFailed,
    AuditExportRequested,
)
from tenantry.audit.formats import csv_head, entries_as_csv, entries_as_json_lines
from tenantry.audit.jobs import (
    LOOKED_AT_A_SLICE,
    MOST_CLAIMS,
    MOST_NAMED,
    MOST_PARTS,
    MOST_TRIES,
    PART,
    ExportInput,
    Format,
    Job,
    JobKind,
    JobState,
    Part,
    ReportInput,
)
from tenantry.audit.model import AUDIT_EXPORT, Damaged, Entry, Found, readable
from tenantry.audit.reporting import Reporting
from tenantry.audit.repository import (
    ActivityRepository,
    Asked,
    GoneError,
    JobRepository,
    PlacedJobs,
    Results,
)
from tenantry.errors import (
    CorruptDataError,
    InvalidInputError,
    LimitExceededError,
    NotFoundError,
    UnavailableError,
)
from tenantry.messaging.event import Event
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.persistence import cursors
from tenantry.persistence.keys import part
from tenantry.runtime.identifiers import derived_id
from tenantry.runtime.inputs import parse
from tenantry.tenancy.access import Access, Standing
from tenantry.tenancy.caller import Caller

AT_ONCE: Final = 1000
"""Entries of one read of the log."""


@dataclass(frozen=True)
class JobPage:
    items: tuple[Job, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class Followed:
    """A job, and where its result can be fetched for a few minutes, when it can."""

    job: Job
    url: str | None


@dataclass(frozen=True)
class ExportService:
    """`jobs` answers those where the organisation's data is; while that is being moved they are
    read, and OrganizationMovingError refuses to write any."""

    access: Access
    jobs: PlacedJobs
    results: Results
    stamp: Stamp

    def request_export(self, caller: Caller, given: dict[str, Any] | None) -> Job:
        """Start an export of the log; LimitExceededError while too many are open.

        With a `clientMutationId` it is done once: the same person's repetition answers the job as
        it stands, IdempotencyMismatchError when the content differs.
        """
        asked = parse(ExportInput, given)
        return self._request(caller, JobKind.EXPORT, asked, asked.filter.named)

    def request_report(self, caller: Caller, given: dict[str, Any] | None) -> Job:
        """Start a compliance report; as `request_export`."""
        return self._request(caller, JobKind.COMPLIANCE_REPORT, parse(ReportInput, given), {})

    def export(self, caller: Caller, job_id: str) -> Followed:
        """How far a job is, with a link to its result while there is one."""
        standing = self._standing(caller)
        job = self._job(self.jobs(standing, writes=False), standing, job_id)
        ready = job.key if job.is_at_hand(self.stamp.now()) else None
        return Followed(job, self.results.link(job, ready) if ready else None)

    def exports(self, caller: Caller, first: int | None, after: str | None) -> JobPage:
        """The jobs of the caller's organisation, newest first, without links."""
        limit = cursors.page_size(first)
        below = part(cursors.decode(after, "job")["job"]) if after else None
        standing = self._standing(caller)
        jobs = self.jobs(standing, writes=False)
        found, last = jobs.newest(standing.tenant_id, limit, below)
        return JobPage(tuple(found), cursors.encode({"job": last}) if last else None)

    def cancel(self, caller: Caller, job_id: str) -> Job:
        """Give a job up, also while it is worked on; ConflictError when it has ended."""
        standing = self._standing(caller)
        jobs = self.jobs(standing, writes=True)
        job = self._job(jobs, standing, job_id)
        cancelled = job.cancelled(self.stamp.now())
        if cancelled is not job:
            event = self.stamp.event(AuditExportCancelled(**_told(job)), standing.cause(caller))
            jobs.end(job, cancelled, event)
        return cancelled

    def _request(
        self,
        caller: Caller,
        kind: JobKind,
        given: ExportInput | ReportInput,
        selection: dict[str, str],
    ) -> Job:
        standing = self._standing(caller)
        jobs = self.jobs(standing, writes=True)
        now, cause = self.stamp.now(), standing.cause(caller)
        begin, end = given.span(standing.organization_created_at, now)
        job = Job(
            tenant_id=standing.tenant_id,
            job_id=self.stamp.new_id(),
            kind=kind,
            format=given.format,
            from_=begin,
            to=end,
            selection=selection,
            requested_by=cause.actor,
            correlation_id=cause.correlation_id,
            request=cause.request,
            created_at=now,
            updated_at=now,
        )
        requested = AuditExportRequested(**_told(job), selection=selection)
        event, asked = self.stamp.event(requested, cause), _asked(caller, job, given)
        try:
            return jobs.create(job, event, asked)
        except LimitExceededError:
            if not jobs.prove(job.tenant_id, now):
                raise
            return jobs.create(job, event, asked)

    def _standing(self, caller: Caller) -> Standing:
        standing = self.access.standing(caller)
        standing.require(AUDIT_EXPORT)
        return standing

    def _job(self, jobs: JobRepository, standing: Standing, job_id: str) -> Job:
        try:
            job = jobs.get(standing.tenant_id, part(job_id))
        except InvalidInputError:
            job = None
        if job is None:
            raise NotFoundError("There is no such export.")
        return job


@dataclass(frozen=True)
class ExportWriter:
    """Works on a job slice by slice. It may stop anywhere, and be called again, or twice at once.

    What it leaves behind has the number of its claim in its name; the job names what counts.
    """

    jobs: JobRepository
    entries: ActivityRepository
    results: Results
    reporting: Reporting
    stamp: Stamp

    def work(self, tenant_id: str, job_id: str) -> bool:
        """One slice of a job; whether there is more to be done.

        ConflictError when another worker has taken over: the message comes again, and finds the
        job ended, or takes over in its turn.
        """
        job = self.jobs.get(tenant_id, job_id)
        if job is None:
            return False
        if not job.is_open:
            self._abandon(job)
            return False
        if job.tries >= MOST_TRIES:
            self._fail(job, UnavailableError.code)
            raise UnavailableError(f"{MOST_TRIES} tries in a row came to nothing")
        claimed = job.claimed(self.stamp.now())
        if claimed.claim > MOST_CLAIMS or len(job.parts) >= MOST_PARTS:
            self._fail(job, "TOO_LARGE")
            return False
        self.jobs.work(job, claimed)
        try:
            return self._report(claimed) if job.kind is not JobKind.EXPORT else self._slice(claimed)
        except GoneError:
            self.jobs.work(claimed, claimed.begun_anew(self.stamp.now()))
            return True
        except CorruptDataError as error:
            self._fail(claimed, error.code)
            return False

    def _slice(self, job: Job) -> bool:
        if job.is_read:
            return self._put_together(job)
        before = self.results.get(job, job.tail) if job.tail else self._head(job)
        looked, goes_on = self._read(job)
        found = [entry for entry in readable(looked) if job.chosen.takes(entry)]
        written = before + self._lines(job, found)
        fields: dict[str, Any] = {
            "position": looked[-1].position if looked else job.position,
            "entries": job.entries + len(found),
            **_damaged(job, [each.position for each in looked if isinstance(each, Damaged)]),
        }
        if not goes_on and not job.parts:
            key = job.object_name(f".{job.format.lower()}")
            self.results.put(job, key, written)
            self._finish(job, {**fields, "key": key, "size": len(written)})
            return False
        if len(written) >= PART or not goes_on:
            fields |= self._part(job, written)
        else:
            fields["tail"] = job.object_name(".tail")
            self.results.put(job, fields["tail"], written)
        after = job.advanced(self.stamp.now(), **fields, is_read=not goes_on)
        self.jobs.work(job, after)
        return True

    def _part(self, job: Job, written: bytes) -> dict[str, Any]:
        """Upload `written` as the next part; what the job then knows of it."""
        if not written:
            return {"tail": None}
        key = job.key or job.object_name(f".{job.format.lower()}")
        upload_id = job.upload_id or self.results.begin(job, key)
        etag = self.results.upload(job, key, upload_id, job.claim, written)
        parts = (*job.parts, Part(number=job.claim, etag=etag))
        size = job.size + len(written)
        return {"key": key, "upload_id": upload_id, "parts": parts, "size": size, "tail": None}

    def _put_together(self, job: Job) -> bool:
        """The last step; a result that is there already is this job's own."""
        self.results.complete(job)
        self._finish(job, {})
        return False

    def _report(self, job: Job) -> bool:
        report = self.reporting.report(job, self.stamp.now())
        key = job.object_name(f".{job.format.lower()}")
        self.results.put(job, key, report.content)
        size = len(report.content)
        fields = {"key": key, "size": size, "entries": report.rows}
        self._finish(job, fields | _damaged(job, report.damaged))
        return False

    def _read(self, job: Job) -> tuple[list[Found], bool]:
        """The next entries, oldest first, and whether there may be more."""
        found: list[Found] = []
        span, index = job.span, job.chosen.index
        months = [None] if index else list(span.months())[::-1]
        for month in months if not span.is_empty else []:
            while len(found) < LOOKED_AT_A_SLICE:
                asked = min(AT_ONCE, LOOKED_AT_A_SLICE - len(found))
                if index:
                    some = self.entries.narrowed(
                        job.tenant_id, *index, span, asked, oldest_first=True
                    )
                else:
                    some = self.entries.month(
                        job.tenant_id, str(month), span, asked, oldest_first=True
                    )
                found += some
                if len(some) < asked:
                    break
                span = span.beyond(some[-1].position)
            else:
                return found, True
        return found, False

    def _head(self, job: Job) -> bytes:
        return csv_head() if job.format is Format.CSV and not job.position else b""

    def _lines(self, job: Job, entries: list[Entry]) -> bytes:
        return (entries_as_csv if job.format is Format.CSV else entries_as_json_lines)(entries)

    def _finish(self, job: Job, fields: dict[str, Any]) -> None:
        done = job.done(self.stamp.now(), **fields)
        told = AuditExported(
            **_told(done),
            selection=done.selection,
            entries=done.entries,
            size=done.size,
            damaged=done.damaged,
        )
        self._end(job, done, self.stamp.event(told, done.cause))

    def _fail(self, job: Job, code: str) -> None:
        failed = job.failed(self.stamp.now(), code)
        event = self.stamp.event(
            AuditExportFailed(**_told(job), code=code), Cause(correlation_id=job.correlation_id)
        )
        self._end(job, failed, event)
        self._abandon(failed)

    def _end(self, before: Job, after: Job, event: Event) -> None:
        self.jobs.end(before, after, event)
        self.jobs.prove(after.tenant_id, self.stamp.now())

    def _abandon(self, job: Job) -> None:
        """Give up the parts of a job that came to no result."""
        if job.upload_id and job.state is not JobState.DONE:
            self.results.abandon(job)


def _asked(caller: Caller, job: Job, given: ExportInput | ReportInput) -> Asked | None:
    """What a job was asked for with, when its asker named a key: theirs, of this organisation."""
    key = given.client_mutation_id
    if key is None:
        return None
    name = derived_id("audit-export", job.tenant_id, caller.user_id, key)
    return Asked(name, f"{job.kind.value}#{given.fingerprint}")


def _damaged(job: Job, places: Sequence[str]) -> dict[str, Any]:
    """What the job then knows of entries that are not in its result; the result is all the rest.

    With a filter they may be others than it asks for: what they were cannot be told.
    """
    named = (*job.damaged_entries, *places)[:MOST_NAMED]
    return {"damaged": job.damaged + len(places), "damaged_entries": named}


def _told(job: Job) -> dict[str, Any]:
    return {
        "export_id": job.job_id,
        "kind": job.kind.value,
        "format": job.format.value,
        "from_time": job.from_,
        "to_time": job.to,
    }
