"""Ports: the audit log, the names of the people in it, and exports with their results."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tenantry.audit.jobs import Job
from tenantry.audit.model import Entry, Found, Span
from tenantry.messaging.event import Event
from tenantry.tenancy.access import Standing


class AuditLog(Protocol):
    """Written by the recorder alone: an entry is added once and never changed."""

    def add(self, entry: Entry) -> bool:
        """Keep `entry`; False when it was there already."""


class ActivityRepository(Protocol):
    """Reads the entries of one organisation; what is damaged keeps its place among them.

    Whoever reads goes on without it, and it has been reported.
    """

    def month(
        self, tenant_id: str, month: str, span: Span, limit: int, *, oldest_first: bool = False
    ) -> list[Found]:
        """Up to `limit` entries of a month within `span`, newest first; fewer: there are none."""

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
        """The same across months, of one `actor_id`, `type` or `entity_id`; as of a moment ago."""


class PeopleNames(Protocol):
    def of(self, user_ids: Collection[str]) -> Mapping[str, str]:
        """The names of those users who have given one, in one round trip."""


@dataclass(frozen=True)
class Asked:
    """The key that a job was asked for with, made safe for a key of the store, and the content."""

    key: str
    fingerprint: str


class JobRepository(Protocol):
    """Exports and reports of an organisation, and how many of them are open."""

    def create(self, job: Job, event: Event, asked: Asked | None = None) -> Job:
        """Store a new job with its event, as one more that is open; answers it.

        Of a key that was asked with before the job that it made, as it stands now;
        IdempotencyMismatchError when the content was another. LimitExceededError while MOST_OPEN
        are open.
        """

    def get(self, tenant_id: str, job_id: str) -> Job | None:
        """The job, strongly consistent."""

    def newest(self, tenant_id: str, limit: int, below: str | None) -> tuple[list[Job], str | None]:
        """Up to `limit` jobs older than the job `below`, newest first, strongly consistent.

        With them the job to go on below; None at the end.
        """

    def work(self, before: Job, after: Job) -> None:
        """Store how far the work on a job is; ConflictError unless it is where `before` was.

        Whether the job is still wanted is not looked at: the next one to claim it does.
        """

    def end(self, before: Job, after: Job, event: Event) -> None:
        """Store how a job ended, once, as one less that is open.

        ConflictError when it had ended otherwise.
        """

    def prove(self, tenant_id: str, now: datetime) -> bool:
        """Set the count of open jobs to how many there are; whether it had been another.

        At most once in PROVED_EVERY, and not while it moves.
        """


class PlacedJobs(Protocol):
    def __call__(self, standing: Standing, /, *, writes: bool) -> JobRepository:
        """The jobs of the organisation where its data is; OrganizationMovingError while that is
        not to be read, or written."""


class GoneError(Exception):
    """What a job has written so far is no longer there: it has to begin anew."""


class Results(Protocol):
    """What exports write, in objects whose names begin with the tenant."""

    def put(self, job: Job, name: str, content: bytes) -> None: ...

    def get(self, job: Job, name: str) -> bytes:
        """What `put` was given; GoneError when it is no longer there."""

    def begin(self, job: Job, name: str) -> str:
        """Begin an object in parts; answers the upload's id."""

    def upload(self, job: Job, name: str, upload_id: str, number: int, content: bytes) -> str:
        """A part, at least 5 MiB but for the last; answers its tag.

        GoneError when the upload is no longer there.
        """

    def complete(self, job: Job) -> None:
        """Put the job's parts together, unless that has been done; GoneError without them."""

    def abandon(self, job: Job) -> None:
        """Drop the job's parts; nothing when they are gone."""

    def link(self, job: Job, name: str) -> str:
        """An address at which anybody may fetch an object for LINK_LASTS."""


@dataclass(frozen=True)
class Person:
    """Somebody who has access, as the organisation knows them."""

    user_id: str
    role: str
    status: str
    permissions: tuple[str, ...]
    since: datetime
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True)
class Staff:
    """An organisation's name and people; `is_cut` when there are more."""

    name: str
    people: tuple[Person, ...]
    is_cut: bool = False


class People(Protocol):
    def staff(self, tenant_id: str, limit: int) -> Staff:
        """Up to `limit` people who have access now, strongly consistent."""
