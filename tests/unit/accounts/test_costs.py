"""What the plan of a teardown says that its things cost: an estimate that shows how it was made."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

from functions.accounts.replies import plan_reply
from tenantry.accounts.costs import Prices, estimated, prices
from tenantry.accounts.model import Inventory
from tests.unit.accounts.conftest import OWNER, World
from tests.unit.accounts.test_teardown import active

KEY = "arn:aws:kms:eu-central-1:000000000000:key/k-1"
ALARM = "arn:aws:cloudwatch:eu-central-1:000000000000:alarm:a"
GIB = 2**30
TABLE = Prices(
    region="eu-central-1",
    as_of=date(2025, 6, 1),
    currency="USD",
    source="typed here",
    bytes={"table storage": Decimal("0.30"), "object storage": Decimal("0.02")},
    resources={"kms": Decimal(1), "cloudwatch": Decimal("0.10"), "stack": Decimal(0)},
)


def test_bytes_and_resources_are_each_counted_at_their_price() -> None:
    found = Inventory(
        item_bytes=2 * GIB, object_bytes=50 * GIB, resources=("stack s", KEY, ALARM, f"{ALARM}2")
    )

    cost = estimated(found, TABLE)

    assert [(line.what, line.quantity, line.monthly) for line in cost.lines] == [
        ("table storage", 2.0, Decimal("0.6000")),
        ("object storage", 50.0, Decimal("1.0000")),
        ("cloudwatch", 2.0, Decimal("0.2000")),
        ("kms", 1.0, Decimal("1.0000")),
    ]
    assert cost.monthly == Decimal("2.8000")
    assert (cost.currency, cost.region, cost.as_of, cost.source) == (
        *("USD", "eu-central-1", date(2025, 6, 1)),
        "typed here",
    )


def test_what_has_no_price_is_named_and_what_was_not_counted_is_said() -> None:
    found = Inventory(resources=("AWS account 123456789012", "table t"), is_whole=False)

    cost = estimated(found, TABLE)

    assert cost.unpriced == ("AWS account", "table")
    assert not cost.is_whole


def test_an_aws_account_costs_nothing_by_itself_and_what_lies_in_it_is_counted() -> None:
    """Of a dedicated account; what its trail, Config and GuardDuty take is by use: not in it."""
    baseline = ("stack s", "table t", "bucket raw", "bucket processed", KEY, ALARM)
    found = Inventory(item_bytes=GIB, resources=("AWS account 123456789012", *baseline))

    cost = estimated(found, prices())

    assert [line.what for line in cost.lines if line.unit == "piece"] == ["cloudwatch", "kms"]
    assert cost.monthly == Decimal("0.306") + Decimal("0.2448") + Decimal("1.10")
    assert cost.unpriced == ()


def test_what_is_gone_in_time_costs_nothing_more() -> None:
    """AWS charges nothing for a key that waits for its deletion."""
    assert estimated(Inventory(going=(f"{KEY} until then",)), TABLE).monthly == 0


def test_the_table_that_comes_along_says_whose_prices_it_has_and_as_of_when() -> None:
    table = prices()

    assert table.region == "eu-central-1"
    assert table.as_of <= date(2026, 11, 26)
    assert "aws.amazon.com" in table.source
    assert set(table.bytes) == {"table storage", "point-in-time recovery", "object storage"}
    assert min((*table.bytes.values(), *table.resources.values())) >= 0


def test_a_plan_says_what_its_things_cost_and_prices_do_not_change_its_hash(world: World) -> None:
    account = active(world, "private")
    plan = world.teardowns.plan(OWNER, account.account_id)
    dearer = TABLE.model_copy(update={"currency": "EUR"})

    other = replace(world.teardowns, prices=dearer).plan(OWNER, account.account_id)

    assert plan.cost
    assert other.cost
    assert (plan.cost.currency, other.cost.currency) == ("USD", "EUR")
    assert plan.hash == other.hash
    told = json.loads(json.dumps(plan_reply(plan)))["cost"]
    assert told["isEstimate"] is True
    assert told["monthly"] == str(plan.cost.monthly)
    assert [line["what"] for line in told["lines"]][:2] == [
        "table storage",
        "point-in-time recovery",
    ]
