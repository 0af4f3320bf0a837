"""Where API calls are added up, on the fake and on DynamoDB alike; tokens on the local cloud."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tenantry.organizations.dynamodb import DynamoDBCallStore, DynamoDBOrganizationRepository
from tenantry.persistence.keys import organization_key
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import derived_id, new_id
from tenantry.tenancy.metering import Batch, CallStore
from tests.contracts.organizations.test_organization_repository import create, organization
from tests.support.capacity import measured
from tests.support.clock import START
from tests.support.fakes.organizations import InMemoryCalls
from tests.support.faults import injected, lose_answer

MARCH, APRIL = "2026-03", "2026-04"


@pytest.fixture(autouse=True)
def run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens are an account's: each test has its own."""
    monkeypatch.setitem(_RUN, "id", new_id())


_RUN: dict[str, str] = {}


def batch(token: str, calls: int, month: str = MARCH) -> Batch:
    return Batch(derived_id(_RUN["id"], token), "t-1", month, calls, START)


@dataclass(frozen=True)
class Calls:
    store: CallStore
    counted: Callable[[], Any]
    """The month and its count, as a request reads them."""


def _on(table: Table) -> Calls:
    repository = DynamoDBOrganizationRepository(table)
    create(repository, organization())

    def counted() -> tuple[str | None, int]:
        stored = repository.get("t-1")
        assert stored
        return stored.api_month, stored.used_api_calls

    return Calls(DynamoDBCallStore(table), counted)


@pytest.fixture(params=["in-memory", "dynamodb", "local cloud"])
def calls(request: pytest.FixtureRequest) -> Calls:
    if request.param == "in-memory":
        store = InMemoryCalls()
        return Calls(store, lambda: store.calls["t-1"])
    local = request.param == "local cloud"
    return _on(request.getfixturevalue("ministack_platform_table" if local else "platform_table"))


def test_batches_of_a_month_add_up(calls: Calls) -> None:
    calls.store.add(batch("a", 50))
    calls.store.add(batch("b", 3))

    assert calls.counted() == (MARCH, 53)


def test_a_later_month_begins_anew_and_an_earlier_one_no_longer_counts(calls: Calls) -> None:
    calls.store.add(batch("a", 50))
    calls.store.add(batch("b", 3, APRIL))
    calls.store.add(batch("c", 4, MARCH))

    assert calls.counted() == (APRIL, 3)


@pytest.mark.parametrize("month", [MARCH, APRIL])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_batch_whose_answer_is_lost_counts_once(
    ministack_platform_table: Table, at: int, month: str
) -> None:
    """Whichever answer of the three that the first batch of a month takes."""
    calls = _on(ministack_platform_table)
    calls.store.add(batch("a", 50))
    with injected(lose_answer(at=at)):
        calls.store.add(batch("b", 3, month))
    calls.store.add(batch("b", 3, month))

    assert calls.counted() == (month, 53 if month == MARCH else 3)


def test_nothing_is_made_for_an_organisation_that_is_gone(platform_table: Table) -> None:
    DynamoDBCallStore(platform_table).add(batch("a", 50))

    assert platform_table.get(organization_key("t-1")) is None


def test_adding_tells_nobody_and_makes_no_version(platform_table: Table) -> None:
    calls = _on(platform_table)
    before = platform_table.get(organization_key("t-1"))

    calls.store.add(batch("a", 50))

    after = platform_table.get(organization_key("t-1"))
    assert before
    assert after
    counted = {"used_api_calls", "used_api_calls_moves", "api_month"}
    assert {n: v for n, v in after.items() if n not in counted} == {
        n: v for n, v in before.items() if n not in counted
    }


def test_a_batch_is_one_write_and_the_first_of_a_month_three(platform_table: Table) -> None:
    calls = _on(platform_table)

    for token, month, round_trips, units in (("a", MARCH, 3, 6), ("b", MARCH, 1, 2)):
        with measured(platform_table._client) as cost:
            calls.store.add(batch(token, 50, month))
        assert cost.operations == ["TransactWriteItems"] * round_trips
        assert (cost.read_units, cost.write_units, cost.index_write_units) == (0, units, 0)
