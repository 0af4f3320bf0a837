"""Exports and their results, on the fakes and on DynamoDB and S3 alike."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tenantry.audit.bootstrap.tenants import S3_SETTINGS
from tenantry.audit.dynamodb_exports import DynamoDBJobRepository, DynamoDBPeople
from tenantry.audit.events import AuditExportCancelled, AuditExportRequested
from tenantry.audit.jobs import (
    JOB_KEPT,
    MOST_OPEN,
    PROVED_EVERY,
    Format,
    Job,
    JobKind,
    JobState,
    Part,
)
from tenantry.audit.repository import (
    Asked,
    GoneError,
    JobRepository,
    People,
    Person,
    Results,
    Staff,
)
from tenantry.audit.s3 import S3Results
from tenantry.errors import (
    ConflictError,
    IdempotencyMismatchError,
    LimitExceededError,
    NotFoundError,
)
from tenantry.messaging.admission import Admission
from tenantry.messaging.event import Actor, Event
from tenantry.messaging.registered import RegisteredSenders
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.persistence.keys import key, member_key, organization_key, organization_pk
from tenantry.persistence.table import Page, Table
from tenantry.persistence.writes import Assign, Create
from tenantry.tenancy.holdings import told_of_tenants_tables
from tests.support.clock import START
from tests.support.fakes.audit import InMemoryJobs, InMemoryResults, KnownPeople
from tests.support.fakes.table import InMemoryTable
from tests.support.messages import FakeBus
from tests.support.ministack import MiniStack
from tests.support.streams import Records
from tests.support.tables import in_shared, items

COUNT = key(organization_pk("t-1", "EXPORTS"), "OPEN")
PART = b"x" * (5 * 1024 * 1024)


def job(number: int = 1, tenant_id: str = "t-1", **more: Any) -> Job:
    return Job(
        **{
            "tenant_id": tenant_id,
            "job_id": f"j-{number:03}",
            "kind": JobKind.EXPORT,
            "format": Format.CSV,
            "from_": START,
            "to": START + timedelta(days=1),
            "selection": {"actor_id": "ada"},
            "requested_by": Actor(id="ada", role="OWNER"),
            "created_at": START,
            "updated_at": START,
            **more,
        }
    )


@pytest.fixture(params=["in-memory", "dynamodb"])
def jobs(request: pytest.FixtureRequest) -> JobRepository:
    if request.param == "in-memory":
        return InMemoryJobs()
    table = request.getfixturevalue("tenant_table")
    return DynamoDBJobRepository(in_shared(table))


@pytest.fixture(params=["in-memory", "s3"])
def results(request: pytest.FixtureRequest) -> Results:
    if request.param == "in-memory":
        return InMemoryResults()
    # moto does not know an upload that is gone.
    cloud: MiniStack = request.getfixturevalue("ministack")
    s3 = cloud.client("s3", **S3_SETTINGS)
    bucket = f"exports-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cloud.region})
    return S3Results(lambda _tenant: s3, bucket)


@pytest.fixture
def event(stamp: Stamp) -> Callable[[Job], Event]:
    def of(job: Job) -> Event:
        told = AuditExportCancelled(
            export_id=job.job_id, kind="EXPORT", format="CSV", from_time=job.from_, to_time=job.to
        )
        return stamp.event(told, Cause())

    return of


def test_a_job_in_an_aws_account_of_the_organisations_own_is_heard_when_asked_for_and_ended(
    tenant_table: Table, stamp: Stamp, event: Callable[[Job], Event]
) -> None:
    """Nobody would write it otherwise, and it would stay open."""
    where = key(organization_pk("t-1", "EXPORTS"), "EXPORT#j-001")
    jobs, bus, platform = DynamoDBJobRepository(in_shared(tenant_table)), FakeBus(), InMemoryTable()
    route = {"kind": "dedicated", "state": "active", "aws_account": "111122223333"}
    platform.write(Create(organization_key("t-1"), {"entity_type": "x", "route": route}))
    admission = Admission(RegisteredSenders(platform), bus, told_of_tenants_tables())
    requested = AuditExportRequested(
        export_id="j-001", kind="EXPORT", format="CSV", from_time=START, to_time=START, selection={}
    )

    def forwarded(old: Any) -> Any:
        """Follows "Events from Amazon EventBridge"."""
        record = Records().of(old, tenant_table.get(where))
        kind = {"source": "tenantry.changes", "detail-type": "ItemChanged"}
        admission.admit(json.dumps({"account": "111122223333", **kind, "detail": record}))
        return tenant_table.get(where)

    jobs.create(job(), stamp.event(requested, Cause()))
    created = forwarded(None)
    ended = job().cancelled(START)
    jobs.end(job(), ended, event(ended))
    forwarded(created)

    assert [(each.tenant_id, each.type, each.entity_id) for each in bus.events] == [
        ("t-1", "AuditExportRequested", "j-001"),
        ("t-1", "AuditExportCancelled", "j-001"),
    ]


def test_no_more_jobs_are_open_than_may_be(
    jobs: JobRepository, event: Callable[[Job], Event]
) -> None:
    for number in range(MOST_OPEN):
        jobs.create(job(number), event(job(number)))
    jobs.create(job(1, "t-2"), event(job(1, "t-2")))

    with pytest.raises(LimitExceededError):
        jobs.create(job(9), event(job(9)))

    assert jobs.get("t-1", "j-009") is None
    ended = job(0).failed(START, "UNAVAILABLE")
    jobs.end(job(0), ended, event(ended))
    with pytest.raises(ConflictError):
        jobs.end(job(0), ended, event(ended))
    jobs.create(job(9), event(job(9)))
    with pytest.raises(LimitExceededError):
        jobs.create(job(10), event(job(10)))


def test_a_key_makes_one_job_for_good(jobs: JobRepository, event: Callable[[Job], Event]) -> None:
    asked = Asked("k-1", "EXPORT#1")
    first = jobs.create(job(1), event(job(1)), asked)
    claimed = first.claimed(START)
    jobs.work(first, claimed)

    assert jobs.create(job(2), event(job(2)), asked) == claimed
    with pytest.raises(IdempotencyMismatchError):
        jobs.create(job(3), event(job(3)), Asked("k-1", "EXPORT#2"))
    assert jobs.create(job(4, "t-2"), event(job(4, "t-2")), asked).job_id == "j-004"
    assert jobs.create(job(5), event(job(5)), Asked("k-2", "EXPORT#1")).job_id == "j-005"
    assert jobs.newest("t-1", 9, None)[0] == [job(5), claimed]


def test_a_key_answers_its_job_when_no_more_may_be_open(
    jobs: JobRepository, event: Callable[[Job], Event]
) -> None:
    asked = Asked("k-1", "EXPORT#1")
    first = jobs.create(job(0), event(job(0)), asked)
    for number in range(1, MOST_OPEN):
        jobs.create(job(number), event(job(number)))

    assert jobs.create(job(9), event(job(9)), asked) == first


def test_a_count_that_is_right_is_left(jobs: JobRepository, event: Callable[[Job], Event]) -> None:
    assert not jobs.prove("t-1", START)
    jobs.create(job(1), event(job(1)))
    assert not jobs.prove("t-1", START + PROVED_EVERY)


@pytest.mark.parametrize("counted", [0, 2, 5])
def test_a_count_that_is_not_that_of_the_jobs_is_set_to_it(
    tenant_table: Table, event: Callable[[Job], Event], counted: int
) -> None:
    told: list[str] = []
    jobs = DynamoDBJobRepository(in_shared(tenant_table), told.append)
    jobs.create(job(1), event(job(1)))
    tenant_table.transact((Assign(COUNT, {"open_jobs": counted}),))

    assert jobs.prove("t-1", START)
    assert not jobs.prove("t-1", START + PROVED_EVERY)

    assert told == ["t-1"]
    for number in range(2, MOST_OPEN + 1):
        jobs.create(job(number), event(job(number)))
    with pytest.raises(LimitExceededError):
        jobs.create(job(9), event(job(9)))


def test_a_count_is_proven_once_in_its_time(
    tenant_table: Table, event: Callable[[Job], Event]
) -> None:
    jobs = DynamoDBJobRepository(in_shared(tenant_table))
    jobs.create(job(1), event(job(1)))
    assert not jobs.prove("t-1", START)
    tenant_table.transact((Assign(COUNT, {"open_jobs": 4}),))

    assert not jobs.prove("t-1", START + PROVED_EVERY - timedelta(seconds=1))
    assert jobs.prove("t-1", START + PROVED_EVERY)


def test_a_count_that_moves_while_it_is_proven_is_proven_again(
    tenant_table: Table, event: Callable[[Job], Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jobs that were read are not those of the count that is there by then."""
    jobs = DynamoDBJobRepository(in_shared(tenant_table))
    for number in (1, 2):
        jobs.create(job(number), event(job(number)))
    tenant_table.transact((Assign(COUNT, {"open_jobs": 3}),))
    query, ended = tenant_table.query, job().cancelled(START)

    def moving(*arguments: Any, **named: Any) -> Page:
        monkeypatch.setattr(tenant_table, "query", query)
        page = query(*arguments, **named)
        jobs.end(job(), ended, event(ended))
        return page

    monkeypatch.setattr(tenant_table, "query", moving)

    assert jobs.prove("t-1", START)

    assert (tenant_table.get(COUNT) or {})["open_jobs"] == 1


@pytest.mark.parametrize("counted", [{"open_jobs": 0}, None])
def test_no_count_keeps_a_job_from_its_end(
    tenant_table: Table, event: Callable[[Job], Event], counted: dict[str, int] | None
) -> None:
    told: list[str] = []
    jobs = DynamoDBJobRepository(in_shared(tenant_table), told.append)
    for number in (1, 2):
        jobs.create(job(number), event(job(number)))
    if counted:
        tenant_table.transact((Assign(COUNT, counted),))
    else:
        tenant_table.delete(COUNT)

    cancelled = job().cancelled(START)
    jobs.end(job(), cancelled, event(cancelled))

    assert jobs.get("t-1", "j-001") == cancelled
    assert (tenant_table.get(COUNT) or {})["open_jobs"] == 1
    assert told == ["t-1"]


def test_a_job_is_read_as_it_was_stored(jobs: JobRepository, event: Callable[[Job], Event]) -> None:
    jobs.create(job(), event(job()))

    assert jobs.get("t-1", "j-001") == job()
    assert jobs.get("t-1", "j-002") is None
    assert jobs.get("t-2", "j-001") is None
    with pytest.raises(ConflictError):
        jobs.create(job(), event(job()))


def test_the_work_on_a_job_moves_on_once(
    jobs: JobRepository, event: Callable[[Job], Event]
) -> None:
    jobs.create(job(), event(job()))
    claimed = job().claimed(START)
    jobs.work(job(), claimed)
    assert jobs.get("t-1", "j-001") == claimed

    with pytest.raises(ConflictError):
        jobs.work(job(), job().claimed(START))

    part = Part(number=1, etag="e")
    moved = claimed.advanced(START, position="2026-03-02T10:00:00.000000Z#e", parts=(part,))
    jobs.work(claimed, moved)
    assert jobs.get("t-1", "j-001") == moved
    with pytest.raises(ConflictError):
        jobs.work(claimed, claimed.advanced(START))
    anew = moved.begun_anew(START)
    jobs.work(moved, anew)
    assert jobs.get("t-1", "j-001") == anew
    assert jobs.newest("t-1", 5, None) == ([anew], None)


def test_a_job_ends_once_whatever_the_work_on_it(
    jobs: JobRepository, event: Callable[[Job], Event]
) -> None:
    jobs.create(job(), event(job()))
    claimed = job().claimed(START)
    jobs.work(job(), claimed)

    done = claimed.done(START, key="t-1/j-001/00001.csv", entries=3, size=9)
    jobs.end(claimed, done, event(done))
    assert jobs.get("t-1", "j-001") == done
    with pytest.raises(ConflictError):
        jobs.end(job(), job().cancelled(START), event(done))

    jobs.work(claimed, claimed.advanced(START, entries=99, key="other"))
    found = jobs.get("t-1", "j-001")
    assert found
    assert (found.state, found.entries, found.key) == (JobState.DONE, 3, done.key)


def test_jobs_are_listed_newest_first(jobs: JobRepository, event: Callable[[Job], Event]) -> None:
    for number in (1, 3, 2):
        jobs.create(job(number), event(job(number)))
        jobs.create(job(number, "t-2"), event(job(number)))

    found, last = jobs.newest("t-1", 2, None)
    assert ([each.job_id for each in found], last) == (["j-003", "j-002"], "j-002")
    found, last = jobs.newest("t-1", 2, last)
    assert ([each.job_id for each in found], last) == (["j-001"], None)


def stored(table: Table) -> dict[str, Any]:
    """The one job in the table."""
    [found] = [i for i in items(table._client, table.name) if i["SK"]["S"].startswith("EXPORT#")]
    return found


def test_a_job_that_has_ended_is_purged_in_its_time(
    tenant_table: Table, event: Callable[[Job], Event]
) -> None:
    jobs = DynamoDBJobRepository(in_shared(tenant_table))
    jobs.create(job(), event(job()))
    assert "purge_at" not in stored(tenant_table)

    cancelled = job().cancelled(START)
    jobs.end(job(), cancelled, event(cancelled))

    ended = stored(tenant_table)
    assert int(ended["purge_at"]["N"]) == int((START + JOB_KEPT).timestamp())
    assert ended["PK"]["S"] == "ORG#t-1#EXPORTS"


def test_what_was_put_is_found(results: Results) -> None:
    results.put(job(), "t-1/j-001/00001.tail", b"some")

    assert results.get(job(), "t-1/j-001/00001.tail") == b"some"
    with pytest.raises(GoneError):
        results.get(job(), "t-1/j-001/00002.tail")


def uploaded(results: Results, *contents: bytes) -> Job:
    """A job whose parts have been uploaded, and others of claims that lost."""
    key = "t-1/j-001/00001.csv"
    upload_id = results.begin(job(), key)
    parts = []
    for number, content in enumerate(contents, 1):
        results.upload(job(), key, upload_id, 2 * number + 1, b"of a claim that lost")
        etag = results.upload(job(), key, upload_id, 2 * number, content)
        parts.append(Part(number=2 * number, etag=etag))
    return job(key=key, upload_id=upload_id, parts=tuple(parts), state=JobState.RUNNING)


def test_parts_are_put_together_and_others_left_out(results: Results) -> None:
    whole = uploaded(results, PART, b"end")

    results.complete(whole)

    assert results.get(whole, str(whole.key)) == PART + b"end"


def test_putting_together_a_second_time_finds_its_own_work(results: Results) -> None:
    whole = uploaded(results, b"all")

    results.complete(whole)
    results.complete(whole)

    assert results.get(whole, str(whole.key)) == b"all"


def test_parts_that_are_gone_are_not_put_together(results: Results) -> None:
    whole = uploaded(results, b"all")
    results.abandon(whole)
    results.abandon(whole)

    with pytest.raises(GoneError):
        results.complete(whole)
    with pytest.raises(GoneError):
        results.upload(whole, str(whole.key), str(whole.upload_id), 9, b"more")


@pytest.fixture(params=["in-memory", "dynamodb"])
def people(request: pytest.FixtureRequest) -> People:
    """An organisation of five, one of whom was removed."""
    roles = ("OWNER", "ADMIN", "MEMBER", "VIEWER", "MEMBER")
    if request.param == "in-memory":
        found = tuple(
            Person(f"u-{n}", role, "ACTIVE", ("x:y",) if n == 2 else (), START, f"Name {n}")
            for n, role in enumerate(roles)
            if n != 4
        )
        return KnownPeople({"t-1": Staff("Acme", found)})
    table: Table = request.getfixturevalue("platform_table")
    table.put({**organization_key("t-1"), "name": "Acme"})
    for n, role in enumerate(roles):
        table.put(
            {
                **member_key("t-1", f"u-{n}"),
                "entity_id": f"u-{n}",
                "role": role,
                "status": "REMOVED" if n == 4 else "ACTIVE",
                "created_at": START.isoformat(),
                "name": f"Name {n}",
                **({"extra_permissions": ["x:y"]} if n == 2 else {}),
            }
        )
    return DynamoDBPeople(table)


def test_those_who_have_access_are_listed(people: People) -> None:
    staff = people.staff("t-1", 10)

    assert (staff.name, staff.is_cut) == ("Acme", False)
    assert [(p.user_id, p.role) for p in staff.people] == [
        ("u-0", "OWNER"),
        ("u-1", "ADMIN"),
        ("u-2", "MEMBER"),
        ("u-3", "VIEWER"),
    ]
    assert staff.people[2] == Person("u-2", "MEMBER", "ACTIVE", ("x:y",), START, "Name 2")


def test_a_long_list_of_people_is_cut_and_said_to_be(people: People) -> None:
    staff = people.staff("t-1", 3)

    assert ([p.user_id for p in staff.people], staff.is_cut) == (["u-0", "u-1", "u-2"], True)


def test_without_the_organisation_there_is_nobody_to_list(platform_table: Table) -> None:
    with pytest.raises(NotFoundError):
        DynamoDBPeople(platform_table).staff("t-9", 10)
