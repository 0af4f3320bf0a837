"""Exports and reports as jobs: what is asked for, how far one is, and what may follow on what."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from tenantry.audit.model import Moment, Selection, Span, instant
from tenantry.errors import ConflictError, InvalidInputError
from tenantry.messaging.event import Actor, RequestOrigin
from tenantry.messaging.stamp import Cause
from tenantry.runtime.inputs import IdempotencyKey, Input, fingerprint

LOOKED_AT_A_SLICE: Final = 5000
"""Entries that one slice of an export reads at most."""
PART: Final = 8 * 1024 * 1024
"""Bytes of a part of the result; S3 takes none below 5 MiB but the last."""
MOST_PARTS: Final = 1000
MOST_CLAIMS: Final = 10_000
"""S3 numbers parts up to this, and each claim of a job has a number of its own."""
MOST_TRIES: Final = 4
"""Claims in a row that may come to nothing; a message is handed out once more than that."""
MOST_OPEN: Final = 5
"""Jobs of an organisation that may be open at once."""
PROVED_EVERY: Final = timedelta(hours=1)
"""Between two proofs of how many are open, which read all jobs that are kept."""
MOST_NAMED: Final = 20
"""Of entries that cannot be read so many are named; the log names all."""
LONGEST: Final = timedelta(days=3660)
RESULT_KEPT: Final = timedelta(days=7)
JOB_KEPT: Final = timedelta(days=90)
LINK_LASTS: Final = timedelta(minutes=5)
"""As long as a session is good for at least when a link is signed with it."""


class JobKind(StrEnum):
    EXPORT = "EXPORT"
    COMPLIANCE_REPORT = "COMPLIANCE_REPORT"


class JobState(StrEnum):
    REQUESTED = "REQUESTED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


OPEN: Final = frozenset({JobState.REQUESTED, JobState.RUNNING})


class Format(StrEnum):
    CSV = "CSV"
    JSONL = "JSONL"
    PDF = "PDF"

    @property
    def content_type(self) -> str:
        return {
            Format.CSV: "text/csv; charset=utf-8",
            Format.JSONL: "application/x-ndjson",
            Format.PDF: "application/pdf",
        }[self]


class Part(BaseModel):
    """A part of the result that lies in S3."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    number: int
    etag: str


class Job(BaseModel):
    """An export or a report.

    `entity_version` moves with what is told of it: asked for, then ended, so that its versions
    have no gaps in the log; `step` moves with the work on it. Whoever works on a job claims it
    first. A claim has a number of its own, which names what it
    writes: a part, a tail, a result. A claim made later beats one that is still at work, whose
    save is then refused, and what it wrote is nobody's.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    tenant_id: str
    job_id: str
    kind: JobKind
    format: Format
    state: JobState = JobState.REQUESTED
    from_: datetime
    to: datetime
    selection: dict[str, str] = {}
    requested_by: Actor
    correlation_id: str | None = None
    request: RequestOrigin = RequestOrigin()
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    percent: int = 0
    entries: int = 0
    size: int = 0
    error: str | None = None
    damaged: int = 0
    """Entries that could not be read, and are not in the result."""
    damaged_entries: tuple[str, ...] = ()
    """Where the first MOST_NAMED of them lie."""
    # the worker's own, with percent, entries and size while it is open
    step: int = 0
    claim: int = 0
    tries: int = 0
    position: str | None = None
    """The last entry that is in what has been written."""
    is_read: bool = False
    """All entries are in what has been written; only the parts are to be put together."""
    tail: str | None = None
    """The name of what has been written and is not enough for a part."""
    upload_id: str | None = None
    key: str | None = None
    """The name of the result."""
    parts: tuple[Part, ...] = ()
    entity_version: int = 1

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def cause(self) -> Cause:
        """Whoever asked for it is who exports."""
        return Cause(self.requested_by, self.correlation_id, self.request)

    @property
    def chosen(self) -> Selection:
        return Selection.model_validate(self.selection, by_name=True)

    @property
    def span(self) -> Span:
        """What is left to be read, oldest first."""
        whole = Span(instant(self.from_), instant(self.to))
        return whole.beyond(self.position) if self.position else whole

    @property
    def expires_at(self) -> datetime | None:
        """When the result is gone."""
        done = self.state is JobState.DONE and self.finished_at
        return done + RESULT_KEPT if done else None

    @property
    def file_name(self) -> str:
        name = "audit" if self.kind is JobKind.EXPORT else "compliance"
        days = f"{self.from_:%Y-%m-%d}-{self.to:%Y-%m-%d}"
        return f"{name}-{days}.{self.format.lower()}"

    def is_at_hand(self, now: datetime) -> bool:
        """Whether its result can be fetched."""
        return self.expires_at is not None and now < self.expires_at

    def object_name(self, what: str = "") -> str:
        """A name of this claim's own; it begins with the tenant."""
        return f"{self.tenant_id}/{self.job_id}/{self.claim:05}{what}"

    def claimed(self, now: datetime) -> Self:
        """The job in the hands of one more worker."""
        return self._worked(now, state=JobState.RUNNING, claim=self.claim + 1, tries=self.tries + 1)

    def advanced(self, now: datetime, **fields: Any) -> Self:
        """One slice further."""
        moved = self._worked(now, tries=0, **fields)
        return moved.model_copy(update={"percent": moved._percent})

    def begun_anew(self, now: datetime) -> Self:
        """Its upload is gone, so nothing has been written."""
        return self._worked(
            now,
            percent=0,
            entries=0,
            size=0,
            damaged=0,
            damaged_entries=(),
            position=None,
            is_read=False,
            tail=None,
            upload_id=None,
            key=None,
            parts=(),
        )

    def done(self, now: datetime, **fields: Any) -> Self:
        return self._ended(now, state=JobState.DONE, percent=100, **fields)

    def failed(self, now: datetime, code: str) -> Self:
        return self._ended(now, state=JobState.FAILED, error=code)

    def cancelled(self, now: datetime) -> Self:
        """The job given up; itself when it is already; ConflictError when it has ended."""
        if self.state is JobState.CANCELLED:
            return self
        if not self.is_open:
            raise ConflictError("This export has ended already.")
        return self._ended(now, state=JobState.CANCELLED)

    def with_work(self, work: Mapping[str, Any]) -> Self:
        """The job with what has been stored of the work on it; what it ended with stays."""
        if not self.is_open:
            return self.model_copy(update={n: v for n, v in work.items() if n not in RESULT})
        return self.model_copy(update={**work, "state": JobState.RUNNING})

    @property
    def _percent(self) -> int:
        """By time: how many entries there will be is not known before they are read."""
        if self.is_read:
            return 99
        if not self.position:
            return 0
        reached = datetime.fromisoformat(self.position.partition("#")[0])
        return max(0, min(99, int(100 * ((reached - self.from_) / (self.to - self.from_)))))

    def _worked(self, now: datetime, **fields: Any) -> Self:
        return self.model_copy(update={**fields, "updated_at": now, "step": self.step + 1})

    def _ended(self, now: datetime, **fields: Any) -> Self:
        ended = {"finished_at": now, "updated_at": now, "entity_version": self.entity_version + 1}
        return self.model_copy(update={**fields, **ended})


RESULT: Final = frozenset(
    {"updated_at", "percent", "entries", "size", "damaged", "damaged_entries", "key"}
)
WORK: Final = RESULT | {
    "step",
    "claim",
    "tries",
    "position",
    "is_read",
    "tail",
    "upload_id",
    "parts",
}
"""What the work on a job moves, apart from the job itself."""


class _Request(Input):
    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)

    from_: Moment = Field(alias="from")
    to: Moment
    client_mutation_id: IdempotencyKey | None = None

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.to <= self.from_:
            raise ValueError("from must be before to")
        if self.to - self.from_ > LONGEST:
            raise ValueError("from and to must lie within ten years")
        return self

    def span(self, since: datetime | None, now: datetime) -> tuple[datetime, datetime]:
        """From when to when there can be something; InvalidInputError when never."""
        begin, end = max(self.from_, since or self.from_), min(self.to, now)
        if begin >= end:
            fault = "lies outside of the time in which something happened"
            raise InvalidInputError([{"field": "from", "message": fault}])
        return begin, end

    @property
    def fingerprint(self) -> str:
        """The same for the same content, whatever its idempotency key."""
        return fingerprint(self)


ExportFormat = Annotated[Format, Field(strict=False)]


class ExportInput(_Request):
    """`filter` as in `auditLog`, without its times."""

    format: ExportFormat
    filter: Selection = Selection()

    @model_validator(mode="before")
    @classmethod
    def _no_filter(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("filter", ...) is None:
            return {name: value for name, value in values.items() if name != "filter"}
        return values

    @model_validator(mode="after")
    def _lines(self) -> Self:
        if self.format is Format.PDF:
            raise ValueError("format must be CSV or JSONL")
        return self


class ReportInput(_Request):
    format: ExportFormat

    @model_validator(mode="after")
    def _for_people(self) -> Self:
        if self.format is Format.JSONL:
            raise ValueError("format must be CSV or PDF")
        return self
