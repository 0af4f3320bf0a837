"""Adapters: exports and reports in the tenant table, people in the platform table.

ORG#<id>#EXPORTS  EXPORT#<export id>   a job; ids are ordered by time, and so is the list
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from tenantry.audit.jobs import JOB_KEPT, Job
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
        table = self._table_of(job.tenant_id)
        try:
            table.write(Create(_key(job.tenant_id, job.job_id), _item(job), (event,)))
        except ConditionFailedError as failure:
            raise ConflictError(_CHANGED) from failure

    def get(self, tenant_id: str, job_id: str) -> Job | None:
        table = self._table_of(tenant_id)
        item = table.get(_key(tenant_id, job_id))
        return _job(item) if item else None

    def newest(self, tenant_id: str, limit: int, below: str | None) -> tuple[list[Job], str | None]:
        table = self._table_of(tenant_id)
        page = table.query(
            organization_pk(tenant_id, "EXPORTS"),
            prefix="EXPORT#",
            limit=limit,
            start=_key(tenant_id, below) if below else None,
            newest_first=True,
        )
        jobs = [_job(item) for item in page.items]
        return jobs, jobs[-1].job_id if jobs and page.next_key else None

    def save(self, before: Job, after: Job, events: tuple[Event, ...]) -> None:
        """One conditional write of what differs."""
        table = self._table_of(before.tenant_id)
        old, new = _item(before), _item(after)
        differing = {
            name: new.get(name)
            for name in old.keys() | new.keys()
            if old.get(name) != new.get(name)
        }
        where = _key(before.tenant_id, before.job_id)
        try:
            table.write(Change(where, before.entity_version, differing, events))
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


def _item(job: Job) -> Item:
    item: Item = job.model_dump(mode="json", exclude_none=True, exclude={"entity_version"})
    item |= {"entity_type": "AuditExport", "entity_id": job.job_id}
    if job.finished_at:
        item["purge_at"] = int((job.finished_at + JOB_KEPT).timestamp())
    return {name: value for name, value in item.items() if value not in ({}, [])}


def _job(item: Item) -> Job:
    try:
        return Job.model_validate(item)
    except ValidationError as error:
        raise CorruptDataError("a stored export breaks its schema") from error


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
