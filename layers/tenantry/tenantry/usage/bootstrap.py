"""Wires the usage context, and for other contexts the proof of the counters that are theirs."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache

from tenantry.bootstrap import platform_table, stamp
from tenantry.runtime.observability import left_aside
from tenantry.usage.dynamodb import (
    DynamoDBProgress,
    DynamoDBRegister,
    DynamoDBSeats,
    DynamoDBUsage,
)
from tenantry.usage.repository import RowCounter
from tenantry.usage.service import CounterProof, Sweep, Swept, UsageWarnings

QUARTER_HOURLY = timedelta(minutes=14)
DAILY = timedelta(hours=23)
"""A little less than the time between runs, so that none finds itself a moment too early."""


@cache
def register() -> DynamoDBRegister:
    return DynamoDBRegister(platform_table())


@cache
def sweep(name: str, every: timedelta) -> Sweep:
    return Sweep(name, register(), DynamoDBProgress(platform_table()), stamp(), every)


@cache
def usage_warnings() -> UsageWarnings:
    return UsageWarnings(DynamoDBUsage(platform_table()), stamp(), left_aside)


@cache
def seats() -> DynamoDBSeats:
    return DynamoDBSeats(platform_table())


def prove(rows: RowCounter, may_go_on: Callable[[], bool], *, anew: bool = False) -> Swept:
    """A run of the daily proof of a counter."""
    proof = CounterProof(rows, DynamoDBUsage(platform_table()), stamp(), left_aside)
    return sweep(f"prove-{rows.counter}", DAILY).run(proof.visit, may_go_on, anew=anew)
