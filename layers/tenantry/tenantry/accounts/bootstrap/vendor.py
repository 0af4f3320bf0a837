"""Who makes AWS accounts, as the deployment is configured."""

from functools import cache
from typing import Any

import boto3

from tenantry.accounts.vending import AccountVendor, VendorKind, VendorSettings
from tenantry.accounts.vendors.control_tower import ControlTowerVendor
from tenantry.accounts.vendors.management import Keys, ManagementAccount
from tenantry.accounts.vendors.organizations import OrganizationsVendor
from tenantry.bootstrap import CONFIG, settings
from tenantry.runtime.identifiers import now


class Clients:
    """Of sessions in the management account; Control Tower answers in its home region."""

    def __init__(self, home_region: str) -> None:
        self._home = home_region or None

    def organizations(self, keys: Keys) -> Any:
        return boto3.client("organizations", config=CONFIG, **keys)

    def servicecatalog(self, keys: Keys) -> Any:
        return boto3.client("servicecatalog", config=CONFIG, region_name=self._home, **keys)

    def sts(self, keys: Keys) -> Any:
        return boto3.client("sts", config=CONFIG, **keys)


@cache
def vendor() -> AccountVendor:
    its = vendor_settings()
    management = ManagementAccount(
        boto3.client("sts", config=CONFIG), its, now, Clients(its.home_region)
    )
    if its.kind is VendorKind.CONTROL_TOWER:
        return ControlTowerVendor(management, its, now)
    return OrganizationsVendor(management, its, now)


@cache
def vendor_settings() -> VendorSettings:
    """LookupError or ValidationError, naming it, for what a deployment was not told."""
    return VendorSettings.from_settings(settings())
