"""API calls at the doors: counted in memory, added up at once by many, refused when used up."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tenantry.bootstrap import platform_table
from tenantry.errors import ApiLimitExceededError
from tenantry.organizations import bootstrap
from tenantry.organizations.dynamodb import DynamoDBAccess, DynamoDBCallStore
from tenantry.organizations.model import ORGANIZATION_UPDATE, PLANS, Plan, PlanName
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import new_id
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.metering import EVERY, CallMeter
from tests.integration.organizations.conftest import Api
from tests.support.capacity import measured
from tests.support.clock import FakeClock
from tests.support.faults import injected, lose_answers
from tests.support.ministack import MiniStack

WORKERS = 16


def _limited(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    monkeypatch.setitem(PLANS, PlanName.FREE, Plan(5, 3, 1024, calls))


def _counted(api: Api, own: str) -> tuple[str, int]:
    [found] = [
        item
        for item in api.stored()
        if (item["PK"]["S"], item["SK"]["S"]) == (f"ORG#{own}", "ORGANIZATION")
    ]
    return found["api_month"]["S"], int(found["used_api_calls"]["N"])


def test_calls_below_a_batch_cost_nothing_and_a_batch_one_write(organizations_api: Api) -> None:
    own = organizations_api.create()["id"]

    with measured(organizations_api.table._client) as cost:
        for _ in range(EVERY - 1):
            organizations_api.data("organization", organization=own)
    assert cost.operations == ["BatchGetItem"] * (EVERY - 1)

    with measured(organizations_api.table._client) as cost:
        organizations_api.data("organization", organization=own)
    # The first batch of a month begins the count, too.
    assert cost.operations == ["BatchGetItem", *["TransactWriteItems"] * 3]

    for _ in range(EVERY - 1):
        organizations_api.data("organization", organization=own)
    with measured(organizations_api.table._client) as cost:
        organizations_api.data("organization", organization=own)
    assert cost.operations == ["BatchGetItem", "TransactWriteItems"]
    assert _counted(organizations_api, own)[1] == 2 * EVERY


def test_when_the_calls_are_used_up_owners_still_see_why(
    organizations_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    _limited(monkeypatch, 3)
    own = organizations_api.create()["id"]
    rename = {"input": {"name": "Ajax"}}
    for number in range(3):
        values = {"input": {"name": f"Acme {number}"}}
        organizations_api.data("updateOrganization", values, organization=own)

    answer = organizations_api.ask("updateOrganization", rename, organization=own)

    assert answer["error"]["code"] == "API_LIMIT_EXCEEDED"
    assert answer["error"]["details"]["limit"] == 3
    assert answer["error"]["details"]["resetsAt"].endswith("-01T00:00:00+00:00")
    bootstrap.meter(platform_table()).flush()
    usage = organizations_api.data("usage", organization=own)
    assert usage["apiCalls"]["used"] == usage["apiCalls"]["limit"] == 3
    assert usage["apiCalls"]["percent"] == 100
    assert organizations_api.data("organization", organization=own)["plan"] == "FREE"


def test_strangers_use_up_nobodys_calls(
    organizations_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    _limited(monkeypatch, 3)
    own = organizations_api.create()["id"]

    codes = {
        organizations_api.code("organization", organization=own, user="mallory") for _ in range(10)
    }

    assert codes == {"NOT_A_MEMBER"}
    assert organizations_api.code("updateOrganization", {"input": {}}, organization=own) == "OK"


class Workers:
    """Processes of API functions: each reads through one client and counts for itself."""

    def __init__(self, table: Table, clock: FakeClock, every: int) -> None:
        store = DynamoDBCallStore(table)
        self.meters = [CallMeter(store, clock, new_id, every=every) for _ in range(WORKERS)]
        self._table = table

    def calls(self, own: str, each: int) -> list[int]:
        """Every worker makes `each` calls at once; answers how many each was allowed."""

        def work(meter: CallMeter) -> int:
            access = DynamoDBAccess(self._table, meter, meter.now)
            caller = Caller(user_id="ada", tenant_id=own)
            allowed = 0
            for _ in range(each):
                try:
                    access.standing(caller).require(ORGANIZATION_UPDATE)
                    allowed += 1
                except ApiLimitExceededError:
                    pass
            return allowed

        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(work, self.meters))

    def flush(self) -> None:
        for meter in self.meters:
            meter.flush()


@pytest.fixture
def workers(concurrent_api: Api, ministack: MiniStack, clock: FakeClock) -> Workers:
    return Workers(Table(ministack.client("dynamodb"), concurrent_api.table.name), clock, every=10)


def test_of_16_who_count_at_once_the_sum_is_right_within_the_bound(
    concurrent_api: Api, workers: Workers
) -> None:
    own = concurrent_api.create()["id"]

    made = sum(workers.calls(own, 47))

    _, counted = _counted(concurrent_api, own)
    assert 0 <= made - counted <= WORKERS * (10 - 1)
    assert counted == WORKERS * 40  # seven of each wait in memory
    workers.flush()
    assert _counted(concurrent_api, own) == ("2026-03", made)


def test_the_limit_is_passed_by_no_more_than_what_the_others_hold(
    concurrent_api: Api, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    _limited(monkeypatch, 500)
    own = concurrent_api.create()["id"]

    made = sum(workers.calls(own, 60))
    workers.flush()

    assert 500 <= made <= 500 + (WORKERS - 1) * 10
    assert _counted(concurrent_api, own) == ("2026-03", made)


def test_a_month_that_ends_while_16_count_begins_once(
    concurrent_api: Api, workers: Workers, clock: FakeClock
) -> None:
    own = concurrent_api.create()["id"]
    workers.calls(own, 25)

    clock.advance(timedelta(days=30))
    workers.calls(own, 25)
    workers.flush()

    assert _counted(concurrent_api, own) == ("2026-04", WORKERS * 25)


def test_lost_answers_count_nothing_twice(
    concurrent_api: Api, workers: Workers, clock: FakeClock
) -> None:
    own = concurrent_api.create()["id"]
    with injected(lose_answers(0.3, operations={"TransactWriteItems"}, seed=7)):
        workers.calls(own, 47)
    clock.advance(timedelta(minutes=2))
    workers.flush()

    assert _counted(concurrent_api, own) == ("2026-03", WORKERS * 47)


def test_a_process_that_ends_takes_less_than_a_batch_with_it(
    concurrent_api: Api, workers: Workers
) -> None:
    own = concurrent_api.create()["id"]
    workers.calls(own, 19)

    crashed = workers.meters.pop()
    workers.flush()

    assert _counted(concurrent_api, own)[1] == WORKERS * 19 - 9
    assert sum(pending.calls for pending in crashed._pending.values()) == 9


def test_counting_publishes_nothing(organizations_api: Api) -> None:
    own = organizations_api.create()["id"]
    version = organizations_api.data("organization", organization=own)["version"]

    def told() -> list[Any]:
        return [
            json.dumps(item["events"]) for item in organizations_api.stored() if "events" in item
        ]

    before = told()
    for _ in range(EVERY):
        organizations_api.data("organization", organization=own)

    assert told() == before
    assert organizations_api.data("organization", organization=own)["version"] == version
