"""Asking for exports and reports, and fetching them."""

from functools import cache

from tenantry.audit.bootstrap.tenants import tenant_stores
from tenantry.audit.exporting import ExportService
from tenantry.bootstrap import stamp
from tenantry.organizations.bootstrap import access


@cache
def export_service() -> ExportService:
    stores = tenant_stores(writes_results=False)
    return ExportService(access=access(), jobs=stores.jobs, results=stores.results, stamp=stamp())
