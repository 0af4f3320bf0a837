"""Wires the measurement of what organisations have stored.

A function of it has in its environment and its role what `tenancy/bootstrap/storage.py` says.
"""

from collections.abc import Callable

from tenantry.bootstrap import platform_table, stamp
from tenantry.runtime.observability import left_aside
from tenantry.tenancy.bootstrap.storage import tenant_meter
from tenantry.usage.bootstrap import DAILY, register
from tenantry.usage.dynamodb import DynamoDBProgress, DynamoDBUsage
from tenantry.usage.dynamodb_storage import DynamoDBMetering
from tenantry.usage.service import Sweep, Swept
from tenantry.usage.storage import StorageMetering, Tally


def meter(may_go_on: Callable[[], bool], *, anew: bool = False) -> tuple[Swept, Tally]:
    """A run of the daily measurement."""
    table = platform_table()
    metering = StorageMetering(
        usage=DynamoDBUsage(table),
        store=DynamoDBMetering(table),
        meter=tenant_meter,
        stamp=stamp(),
        may_go_on=may_go_on,
        report=left_aside,
    )
    sweep = Sweep("meter-storage", register(), DynamoDBProgress(table), stamp(), DAILY, at_once=1)
    return sweep.run(metering.visit, may_go_on, anew=anew), metering.tally
