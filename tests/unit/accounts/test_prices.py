"""The price table of a teardown's estimate is made anew from the lists that AWS publishes."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tenantry.accounts.costs import Prices, prices
from tools import prices as tool

# As a service's price list file is described:
# https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html


def offers(**products: tuple[str, dict[str, str]]) -> dict[str, Any]:
    """Products by their SKU: what their usage is called, and prices by where they begin."""
    return {
        "formatVersion": "v1.0",
        "publicationDate": "2026-11-20T10:00:00Z",
        "products": {
            sku: {"sku": sku, "attributes": {"usagetype": usage}}
            for sku, (usage, _) in products.items()
        },
        "terms": {
            "OnDemand": {
                sku: {
                    f"{sku}.T": {
                        "priceDimensions": {
                            f"{sku}.T.{begin}": {
                                "beginRange": begin,
                                "pricePerUnit": {"USD": price},
                            }
                            for begin, price in tiers.items()
                        }
                    }
                }
                for sku, (_, tiers) in products.items()
            }
        },
    }


LISTS = {
    "AmazonDynamoDB": offers(
        A=("EUC1-TimedStorage-ByteHrs", {"0": "0.0", "25": "0.3100000000"}),
        B=("EUC1-IA-TimedStorage-ByteHrs", {"0": "0.12"}),
        C=("EUC1-TimedPITRStorage-ByteHrs", {"0": "0.25"}),
    ),
    "AmazonS3": offers(
        D=("EUC1-TimedStorage-ByteHrs", {"0": "0.0250", "51200": "0.0240"}),
        E=("EUC1-TimedStorage-GlacierByteHrs", {"0": "0.004"}),
    ),
    "awskms": offers(F=("eu-central-1-KMS-Keys", {"0": "1.0000"})),
    "AmazonCloudWatch": offers(
        G=("EUC1-CW:AlarmMonitorUsage", {"0": "0.11"}),
        H=("EUC1-CW:HighResAlarmMonitorUsage", {"0": "0.30"}),
    ),
}


def test_the_table_has_the_prices_of_the_lists_their_region_and_their_date() -> None:
    old = json.loads(tool.FILE.read_text())

    new = Prices.model_validate(tool.table(old, LISTS, "eu-central-1"))

    assert new.bytes == {
        "table storage": Decimal("0.31"),
        "point-in-time recovery": Decimal("0.25"),
        "object storage": Decimal("0.025"),
    }
    assert (new.resources["kms"], new.resources["cloudwatch"]) == (Decimal(1), Decimal("0.11"))
    assert (new.region, new.as_of, new.currency) == ("eu-central-1", date(2026, 11, 20), "USD")
    assert "amazonaws.com" in new.source
    assert new.resources.keys() == prices().resources.keys()


@pytest.mark.parametrize(
    "found",
    [
        {},
        {
            "A": ("EUC1-KMS-Keys", {"0": "1"}),
            "B": ("eu-central-1-KMS-Keys", {"0": "2"}),
        },
    ],
)
def test_a_price_that_is_not_there_or_not_sure_is_none(found: Any) -> None:
    with pytest.raises(tool.UnknownPriceError):
        tool.price_of(offers(**found), "KMS-Keys")


def test_a_price_without_a_word_for_its_region_is_one() -> None:
    assert tool.price_of(offers(A=("TimedStorage-ByteHrs", {"0": "0.25"})), "TimedStorage-ByteHrs")


@pytest.mark.parametrize(
    ("as_of", "months"),
    [(date(2026, 11, 26), 0), (date(2026, 10, 27), 0), (date(2025, 6, 1), 17)],
)
def test_an_age_is_of_whole_months(as_of: date, months: int) -> None:
    assert tool.months_old(as_of, date(2026, 11, 26)) == months


@pytest.mark.parametrize(("as_of", "told"), [("2000-01-01", 1), (date.max.isoformat(), 0)])
def test_a_table_that_is_old_is_said_to_be(
    as_of: str,
    told: int,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "prices.json"
    file.write_text(json.dumps({**json.loads(tool.FILE.read_text()), "as_of": as_of}))
    monkeypatch.setattr(tool, "FILE", file)

    assert tool.main(["--check", "18"]) == told
    assert f"prices as of {as_of}, eu-central-1, USD" in capsys.readouterr().out
