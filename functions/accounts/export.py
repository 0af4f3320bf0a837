"""Keeps the tenant's items and the list of its objects, and what was there."""

from tenantry.accounts.bootstrap.ending import exporting
from tenantry.accounts.teardown import Page, Paged
from tenantry.runtime.stepfunctions import task


@task(Paged)
def handler(given: Paged) -> Page:
    return exporting().export(given)
