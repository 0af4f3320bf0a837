"""Wires the usage context, and the proof of the counters that contexts have registered."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache

from tenantry.audit.dynamodb_seals import DynamoDBSealedOrganizations
from tenantry.bootstrap import dynamodb, platform_table, settings, stamp
from tenantry.errors import TenantryError
from tenantry.persistence.table import Table
from tenantry.runtime.observability import left_aside
from tenantry.usage.bootstrap.registration import own_counters, row_counters
from tenantry.usage.dynamodb import DynamoDBProgress, DynamoDBUsage
from tenantry.usage.service import CounterProof, OwnProof, Sweep, Swept, UsageWarnings

QUARTER_HOURLY = timedelta(minutes=14)
DAILY = timedelta(hours=23)
"""A little less than the time between runs, so that none finds itself a moment too early."""


@cache
def register() -> DynamoDBSealedOrganizations:
    """Every organisation, as the audit knows them: whoever has an event is there."""
    return DynamoDBSealedOrganizations(Table(dynamodb(), settings().required("AUDIT_TABLE")))


@cache
def sweep(name: str, every: timedelta) -> Sweep:
    return Sweep(name, register(), DynamoDBProgress(platform_table()), stamp(), every)


@cache
def usage_warnings() -> UsageWarnings:
    return UsageWarnings(DynamoDBUsage(platform_table()), stamp(), left_aside)


def prove(may_go_on: Callable[[], bool], *, anew: bool = False) -> Swept:
    """A run of the daily proof of every counter that a context has registered.

    One whose rows do not answer keeps no other from being proven; its failure is raised after.
    """
    usage = DynamoDBUsage(platform_table())
    visits = {
        rows.counter: CounterProof(rows, usage, stamp(), left_aside, time.sleep).visit
        for rows in row_counters()
    }
    visits |= {
        own.counter: OwnProof(own, usage, stamp(), left_aside).visit for own in own_counters()
    }
    done, failed = Swept(ended=True), list[TenantryError]()
    for counter, visit in visits.items():
        try:
            run = sweep(f"prove-{counter}", DAILY).run(visit, may_go_on, anew=anew)
        except TenantryError as error:
            failed.append(error)
            continue
        done = done.and_then(run)
    if failed:
        raise failed[0]
    return done
