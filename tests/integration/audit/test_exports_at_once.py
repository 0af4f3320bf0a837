"""Exports that are asked for and end at the same time: never more are open than may be (8, 14)."""

from collections import Counter
from typing import Any

import pytest

from tenantry.audit.dynamodb_exports import DynamoDBJobRepository
from tenantry.audit.exporting import ExportService, ExportWriter
from tenantry.audit.jobs import MOST_OPEN, Job
from tenantry.audit.reporting import Reporting
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.keys import key, organization_pk
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import new_id
from tenantry.tenancy.access import Standing
from tests.integration.organizations.test_concurrency import at_once, outcome
from tests.support.clock import FakeClock
from tests.support.fakes.audit import InMemoryAudit, InMemoryResults, KnownNames, KnownPeople
from tests.support.repetition import AT_ONCE as FOUR
from tests.support.repetition import Kind, used_at_once
from tests.support.tables import in_shared
from tests.unit.audit.test_activity import ADA, NOW, Stands
from tests.unit.audit.test_exporting import ALL

COUNT = key(organization_pk("t-1", "EXPORTS"), "OPEN")
AT_ONCE = 64


class Exports:
    def __init__(self, table: Table) -> None:
        self.table = table
        self.drifts: list[str] = []
        self.jobs = DynamoDBJobRepository(in_shared(table), self.drifts.append)
        self.stamp = Stamp(now=FakeClock(NOW), new_id=new_id)
        self.service = ExportService(Stands(), self.placed, InMemoryResults(), self.stamp)
        audit, names = InMemoryAudit(), KnownNames()
        self.writer = ExportWriter(
            jobs=self.jobs,
            entries=audit,
            results=InMemoryResults(),
            reporting=Reporting(audit, KnownPeople(), names, lambda _document: b"%PDF"),
            stamp=self.stamp,
        )

    def placed(self, _standing: Standing, /, *, writes: bool) -> DynamoDBJobRepository:
        return self.jobs

    def ask(self, **more: Any) -> Job:
        return self.service.request_export(ADA, {**ALL, **more})

    def open(self) -> list[Job]:
        found, _ = self.jobs.newest("t-1", 500, None)
        return [job for job in found if job.is_open]

    @property
    def counted(self) -> int:
        return int((self.table.get(COUNT) or {})["open_jobs"])


@pytest.fixture
def exports(ministack_tenant_table: Table) -> Exports:
    return Exports(ministack_tenant_table)


def test_of_64_who_ask_at_once_as_many_are_answered_as_may_be_open(exports: Exports) -> None:
    codes = Counter(o.code for o in at_once([lambda: outcome(exports.ask)] * AT_ONCE))

    assert codes == {"OK": MOST_OPEN, "LIMIT_EXCEEDED": AT_ONCE - MOST_OPEN}
    assert (len(exports.open()), exports.counted) == (MOST_OPEN, MOST_OPEN)
    assert exports.drifts == []


def test_whatever_opens_and_ends_at_once_the_count_is_that_of_the_open_ones(
    exports: Exports,
) -> None:
    """Each open one is cancelled four times and worked on twice, while others are asked for."""
    for _ in range(4):
        works: list[Any] = [lambda: outcome(exports.ask)] * 16
        for job in exports.open():
            works += [lambda job=job: outcome(lambda: exports.service.cancel(ADA, job.job_id))] * 4
            works += [lambda job=job: outcome(lambda: exports.writer.work("t-1", job.job_id))] * 2
        at_once(works)

        assert len(exports.open()) <= MOST_OPEN
        assert exports.counted == len(exports.open())

    for job in exports.open():
        exports.writer.work("t-1", job.job_id)
    assert (exports.counted, exports.drifts) == (0, [])


def test_of_64_who_ask_with_one_key_all_are_answered_one_job(exports: Exports) -> None:
    answers = at_once([lambda: outcome(lambda: exports.ask(clientMutationId="k-1"))] * AT_ONCE)

    assert {answer.code for answer in answers} == {"OK"}
    assert len({answer.answer.job_id for answer in answers}) == 1
    assert (len(exports.open()), exports.counted) == (1, 1)


@pytest.mark.figures
def test_many_keys_four_times_at_once_make_one_export_each(exports: Exports) -> None:
    """Each in an organisation of its own, as five may be open in one (row 14)."""

    def ask(number: int, content: int) -> str:
        caller = ADA.model_copy(update={"tenant_id": f"t-{number}"})
        chosen = {"entityId": f"e-{content}"}
        values: dict[str, Any] = {**ALL, "clientMutationId": "k", "filter": chosen}
        return exports.service.request_export(caller, values).job_id

    for used in used_at_once(ask):
        if used.kind is Kind.OTHER:
            assert used.codes == {"OK": 1, "IDEMPOTENCY_MISMATCH": 3}, used
        else:
            assert used.codes == {"OK": FOUR}, used
        assert len(set(used.answers) - {None}) == 1, used
        found, _ = exports.jobs.newest(f"t-{used.key}", 10, None)
        assert len(found) == 1
