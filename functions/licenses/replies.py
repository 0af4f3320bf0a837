"""Licences as the API shows them."""

from datetime import datetime
from typing import Any

from tenantry.licenses.model import Entitlement, License


def license_reply(license_: License, now: datetime) -> dict[str, Any]:
    revoked_at = license_.revoked_at
    return {
        "id": license_.license_id,
        "organizationId": license_.tenant_id,
        "enterpriseId": license_.enterprise_id,
        "productId": license_.product_id,
        "serviceId": license_.service_id,
        "startDate": license_.start_date.isoformat(),
        "endDate": license_.end_date.isoformat(),
        "contactFullName": license_.contact_full_name,
        "contactEmail": license_.contact_email,
        "contactTimeZone": license_.contact_time_zone,
        "state": license_.state(now),
        "beginsAt": license_.begins_at.isoformat(),
        "endsAt": license_.ends_at.isoformat(),
        "revokedAt": revoked_at.isoformat() if revoked_at else None,
        "createdAt": license_.created_at.isoformat(),
        "version": license_.entity_version,
    }


def entitlement_reply(entitlement: Entitlement) -> dict[str, Any]:
    return {
        "entitled": entitlement.entitled,
        "licenseId": entitlement.license_id,
        "endsAt": entitlement.ends_at.isoformat() if entitlement.ends_at else None,
    }
