"""Brings along what the organisation had, and writes what every tenant begins with."""

from tenantry.accounts.bootstrap.data import working
from tenantry.accounts.provisioning import Bringing, Seeding
from tenantry.runtime.stepfunctions import task


@task(Seeding)
def handler(given: Seeding) -> Bringing:
    return working().seed(given)
