"""What this context keeps of an organisation: all of it goes with the account."""

from typing import Final

from tenantry.tenancy.holdings import Holding, Store

HOLDINGS: Final = (
    Holding(Store.PLATFORM, "licences", "LICENSE#"),
    Holding(Store.PLATFORM, "licensed days", "LICENSED#"),
)
