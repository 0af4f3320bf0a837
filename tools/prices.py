"""The prices of a teardown's estimate, from the price lists that AWS publishes.

    python -m tools.prices                    write accounts/prices.json anew, for its region
    python -m tools.prices --region us-east-1 for another region
    python -m tools.prices --check 18         exit 1 when the table is older than so many months

It reads the public files of three services, some megabytes, and needs no credentials:
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import requests

FILE: Final = (
    Path(__file__).parents[1] / "layers" / "tenantry" / "tenantry" / "accounts" / "prices.json"
)
LISTS: Final = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws"
# What is asked of which service: the part of the table, its row, and what its usage is called,
# which in most regions begins with a word for the region.
ROWS: Final = (
    ("AmazonDynamoDB", "bytes", "table storage", "TimedStorage-ByteHrs"),
    ("AmazonDynamoDB", "bytes", "point-in-time recovery", "TimedPITRStorage-ByteHrs"),
    ("AmazonS3", "bytes", "object storage", "TimedStorage-ByteHrs"),
    ("awskms", "resources", "kms", "KMS-Keys"),
    ("AmazonCloudWatch", "resources", "cloudwatch", "CW:AlarmMonitorUsage"),
)
_OF_A_REGION: Final = r"(?!IA-)(?:[A-Z]{2,4}\d?-|[a-z]{2}(?:-[a-z]+)+-\d-)?"
_TIMEOUT: Final = 120


class UnknownPriceError(Exception):
    """A list has no price, or several, for what the table asks."""


def price_of(offers: dict[str, Any], usage: str) -> Decimal:
    """The list price of the first units that cost anything, in US dollars."""
    wanted = re.compile(_OF_A_REGION + re.escape(usage))
    skus = [
        sku
        for sku, product in offers["products"].items()
        if wanted.fullmatch(product.get("attributes", {}).get("usagetype", ""))
    ]
    found = {price for sku in skus if (price := _first(_tiers(offers, sku))) is not None}
    if len(found) != 1:
        raise UnknownPriceError(f"{usage}: {sorted(found) or 'no price'}")
    return found.pop()


def table(old: dict[str, Any], lists: dict[str, dict[str, Any]], region: str) -> dict[str, Any]:
    """The table with the prices of these lists; what they know nothing of stays."""
    new = {**old, "region": region, "bytes": {**old["bytes"]}, "resources": {**old["resources"]}}
    for service, part, row, usage in ROWS:
        new[part][row] = format(price_of(lists[service], usage).normalize(), "f")
    published = min(datetime.fromisoformat(each["publicationDate"]) for each in lists.values())
    new["as_of"] = published.date().isoformat()
    new["currency"] = "USD"
    new["source"] = f"AWS's public price lists of {region}, at {LISTS}, as list prices"
    return new


def months_old(as_of: date, today: date) -> int:
    """Whole months."""
    months = (today.year - as_of.year) * 12 + today.month - as_of.month
    return months - (today.day < as_of.day)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.prices", description=__doc__)
    parser.add_argument("--region")
    parser.add_argument("--check", type=int, metavar="MONTHS")
    given = parser.parse_args(arguments)
    old = json.loads(FILE.read_text())
    if given.check is not None:
        age = months_old(date.fromisoformat(old["as_of"]), datetime.now(UTC).date())
        print(f"prices as of {old['as_of']}, {old['region']}, {old['currency']}: {age} months old")
        return int(age > given.check)
    region = given.region or old["region"]
    services = sorted({service for service, *_ in ROWS})
    lists = {service: _fetched(service, region) for service in services}
    FILE.write_text(json.dumps(table(old, lists, region), indent=2) + "\n")
    return 0


def _tiers(offers: dict[str, Any], sku: str) -> Iterator[tuple[Decimal, Decimal]]:
    """From how many units on which price counts."""
    for term in offers["terms"].get("OnDemand", {}).get(sku, {}).values():
        for each in term["priceDimensions"].values():
            yield Decimal(each.get("beginRange", "0")), Decimal(each["pricePerUnit"]["USD"])


def _first(tiers: Iterator[tuple[Decimal, Decimal]]) -> Decimal | None:
    return next((price for _, price in sorted(tiers) if price), None)


def _fetched(service: str, region: str) -> dict[str, Any]:
    answer = requests.get(f"{LISTS}/{service}/current/{region}/index.json", timeout=_TIMEOUT)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
