"""What the things of an account cost a month: an estimate by what was counted, never a bill.

Counted is what lies there. What requests, traffic and logs cost is not in it, nor what a kind of
resource costs that the price table does not know: that kind is named.
"""

from collections import Counter
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from tenantry.accounts.model import Cost, CostLine, Inventory

_FILE: Final = Path(__file__).with_name("prices.json")
_GIB: Final = Decimal(2**30)
"""AWS's gigabyte of storage."""
_CENTS: Final = Decimal("0.0001")


class Prices(BaseModel):
    """Prices of a month in one region: of a gigabyte by what it is kept as, and of a resource by
    its kind. A kind that costs nothing by itself has the price 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    as_of: date
    currency: str
    source: str
    bytes: dict[str, Decimal]
    resources: dict[str, Decimal]


@cache
def prices() -> Prices:
    """The table that comes with the product."""
    return Prices.model_validate_json(_FILE.read_bytes())


def estimated(found: Inventory, table: Prices) -> Cost:
    """What it costs a month to keep what was found."""
    stored = {
        "table storage": found.item_bytes,
        "point-in-time recovery": found.item_bytes,
        "object storage": found.object_bytes,
    }
    lines = [
        _line(what, (Decimal(stored[what]) / _GIB), "GB", price)
        for what, price in table.bytes.items()
    ]
    kinds = Counter(_kind(name) for name in found.resources)
    lines += [
        _line(kind, Decimal(count), "piece", table.resources[kind])
        for kind, count in sorted(kinds.items())
        if table.resources.get(kind)
    ]
    return Cost(
        monthly=sum((line.monthly for line in lines), Decimal(0)).quantize(_CENTS),
        currency=table.currency,
        region=table.region,
        as_of=table.as_of,
        source=table.source,
        lines=tuple(lines),
        unpriced=tuple(sorted(kinds.keys() - table.resources.keys())),
        is_whole=found.is_whole,
    )


def _line(what: str, quantity: Decimal, unit: str, price: Decimal) -> CostLine:
    monthly = (quantity * price).quantize(_CENTS)
    return CostLine(what, float(round(quantity, 6)), unit, price, monthly)


def _kind(resource: str) -> str:
    """By the service of an ARN, else by the word that a name of an inventory begins with."""
    if resource.startswith("arn:"):
        return resource.split(":")[2]
    return resource.rpartition(" ")[0] or resource
