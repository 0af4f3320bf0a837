"""Exports: who may ask, what a slice does, and that the file is whole whatever stops or repeats."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.audit import exporting
from tenantry.audit.exporting import ExportService, ExportWriter
from tenantry.audit.formats import csv_head, entries_as_csv, entries_as_json_lines
from tenantry.audit.jobs import (
    JOB_KEPT,
    MOST_NAMED,
    MOST_OPEN,
    MOST_TRIES,
    PROVED_EVERY,
    RESULT_KEPT,
    Job,
    JobState,
)
from tenantry.audit.model import Entry
from tenantry.audit.reporting import Reporting
from tenantry.audit.repository import JobRepository
from tenantry.errors import (
    ConflictError,
    CorruptDataError,
    ForbiddenError,
    IdempotencyMismatchError,
    InvalidInputError,
    LimitExceededError,
    NotFoundError,
    OrganizationMovingError,
    UnavailableError,
)
from tenantry.messaging.event import Actor
from tenantry.messaging.stamp import Stamp
from tenantry.tenancy.access import OrganizationStatus, Standing
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.support.clock import FakeClock, FakeIds
from tests.support.fakes.audit import (
    InMemoryAudit,
    InMemoryJobs,
    InMemoryResults,
    KnownNames,
    KnownPeople,
)
from tests.unit.audit.test_activity import ADA, NOW, Stands, envelope, recorded

ALL = {"format": "JSONL", "from": (NOW - timedelta(days=300)).isoformat(), "to": NOW.isoformat()}


class Stopped(BaseException):
    """The process stopped here."""


@dataclass
class Stopping:
    """Stands before the ports and stops the process before or after its k-th call."""

    at: float = float("inf")
    after: bool = False
    calls: int = 0

    def before(self, port: object) -> Any:
        stopping = self

        class Proxy:
            def __getattr__(self, name: str) -> Any:
                method = getattr(port, name)

                def call(*arguments: Any, **named: Any) -> Any:
                    stopping.calls += 1
                    hit = stopping.calls == stopping.at
                    if hit and not stopping.after:
                        raise Stopped(name)
                    answer = method(*arguments, **named)
                    if hit:
                        raise Stopped(name)
                    return answer

                return call

        return Proxy()


@dataclass
class World:
    audit: InMemoryAudit = field(default_factory=InMemoryAudit)
    jobs: InMemoryJobs = field(default_factory=InMemoryJobs)
    results: InMemoryResults = field(default_factory=InMemoryResults)
    stopping: Stopping = field(default_factory=Stopping)
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    stamp: Stamp = field(init=False)

    def __post_init__(self) -> None:
        self.stamp = Stamp(now=self.clock, new_id=FakeIds())

    def service(self, **more: Any) -> ExportService:
        return ExportService(Stands(**more), self.placed, self.results, self.stamp)

    def placed(self, standing: Standing, /, *, writes: bool) -> JobRepository:
        """As a router finds them."""
        if writes and standing.route.get("state") == "moving":
            raise OrganizationMovingError("It is being moved.")
        return self.jobs

    def writer(self) -> ExportWriter:
        before = self.stopping.before
        reporting = Reporting(self.audit, KnownPeople(), KnownNames(), lambda _document: b"%PDF")
        return ExportWriter(
            before(self.jobs), before(self.audit), before(self.results), reporting, self.stamp
        )

    def request(self, **more: Any) -> Job:
        return self.service().request_export(ADA, {**ALL, **more})

    def run(self, job: Job) -> Job:
        """Deliver messages until none is left: one that fails, or stops, comes again."""
        for _ in range(1000):
            try:
                if not self.writer().work(job.tenant_id, job.job_id):
                    break
            except (Stopped, ConflictError):
                continue
        return self.job(job)

    def job(self, job: Job) -> Job:
        found = self.jobs.get(job.tenant_id, job.job_id)
        assert found
        return found

    def content(self, job: Job) -> bytes:
        return self.results.objects[str(self.job(job).key)]

    @property
    def told(self) -> list[str]:
        return [event.type for event in self.jobs.told]


def happened(count: int, **more: Any) -> InMemoryAudit:
    return recorded(
        *(
            envelope(n, NOW - timedelta(days=200) + timedelta(hours=7 * n), **more)
            for n in range(count)
        )
    )


def whole(audit: InMemoryAudit, tenant: str = "t-1") -> list[Entry]:
    return sorted(
        (entry for (owner, _), entry in audit.entries.items() if owner == tenant),
        key=lambda entry: entry.position,
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def make(looked: int, part: int, at_once: int = 2) -> None:
        monkeypatch.setattr(exporting, "LOOKED_AT_A_SLICE", looked)
        monkeypatch.setattr(exporting, "PART", part)
        monkeypatch.setattr(exporting, "AT_ONCE", at_once)

    return make


def test_an_export_is_asked_for_and_told() -> None:
    world = World()

    job = world.service().request_export(
        ADA, {**ALL, "format": "CSV", "filter": {"actorId": "ada", "entityType": "Member"}}
    )

    assert (job.state, job.percent, job.tenant_id) == (JobState.REQUESTED, 0, "t-1")
    assert job.selection == {"actor_id": "ada", "entity_type": "Member"}
    assert job.requested_by == Actor(id="ada", role="OWNER")
    [event] = world.jobs.told
    assert event.type == "AuditExportRequested"
    assert event.data["export_id"] == job.job_id
    assert event.actor == job.requested_by


@pytest.mark.parametrize("role", [Role.MANAGER, Role.MEMBER, Role.VIEWER])
def test_only_administrators_export(role: Role) -> None:
    service = World().service(role=role)
    for ask in (
        lambda: service.request_export(ADA, ALL),
        lambda: service.request_report(ADA, {**ALL, "format": "PDF"}),
        lambda: service.export(ADA, "x"),
        lambda: service.exports(ADA, None, None),
        lambda: service.cancel(ADA, "x"),
    ):
        with pytest.raises(ForbiddenError):
            ask()


def test_a_suspended_organisation_still_takes_its_log_away() -> None:
    service = World().service(organization_status=OrganizationStatus.SUSPENDED)

    assert service.request_export(ADA, ALL).is_open


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "PDF"},
        {"format": "XLS"},
        {"from": NOW.isoformat()},
        {"from": "2026-01-01T00:00:00"},
        {"from": "1990-01-01T00:00:00Z"},
        {
            "from": (NOW + timedelta(days=1)).isoformat(),
            "to": (NOW + timedelta(days=2)).isoformat(),
        },
        {"filter": {"from": NOW.isoformat()}},
        {"filter": {"actorId": "a#b"}},
        {"colour": "red"},
    ],
)
def test_a_request_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        World().request(**wrong)


def test_a_report_shows_what_operators_did_outside_of_sessions_and_why() -> None:
    world, root = World(), Actor(id="root", kind="operator")
    kinds = ("LicenseRenewed", "AccountTeardownApproved", "OwnerAppointed")
    acts = [
        envelope(n, NOW - timedelta(days=n), type=kind, actor=root, data={"reason": f"Ticket {n}"})
        for n, kind in enumerate(kinds, 1)
    ]
    own = envelope(9, NOW - timedelta(days=9), type="AccountRequested", data={"reason": None})
    world.audit = recorded(*acts, own)
    asked = world.service().request_report(ADA, {**ALL, "format": "CSV"})

    world.run(asked)

    text = world.content(asked).decode("utf-8-sig")
    section = text[text.index("What the vendor did") : text.index("Refused sign-ins")]
    for n, kind in enumerate(kinds, 1):
        assert f'"{kind}","operator root"' in section
        assert f"reason: Ticket {n}" in section
    assert "AccountRequested" not in section


def test_a_report_is_for_people() -> None:
    with pytest.raises(InvalidInputError):
        World().service().request_report(ADA, {**ALL, "format": "JSONL"})


def test_only_so_many_are_open_at_once(small: Callable[..., None]) -> None:
    world = World(happened(3))
    jobs = [world.request() for _ in range(MOST_OPEN)]

    with pytest.raises(LimitExceededError):
        world.request()

    world.run(jobs[0])
    assert world.request().is_open


def test_a_count_that_is_too_high_keeps_nobody_from_asking() -> None:
    world = World()
    world.jobs.counts["t-1"] = MOST_OPEN

    assert world.request().is_open
    assert world.jobs.counts["t-1"] == 1

    world.jobs.counts["t-1"] = MOST_OPEN
    with pytest.raises(LimitExceededError):
        world.request()
    world.clock.advance(PROVED_EVERY)
    assert world.request().is_open


def test_a_count_that_is_too_low_is_set_right_when_a_job_ends() -> None:
    world = World()
    job = world.request()
    for _ in range(2):
        world.request()
    world.jobs.counts["t-1"] = 1

    world.run(job)

    assert world.jobs.counts["t-1"] == 2


def test_with_a_key_an_export_is_asked_for_once() -> None:
    world = World()
    job = world.request(clientMutationId="k-1")
    done = world.run(job)
    world.clock.advance(timedelta(days=1))

    assert world.request(clientMutationId="k-1") == done
    assert world.told == ["AuditExportRequested", "AuditExported"]
    assert world.request(clientMutationId="k-2") != done
    assert world.request() != done


@pytest.mark.parametrize("other", [{"format": "CSV"}, {"filter": {"actorId": "ada"}}])
def test_a_key_with_another_content_is_refused(other: dict[str, Any]) -> None:
    world = World()
    world.request(clientMutationId="k-1")

    with pytest.raises(IdempotencyMismatchError):
        world.request(clientMutationId="k-1", **other)
    report = {**ALL, "format": "CSV", "clientMutationId": "k-1"}
    with pytest.raises(IdempotencyMismatchError):
        world.service().request_report(ADA, report)


def test_a_key_is_its_askers_own() -> None:
    world = World()
    own = world.request(clientMutationId="k-1")
    asked = {**ALL, "format": "CSV", "clientMutationId": "k-1"}

    others = world.service().request_export(ADA.model_copy(update={"user_id": "bob"}), asked)
    elsewhere = world.service().request_export(ADA.model_copy(update={"tenant_id": "t-2"}), asked)

    assert len({own.job_id, others.job_id, elsewhere.job_id}) == 3


@pytest.mark.parametrize("key", ["", "a b", "k" * 129, "ä", 7])
def test_a_key_that_is_none_is_refused(key: Any) -> None:
    with pytest.raises(InvalidInputError):
        World().request(clientMutationId=key)


@pytest.mark.parametrize("count", [0, 1, 7, 40])
@pytest.mark.parametrize(("looked", "part"), [(5, 10**9), (5, 1), (7, 2000), (1000, 10**9)])
@pytest.mark.parametrize("format_", ["CSV", "JSONL"])
def test_whatever_the_slices_the_file_holds_every_entry_once_in_order(
    small: Callable[..., None], count: int, looked: int, part: int, format_: str
) -> None:
    small(looked, part)
    world = World(happened(count))

    job = world.run(world.request(format=format_))

    assert (job.state, job.percent, job.entries) == (JobState.DONE, 100, count)
    entries = whole(world.audit)
    expected = (
        csv_head() + entries_as_csv(entries) if format_ == "CSV" else entries_as_json_lines(entries)
    )
    assert world.content(job) == expected
    assert job.size == len(expected)
    assert world.told == ["AuditExportRequested", "AuditExported"]
    told = world.jobs.told[-1]
    assert told.actor == Actor(id="ada", role="OWNER"), "the export is told as who asked for it"
    assert (told.data["entries"], told.data["size"]) == (count, job.size)
    assert world.results.uploads == {}


@given(
    count=st.integers(0, 30),
    looked=st.integers(1, 9),
    part=st.integers(1, 4000),
    stops=st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=3),
)
def test_stopped_anywhere_and_delivered_again_the_file_is_whole(
    count: int, looked: int, part: int, stops: list[tuple[int, bool]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "LOOKED_AT_A_SLICE", looked)
        patch.setattr(exporting, "PART", part)
        patch.setattr(exporting, "AT_ONCE", 3)
        world = World(happened(count))
        job = world.request()
        for at, after in stops:
            world.stopping = Stopping(at, after)
            try:
                while world.writer().work("t-1", job.job_id):
                    pass
            except Stopped:
                continue
        world.stopping = Stopping()
        done = world.run(job)

    assert done.state is JobState.DONE
    assert world.content(job) == entries_as_json_lines(whole(world.audit))
    assert done.entries == count
    assert world.told.count("AuditExported") == 1


def test_what_is_written_has_the_claims_own_name_so_a_slow_worker_spoils_nothing(
    small: Callable[..., None],
) -> None:
    """A second worker takes over while the first one is about to write; then both go on."""
    small(5, 10**9)
    world = World(happened(12))
    job = world.request()
    slow = world.writer()
    done_meanwhile: list[bool] = []

    class Overtaken:
        def put(self, *arguments: Any) -> None:
            if not done_meanwhile:
                # An entry that came late in between makes the two slices differ.
                late = envelope(99, NOW - timedelta(days=199, hours=23))
                world.audit.add(Entry.of(late))
                done_meanwhile.append(world.writer().work("t-1", job.job_id))
            world.results.put(*arguments)

    object.__setattr__(slow, "results", Overtaken())

    with pytest.raises(ConflictError):
        slow.work("t-1", job.job_id)
    done = world.run(job)

    assert world.content(done) == entries_as_json_lines(whole(world.audit))
    assert done.entries == 13


def test_a_filter_leaves_out_what_was_not_asked_for(small: Callable[..., None]) -> None:
    small(4, 10**9)
    audit = recorded(
        *(
            envelope(
                n,
                NOW - timedelta(days=n + 1),
                actor=Actor(id="ada" if n % 3 else "bob"),
                entity_type="Member" if n % 2 else "Organization",
            )
            for n in range(24)
        )
    )
    world = World(audit)

    job = world.run(world.request(filter={"actorId": "bob", "entityType": "Member"}))

    chosen = [e for e in whole(audit) if e.actor.id == "bob" and e.entity_type == "Member"]
    assert len(chosen) == 4
    assert world.content(job) == entries_as_json_lines(chosen)


def test_another_organisations_entries_are_in_no_file() -> None:
    theirs = [envelope(n, NOW - timedelta(days=n), tenant_id="t-2") for n in range(3)]
    audit = recorded(*theirs, envelope(9, NOW - timedelta(days=1)))
    world = World(audit)

    job = world.run(world.request())

    assert world.content(job) == entries_as_json_lines(whole(audit, "t-1"))
    assert str(job.key).startswith("t-1/")


def test_another_organisations_export_does_not_exist() -> None:
    world = World(happened(2))
    job = world.run(world.request())
    eve = Caller(user_id="eve", tenant_id="t-2")
    service = world.service()

    for ask in (service.export, service.cancel):
        with pytest.raises(NotFoundError):
            ask(eve, job.job_id)
    assert service.exports(eve, None, None).items == ()
    for made_up in ("", "a#b", "x" * 300, "../t-1"):
        with pytest.raises(NotFoundError):
            service.export(ADA, made_up)


def test_the_percentage_grows_with_time_and_reaches_the_end(small: Callable[..., None]) -> None:
    small(5, 10**9)
    world = World(happened(40))
    job = world.request()
    seen = []
    while world.writer().work("t-1", job.job_id):
        seen.append(world.job(job).percent)

    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert all(0 < percent < 100 for percent in seen)
    assert world.job(job).percent == 100


def test_there_is_a_link_while_there_is_a_result() -> None:
    world = World(happened(2))
    service = world.service()
    job = world.request()
    assert service.export(ADA, job.job_id).url is None

    world.run(job)
    followed = service.export(ADA, job.job_id)
    assert followed.url == f"https://results.example/{followed.job.key}"

    world.clock.advance(RESULT_KEPT)
    assert service.export(ADA, job.job_id).url is None
    assert JOB_KEPT > RESULT_KEPT


def test_a_job_that_is_cancelled_is_worked_on_no_more(small: Callable[..., None]) -> None:
    small(5, 1)
    world = World(happened(20))
    job = world.request()
    assert world.writer().work("t-1", job.job_id)
    assert world.results.uploads

    cancelled = world.service().cancel(ADA, job.job_id)

    assert cancelled.state is JobState.CANCELLED
    assert world.service().cancel(ADA, job.job_id).state is JobState.CANCELLED
    assert not world.writer().work("t-1", job.job_id)
    assert world.results.uploads == {}, "its parts are given up"
    assert world.told == ["AuditExportRequested", "AuditExportCancelled"]
    assert world.service().export(ADA, job.job_id).url is None


def test_a_slice_that_was_at_work_when_the_job_was_cancelled_comes_to_nothing() -> None:
    world = World(happened(3))
    job = world.request()
    writer = world.writer()

    class Cancelled:
        def put(self, *arguments: Any) -> None:
            world.service().cancel(ADA, job.job_id)
            world.results.put(*arguments)

    object.__setattr__(writer, "results", Cancelled())

    with pytest.raises(ConflictError):
        writer.work("t-1", job.job_id)
    assert world.run(job).state is JobState.CANCELLED


def test_what_has_ended_is_not_cancelled() -> None:
    world = World(happened(1))
    job = world.run(world.request())

    with pytest.raises(ConflictError):
        world.service().cancel(ADA, job.job_id)


def test_a_job_that_comes_to_nothing_time_and_again_fails_and_says_so() -> None:
    world = World(happened(3))
    job = world.request()
    for _ in range(MOST_TRIES):
        world.stopping = Stopping(at=3)
        with pytest.raises(Stopped):
            world.writer().work("t-1", job.job_id)
    world.stopping = Stopping()

    with pytest.raises(UnavailableError):
        world.writer().work("t-1", job.job_id)

    failed = world.job(job)
    assert (failed.state, failed.error) == (JobState.FAILED, "UNAVAILABLE")
    assert world.told[-1] == "AuditExportFailed"
    assert not world.writer().work("t-1", job.job_id), "its message, redriven, ends"


def test_tries_that_came_to_something_in_between_are_forgotten(small: Callable[..., None]) -> None:
    small(1, 10**9)
    world = World(happened(12))
    job = world.request()
    for _ in range(12):
        world.stopping = Stopping(at=3)
        with pytest.raises(Stopped):
            world.writer().work("t-1", job.job_id)
        world.stopping = Stopping()
        if not world.writer().work("t-1", job.job_id):
            break

    assert world.run(job).state is JobState.DONE


@pytest.mark.parametrize(("looked", "part"), [(1, 10**9), (3, 1), (1000, 10**9)])
@pytest.mark.parametrize("damaged", [{0}, {6}, {2, 3}, set(range(7))])
def test_an_export_goes_on_without_what_is_damaged_and_says_so(
    small: Callable[..., None], looked: int, part: int, damaged: set[int]
) -> None:
    small(looked, part)
    world = World(happened(7))
    entries = whole(world.audit)
    world.audit.damaged = {entries[n].position for n in damaged}

    job = world.run(world.request())

    left = [entry for n, entry in enumerate(entries) if n not in damaged]
    assert (job.state, job.entries, job.damaged) == (JobState.DONE, len(left), len(damaged))
    assert world.content(job) == entries_as_json_lines(left)
    assert job.damaged_entries == tuple(entries[n].position for n in sorted(damaged))
    assert world.jobs.told[-1].data["damaged"] == len(damaged)


def test_of_many_that_are_damaged_the_first_are_named() -> None:
    world = World(happened(MOST_NAMED + 5))
    places = [entry.position for entry in whole(world.audit)]
    world.audit.damaged = set(places)

    job = world.run(world.request())

    assert (job.damaged, job.damaged_entries) == (len(places), tuple(places[:MOST_NAMED]))


@pytest.mark.parametrize("format_", ["CSV", "PDF"])
def test_a_report_goes_on_without_what_is_damaged_and_names_it(format_: str) -> None:
    world = World()
    acts = [
        envelope(n, NOW - timedelta(days=n), type="MemberRoleChanged", data={"user_id": f"u-{n}"})
        for n in (1, 2, 3)
    ]
    world.audit = recorded(*acts)
    [place] = [entry.position for entry in whole(world.audit) if entry.event_id == "e-0002"]
    world.audit.damaged = {place}

    job = world.run(world.service().request_report(ADA, {**ALL, "format": format_}))

    assert (job.state, job.damaged, job.damaged_entries) == (JobState.DONE, 1, (place,))
    if format_ == "CSV":
        text = world.content(job).decode("utf-8-sig")
        assert "u-1" in text
        assert "u-2" not in text
        assert place in text[text.index("Entries that cannot be read") :]


def test_a_log_that_cannot_be_read_fails_the_export_with_its_code() -> None:
    world = World(happened(1))
    job = world.request()
    writer = world.writer()

    class Broken:
        def month(self, *_arguments: Any, **_named: Any) -> None:
            raise CorruptDataError("a stored audit entry breaks its schema")

    object.__setattr__(writer, "entries", Broken())

    assert not writer.work("t-1", job.job_id)
    assert (world.job(job).state, world.job(job).error) == (JobState.FAILED, "CORRUPT_DATA")


@pytest.mark.parametrize("lose", ["tail", "upload"])
def test_what_was_written_and_is_gone_is_written_anew(
    small: Callable[..., None], lose: str
) -> None:
    small(5, 10**9 if lose == "tail" else 1)
    world = World(happened(20))
    job = world.request()
    for _ in range(2):
        assert world.writer().work("t-1", job.job_id)
    world.results.objects.clear()
    world.results.uploads.clear()

    done = world.run(job)

    assert world.content(done) == entries_as_json_lines(whole(world.audit))
    assert done.entries == 20


def test_jobs_are_listed_newest_first_in_pages() -> None:
    world = World(happened(1))
    made = []
    for _ in range(4):
        made.append(world.request().job_id)
        world.run(world.jobs.jobs["t-1", made[-1]])
    service = world.service()

    first = service.exports(ADA, 3, None)
    rest = service.exports(ADA, 3, first.next_cursor)

    assert [job.job_id for job in (*first.items, *rest.items)] == made[::-1]
    assert rest.next_cursor is None


def test_a_job_nobody_knows_is_no_work() -> None:
    assert not World().writer().work("t-1", "gone")


def test_the_versions_that_are_told_have_no_gap(small: Callable[..., None]) -> None:
    """The completeness of the log is shown by them."""
    small(3, 1)
    world = World(happened(20))

    job = world.run(world.request())

    assert (job.entity_version, len(world.told)) == (2, 2)
    assert job.step > 10


def test_percent_is_by_time() -> None:
    world = World()
    job = world.request()
    middle = job.from_ + (job.to - job.from_) / 2

    moved = job.advanced(NOW, position=f"{middle:%Y-%m-%dT%H:%M:%S.%fZ}#e-1")

    assert moved.percent == pytest.approx(50, abs=1)
    assert isinstance(moved.updated_at, datetime)


def test_while_an_organisation_is_moved_its_exports_are_read_and_none_is_asked_for() -> None:
    world = World()
    job = world.request()
    moving = world.service(route={"state": "moving"})

    assert moving.export(ADA, job.job_id).job.job_id == job.job_id
    assert [each.job_id for each in moving.exports(ADA, None, None).items] == [job.job_id]
    with pytest.raises(OrganizationMovingError):
        moving.request_export(ADA, ALL)
    with pytest.raises(OrganizationMovingError):
        moving.request_report(ADA, {**ALL, "format": "CSV"})
    with pytest.raises(OrganizationMovingError):
        moving.cancel(ADA, job.job_id)
    assert len(world.jobs.jobs) == 1
