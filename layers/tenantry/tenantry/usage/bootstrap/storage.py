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
from tenantry.usage.service import Sweep
from tenantry.usage.storage import Run, StorageMetering


def meter(
    may_go_on: Callable[[], bool], is_early: Callable[[], bool], *, anew: bool = False
) -> Run:
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
    return metering.run(sweep, is_early, anew=anew)
