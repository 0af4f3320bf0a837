"""A tenant's table behind its fence, on DynamoDB and in memory: who is kept out, and from what."""

from dataclasses import replace

import pytest

from tenantry.errors import OrganizationMovingError
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Check, Remove
from tenantry.tenancy.router import Whereabouts
from tenantry.tenancy.tenant_table import ForeignKeyError, TenantTable, fence_key
from tests.support.fakes.table import InMemoryTable
from tests.support.faults import injected, lose_answer
from tests.support.things import made, retitled, thing_key

SHARED = Whereabouts("acme", "public", "t", "raw", "processed", "eu-central-1", epoch=1)


@pytest.fixture(params=["fake", "dynamodb"])
def table(request: pytest.FixtureRequest) -> Table:
    if request.param == "fake":
        return InMemoryTable("tenant")
    found: Table = request.getfixturevalue("tenant_table")
    return found


def at(table: Table, epoch: int, kind: str = "public") -> TenantTable:
    return TenantTable(table, replace(SHARED, epoch=epoch, kind=kind))


def test_who_was_never_moved_writes_without_a_fence(table: Table, stamp: Stamp) -> None:
    at(table, 1).write(made(stamp))

    assert at(table, 1).get(thing_key())
    assert table.get(fence_key("acme")) is None


def test_a_table_of_ones_own_is_written_only_behind_its_fence(table: Table, stamp: Stamp) -> None:
    own = at(table, 2, "private")
    with pytest.raises(OrganizationMovingError):
        own.write(made(stamp))

    own.raise_fence(2)
    own.write(made(stamp))


def test_an_older_epoch_is_refused_with_the_time_to_come_again(table: Table, stamp: Stamp) -> None:
    at(table, 1).write(made(stamp))
    at(table, 2).raise_fence(2)

    for late in (made(stamp, "2"), retitled(stamp, 1, "late")):
        with pytest.raises(OrganizationMovingError) as refused:
            at(table, 1).write(late)
        assert refused.value.details["retryAfter"] > 0
    assert at(table, 1).get(thing_key("2")) is None


@pytest.mark.parametrize("epoch", [2, 3])
def test_the_fences_epoch_and_newer_ones_pass(table: Table, stamp: Stamp, epoch: int) -> None:
    at(table, 2).raise_fence(2)
    at(table, epoch).write(made(stamp))
    assert at(table, epoch).get(thing_key())


def test_the_fence_never_sinks(table: Table, stamp: Stamp) -> None:
    for epoch in (3, 2, 3):
        at(table, epoch).raise_fence(epoch)
    with pytest.raises(OrganizationMovingError):
        at(table, 2).write(made(stamp))


def test_another_tenants_fence_keeps_nobody_else_out(table: Table, stamp: Stamp) -> None:
    TenantTable(table, replace(SHARED, tenant_id="umbrella")).raise_fence(9)
    at(table, 1).write(made(stamp))


def test_what_is_refused_for_its_own_reason_says_which_write_it_was(
    table: Table, stamp: Stamp
) -> None:
    at(table, 1).write(made(stamp))

    with pytest.raises(ConditionFailedError) as refused:
        at(table, 1).transact([made(stamp, "2"), retitled(stamp, 7, "stale")])

    assert refused.value.failures == (1,)
    assert refused.value.items[1]["title"] == "new"


def test_a_transaction_is_refused_as_a_whole(table: Table, stamp: Stamp) -> None:
    at(table, 2).raise_fence(2)
    with pytest.raises(OrganizationMovingError):
        at(table, 1).transact([made(stamp, "1"), made(stamp, "2")])
    assert at(table, 2).get_all([thing_key("1"), thing_key("2")]) == [None, None]


@pytest.mark.parametrize("pk", ["ORG#umbrella", "ORG#acme2", "ORG#acme2#PROJECT", "USER#ada"])
def test_another_tenants_keys_are_refused_before_they_are_sent(table: Table, pk: str) -> None:
    own, foreign = at(table, 1), {"PK": pk, "SK": "x"}
    for act in (
        lambda: own.get(foreign),
        lambda: own.get_all([foreign]),
        lambda: own.query(pk, limit=1),
        lambda: own.transact([Check(foreign)]),
        lambda: own.transact([Remove(foreign)]),
    ):
        with pytest.raises(ForeignKeyError):
            act()


def test_contexts_do_not_write_the_fence(table: Table) -> None:
    with pytest.raises(ForeignKeyError):
        at(table, 1).transact([Remove(fence_key("acme"))])


def test_a_write_whose_answer_is_lost_is_known_though_the_fence_rose_since(
    tenant_table: Table, stamp: Stamp
) -> None:
    """It was acknowledged behind no copy: it lies in front of the fence."""
    write = made(stamp)
    with injected(lose_answer(at=1)):
        at(tenant_table, 1).write(write)
    at(tenant_table, 2).raise_fence(2)

    at(tenant_table, 1).write(write)

    assert at(tenant_table, 2).query("ORG#acme", prefix="THING#", limit=5).items
