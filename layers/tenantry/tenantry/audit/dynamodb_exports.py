"""Adapters: exports and reports in the tenant's table, people in the platform table.

ORG#<id>#EXPORTS  EXPORT#<export id>   a job; ids are ordered by time, and so is the list
ORG#<id>#EXPORTS  WORK#<export id>     how far it is, which nobody is told
ORG#<id>#EXPORTS  ASKED#<id of a key>  which job a key of the client's own has made
ORG#<id>#EXPORTS  OPEN                 how many jobs are open: moves with what opens and ends them
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from tenantry.audit.jobs import JOB_KEPT, MOST_OPEN, PROVED_EVERY, RESULT, WORK, Job
from tenantry.audit.repository import Asked, Person, Staff
from tenantry.errors import (
    ConflictError,
    CorruptDataError,
    IdempotencyMismatchError,
    LimitExceededError,
    NotFoundError,
)
from tenantry.messaging.event import Event
from tenantry.persistence.items import Item
from tenantry.persistence.keys import Key, key, organization_key, organization_pk, part
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Assign, Change, Count, Create, Write, moves_of
from tenantry.tenancy.tenant_table import TenantTable

_CHANGED = "The export has changed since; try again."
_LEFT = "REMOVED"
_OPEN = "open_jobs"
_TRIES = 3
_PAGE = 200


class DynamoDBJobRepository:
    """`table_of` answers the tenant's table, wherever it is, under the tenant's own credentials.

    `report` is told of an organisation whose count of open jobs was not theirs, and is repaired.
    """

    def __init__(
        self,
        table_of: Callable[[str], TenantTable],
        report: Callable[[str], None] = lambda _tenant_id: None,
    ) -> None:
        self._table_of = table_of
        self._report = report

    def create(self, job: Job, event: Event, asked: Asked | None = None) -> Job:
        """One transaction: the job, one more that is open, and with a key what it made."""
        created = Create(_key(job.tenant_id, job.job_id), _item(job), (event,))
        writes: list[Write] = [created, _counted(job.tenant_id, 1)]
        if asked:
            writes.append(Create(_asked_key(job.tenant_id, asked), _asked_item(job, asked)))
        table = self._table_of(job.tenant_id)
        try:
            table.transact(writes)
        except ConditionFailedError as failure:
            if asked and (before := table.get(_asked_key(job.tenant_id, asked))):
                return self._made(job.tenant_id, before, asked)
            if 0 in failure.failures:
                raise ConflictError(_CHANGED) from failure
            raise LimitExceededError(
                f"{MOST_OPEN} exports are open; wait, or cancel one."
            ) from failure
        return job

    def get(self, tenant_id: str, job_id: str) -> Job | None:
        """One BatchGetItem."""
        keys = [_key(tenant_id, job_id), _work_key(tenant_id, job_id)]
        item, work = self._table_of(tenant_id).get_all(keys)
        return _job(item, work) if item else None

    def newest(self, tenant_id: str, limit: int, below: str | None) -> tuple[list[Job], str | None]:
        """One Query, and one BatchGetItem while some are open."""
        table = self._table_of(tenant_id)
        page = table.query(
            organization_pk(tenant_id, "EXPORTS"),
            prefix="EXPORT#",
            limit=limit,
            start=_key(tenant_id, below) if below else None,
            newest_first=True,
        )
        jobs = {job.job_id: job for job in (_job(item, None) for item in page.items)}
        last = next(reversed(jobs), None) if page.next_key else None
        opened = [job_id for job_id, job in jobs.items() if job.is_open]
        works = table.get_all([_work_key(tenant_id, job_id) for job_id in opened]) if opened else []
        for job_id, work in zip(opened, works, strict=True):
            jobs[job_id] = _with_work(jobs[job_id], work)
        return list(jobs.values()), last

    def work(self, before: Job, after: Job) -> None:
        """One conditional write, which tells nobody anything."""
        where, new = _work_key(after.tenant_id, after.job_id), _work_item(after)
        if before.step == 0:
            self._write(after.tenant_id, Create(where, new))
            return
        old = _work_item(before)
        differing = {
            name: new.get(name)
            for name in old.keys() | new.keys()
            if old.get(name) != new.get(name)
        }
        self._write(after.tenant_id, Change(where, before.step, differing, ()))

    def end(self, before: Job, after: Job, event: Event) -> None:
        """One transaction: how it ended, and one less that is open.

        A count that has none left is not that of the jobs: it is repaired, so that no job is kept
        from its end.
        """
        where, ended = _key(before.tenant_id, before.job_id), _item(after)
        kept = _item(before).keys() - {"state", "updated_at"}
        differing = {name: value for name, value in ended.items() if name not in kept}
        ending = Change(where, before.entity_version, differing, (event,))
        table = self._table_of(after.tenant_id)
        for _ in range(_TRIES):
            try:
                table.transact((ending, _counted(after.tenant_id, -1)))
            except ConditionFailedError as failure:
                if 0 in failure.failures:
                    raise ConflictError(_CHANGED) from failure
                self._proved(table, after.tenant_id, after.updated_at)
            else:
                return
        raise ConflictError(_CHANGED)

    def prove(self, tenant_id: str, now: datetime) -> bool:
        """One GetItem; when it is time the whole list of jobs, and a conditional write."""
        table = self._table_of(tenant_id)
        proved_at = (table.get(_open_key(tenant_id)) or {}).get("proved_at")
        if proved_at and now - datetime.fromisoformat(proved_at) < PROVED_EVERY:
            return False
        return self._proved(table, tenant_id, now)

    def drift(self, tenant_id: str, now: datetime) -> tuple[int, int] | None:
        """What was counted and what jobs are open, when these differed; they do no more.

        Whenever it was proven last.
        """
        return _drifted(self._table_of(tenant_id), tenant_id, now)

    def _proved(self, table: TenantTable, tenant_id: str, now: datetime) -> bool:
        if _drifted(table, tenant_id, now) is None:
            return False
        self._report(tenant_id)
        return True

    def _made(self, tenant_id: str, before: Item, asked: Asked) -> Job:
        if before.get("fingerprint") != asked.fingerprint:
            raise IdempotencyMismatchError(
                "This clientMutationId was used with another content; choose a new one."
            )
        made = self.get(tenant_id, str(before["job_id"]))
        if made is None:
            raise ConflictError(_CHANGED)
        return made

    def _write(self, tenant_id: str, write: Create | Change) -> None:
        try:
            self._table_of(tenant_id).write(write)
        except ConditionFailedError as failure:
            raise ConflictError(_CHANGED) from failure


class DynamoDBPeople:
    """Who has access to an organisation, as the platform table says."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def staff(self, tenant_id: str, limit: int) -> Staff:
        organization = self._table.get(organization_key(tenant_id))
        if organization is None:
            raise NotFoundError("There is no such organisation.")
        people: list[Person] = []
        start = None
        while len(people) <= limit:
            page = self._table.query(
                organization_pk(tenant_id), prefix="MEMBER#", limit=500, start=start
            )
            people += [_person(item) for item in page.items if item.get("status") != _LEFT]
            start = page.next_key
            if start is None:
                break
        return Staff(str(organization["name"]), tuple(people[:limit]), len(people) > limit)


def _drifted(table: TenantTable, tenant_id: str, now: datetime) -> tuple[int, int] | None:
    """What the count was and what it is now, when it was not that of the jobs.

    What is compared stood still: a count that moved meanwhile has another number of moves. Where
    there are neither jobs nor a count, none is made.
    """
    where = _open_key(tenant_id)
    for _ in range(_TRIES):
        seen, rows = table.get(where), _opened(table, tenant_id)
        if seen is None:
            if not rows:
                return None
            table.transact([_counted(tenant_id, 0)])
            continue
        proved = {_OPEN: rows, "proved_at": now.isoformat()}
        as_seen = {name: seen.get(name) for name in (_OPEN, moves_of(_OPEN))}
        try:
            table.transact((Assign(where, proved, as_seen),))
        except ConditionFailedError:
            continue
        counted = int(seen.get(_OPEN, 0))
        return None if rows == counted else (counted, rows)
    return None


def _opened(table: TenantTable, tenant_id: str) -> int:
    pk, start, found = organization_pk(tenant_id, "EXPORTS"), None, 0
    while True:
        page = table.query(pk, prefix="EXPORT#", limit=_PAGE, start=start)
        found += sum(_job(item, None).is_open for item in page.items)
        if (start := page.next_key) is None:
            return found


def _key(tenant_id: str, job_id: str) -> Key:
    return key(organization_pk(tenant_id, "EXPORTS"), f"EXPORT#{part(job_id)}")


def _work_key(tenant_id: str, job_id: str) -> Key:
    return key(organization_pk(tenant_id, "EXPORTS"), f"WORK#{part(job_id)}")


def _asked_key(tenant_id: str, asked: Asked) -> Key:
    return key(organization_pk(tenant_id, "EXPORTS"), f"ASKED#{part(asked.key)}")


def _asked_item(job: Job, asked: Asked) -> Item:
    """Gone before its job is, so that a key never names one that is gone."""
    return {
        "tenant_id": job.tenant_id,
        "entity_type": "AuditExportAsked",
        "job_id": job.job_id,
        "fingerprint": asked.fingerprint,
        "purge_at": int((job.created_at + JOB_KEPT).timestamp()),
    }


def _open_key(tenant_id: str) -> Key:
    return key(organization_pk(tenant_id, "EXPORTS"), "OPEN")


def _counter(tenant_id: str) -> Item:
    return {"tenant_id": tenant_id, "entity_type": "AuditExportsOpen"}


def _counted(tenant_id: str, by: int) -> Count:
    return Count(_open_key(tenant_id), _OPEN, by, limit=MOST_OPEN, makes=_counter(tenant_id))


def _item(job: Job) -> Item:
    """The job without the work on it; with its result once it has ended."""
    left_out = (WORK - RESULT) if job.finished_at else WORK - {"updated_at"}
    item: Item = job.model_dump(
        mode="json", exclude_none=True, exclude={*left_out, "entity_version"}
    )
    item |= {"entity_type": "AuditExport", "entity_id": job.job_id}
    if job.finished_at:
        item["purge_at"] = int((job.finished_at + JOB_KEPT).timestamp())
    return {name: value for name, value in item.items() if value not in ({}, [])}


def _work_item(job: Job) -> Item:
    item: Item = job.model_dump(mode="json", exclude_none=True, include=set(WORK - {"step"}))
    ids = {"tenant_id": job.tenant_id, "entity_type": "AuditExportWork", "entity_id": job.job_id}
    return {**item, **ids, "purge_at": int((job.updated_at + JOB_KEPT).timestamp())}


def _job(item: Item, work: Item | None) -> Job:
    try:
        return _with_work(Job.model_validate(item), work)
    except ValidationError as error:
        raise CorruptDataError("a stored export breaks its schema") from error


def _with_work(job: Job, work: Item | None) -> Job:
    if work is None:
        return job
    stored = {**work, "step": work["entity_version"]}
    own = job.model_dump(exclude=set(WORK))
    read = Job.model_validate({**own, **{name: stored[name] for name in WORK if name in stored}})
    return job.with_work({name: getattr(read, name) for name in WORK})


def _person(item: Item) -> Person:
    try:
        found: dict[str, Any] = {
            "user_id": item["entity_id"],
            "role": item["role"],
            "status": item["status"],
            "permissions": tuple(item.get("extra_permissions", ())),
            "since": datetime.fromisoformat(item["created_at"]),
        }
    except (KeyError, ValueError, TypeError) as error:
        raise CorruptDataError("a stored member breaks its schema") from error
    return Person(**found, name=item.get("name"), email=item.get("email"))
