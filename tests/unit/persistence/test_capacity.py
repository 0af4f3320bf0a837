"""The capacity calculator, against the examples in AWS's own pages."""

import boto3
import pytest

from tenantry.persistence.table import Table
from tenantry.persistence.writes import Check, Create
from tests.support.capacity import index_units, item_size, measured, read_units, write_units

INDEX = {
    "KeySchema": [
        {"AttributeName": "GSI1PK", "KeyType": "HASH"},
        {"AttributeName": "GSI1SK", "KeyType": "RANGE"},
    ],
    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["name"]},
}


@pytest.mark.parametrize(
    ("size", "plain", "transactional"), [(1, 1, 2), (1024, 1, 2), (1025, 2, 4), (3584, 4, 8)]
)
def test_a_write_costs_its_kilobytes_and_twice_that_in_a_transaction(
    size: int, plain: int, transactional: int
) -> None:
    assert write_units(size) == plain
    assert write_units(size, transactional=True) == transactional


@pytest.mark.parametrize(
    ("size", "eventual", "consistent", "transactional"),
    [(0, 0.5, 1, 2), (4096, 0.5, 1, 2), (4097, 1, 2, 4), (9216, 1.5, 3, 6)],
)
def test_a_read_costs_its_blocks_of_four_kilobytes(
    size: int, eventual: float, consistent: float, transactional: float
) -> None:
    assert read_units(size, consistent=False) == eventual
    assert read_units(size, consistent=True) == consistent
    assert read_units(size, consistent=True, transactional=True) == transactional


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "über"}, 5),
        ({"N": "27"}, 2),
        ({"N": "-27"}, 3),
        ({"N": "1000"}, 2),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"L": []}, 3),
        ({"L": [{"S": "a"}, {"S": "b"}]}, 7),
        ({"M": {"ab": {"S": "c"}}}, 7),
        ({"SS": ["ab", "c"]}, 3),
        ({"B": "YWJj"}, 3),
    ],
)
def test_an_attribute_weighs_its_name_and_its_value(value: dict[str, object], size: int) -> None:
    assert item_size({"name": value}) == 4 + size


def test_an_index_costs_only_when_what_it_carries_changed() -> None:
    entry = {"PK": {"S": "p"}, "SK": {"S": "s"}, "GSI1PK": {"S": "a"}, "GSI1SK": {"S": "b"}}
    renamed = {**entry, "name": {"S": "n"}}
    assert index_units(INDEX, None, entry) == 1
    assert index_units(INDEX, entry, {**entry, "other": {"S": "o"}}) == 0
    assert index_units(INDEX, entry, renamed) == 1
    assert index_units(INDEX, entry, {**entry, "GSI1SK": {"S": "c"}}) == 2
    assert index_units(INDEX, entry, None) == 1
    assert index_units(INDEX, None, {"PK": {"S": "p"}, "SK": {"S": "s"}}) == 0


def test_work_is_measured_in_units_and_round_trips(platform_table: Table) -> None:
    client = boto3.client("dynamodb")
    large = {"filler": "x" * 1500, "GSI1PK": "a", "GSI1SK": "b"}
    with measured(client) as cost:
        platform_table.write(Create({"PK": "p", "SK": "s"}, large))
        platform_table.transact(
            [Check({"PK": "p", "SK": "s"}), Create({"PK": "p", "SK": "t"}, {"name": "n"})]
        )
        platform_table.get_all([{"PK": "p", "SK": "s"}, {"PK": "p", "SK": "nothing"}])
        platform_table.query("p", limit=10)
    assert cost.operations == ["PutItem", "TransactWriteItems", "BatchGetItem", "Query"]
    assert cost.write_units == 2 + 2 * 2 + 2 * 1
    assert cost.index_write_units == 1
    assert cost.read_units == 1 + 1 + 1
