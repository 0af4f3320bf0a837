"""Writing exports and reports, of an organisation where its data is now."""

from functools import cache

import boto3

from tenantry.audit.bootstrap.tenants import tenant_stores
from tenantry.audit.dynamodb import DynamoDBPeopleNames
from tenantry.audit.dynamodb_exports import DynamoDBPeople
from tenantry.audit.exporting import ExportWriter
from tenantry.audit.reporting import Document, Reporting
from tenantry.audit.sqs import SqsContinuations
from tenantry.bootstrap import CONFIG, platform_table, settings, stamp
from tenantry.errors import NotFoundError
from tenantry.organizations.dynamodb import DynamoDBOrganizationRepository
from tenantry.organizations.hosting import OrganizationHosting


def export_writer(tenant_id: str) -> ExportWriter:
    """For one slice: OrganizationMovingError while nothing may be written."""
    hosted = _hosting().find(tenant_id)
    if hosted is None:
        raise NotFoundError("There is no such organisation.")
    stores = tenant_stores(writes_results=True)
    return ExportWriter(
        jobs=stores.jobs(hosted, writes=True),
        entries=stores.entries,
        results=stores.results,
        reporting=Reporting(
            entries=stores.entries,
            people=DynamoDBPeople(platform_table()),
            names=DynamoDBPeopleNames(platform_table()),
            pdf=_pdf,
        ),
        stamp=stamp(),
    )


@cache
def _hosting() -> OrganizationHosting:
    return OrganizationHosting(DynamoDBOrganizationRepository(platform_table()))


@cache
def continuations() -> SqsContinuations:
    return SqsContinuations(
        boto3.client("sqs", config=CONFIG),
        settings().required("EXPORTS_QUEUE_URL"),
        settings().required("PLATFORM_ACCOUNT_ID"),
    )


def _pdf(document: Document) -> bytes:
    """ReportLab takes a quarter of a second to import, and few messages ask for a PDF."""
    from tenantry.audit.pdf import render

    return render(document)
