"""Deletes what is the tenant's, a bounded part at a time."""

from tenantry.accounts.bootstrap.ending import purging
from tenantry.accounts.teardown import Page, Paged
from tenantry.runtime.stepfunctions import task


@task(Paged)
def handler(given: Paged) -> Page:
    return purging().purge(given)
