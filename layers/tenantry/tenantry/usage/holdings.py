"""What this context keeps of an organisation; its register holds ids alone, and stays."""

from typing import Final

from tenantry.tenancy.holdings import Holding, Store

HOLDINGS: Final = (
    Holding(Store.PLATFORM, "warnings of usage", "USAGE"),
    Holding(Store.PLATFORM, "measurements of what was stored", "STORAGE#"),
)
