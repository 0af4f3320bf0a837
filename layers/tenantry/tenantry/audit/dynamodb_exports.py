"""Adapters: exports and reports in the tenant table, people in the platform table.

ORG#<id>#EXPORTS  EXPORT#<export id>   a job; ids are ordered by time, and so is the list
ORG#<id>#EXPORTS  WORK#<export id>     how far it is, which nobody is told
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from tenantry.audit.jobs import JOB_KEPT, RESULT, WORK, Job
from tenantry.audit.repository import Person, Staff
from tenantry.errors import ConflictError, CorruptDataError, NotFoundError
from tenantry.messaging.event import Event
from tenantry.persistence.items import Item
from tenantry.persistence.keys import Key, key, organization_key, organization_pk, part
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Change, Create

_CHANGED = "The export has changed since; try again."
_LEFT = "REMOVED"


class DynamoDBJobRepository:
    """`table_of` answers the tenant table under the tenant's own credentials."""

    def __init__(self, table_of: Callable[[str], Table]) -> None:
        self._table_of = table_of

    def create(self, job: Job, event: Event) -> None:
        self._write(job.tenant_id, Create(_key(job.tenant_id, job.job_id), _item(job), (event,)))

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
        """One conditional write of how it ended."""
        where, ended = _key(before.tenant_id, before.job_id), _item(after)
        kept = _item(before).keys() - {"state", "updated_at"}
        differing = {name: value for name, value in ended.items() if name not in kept}
        self._write(after.tenant_id, Change(where, before.entity_version, differing, (event,)))

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


def _key(tenant_id: str, job_id: str) -> Key:
    return key(organization_pk(tenant_id, "EXPORTS"), f"EXPORT#{part(job_id)}")


def _work_key(tenant_id: str, job_id: str) -> Key:
    return key(organization_pk(tenant_id, "EXPORTS"), f"WORK#{part(job_id)}")


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
