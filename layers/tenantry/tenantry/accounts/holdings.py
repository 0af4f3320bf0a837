"""What this context keeps of an organisation: the account's own ledger is not below its key."""

from typing import Final

from tenantry.accounts.events import AccountProbed
from tenantry.tenancy.holdings import Holding, Store, Tells

HOLDINGS: Final = (
    Holding(
        Store.PLATFORM, "reservations", "ACCOUNT", kept="until the certificate, which releases it"
    ),
    Holding(Store.TENANT, "items", tells=(Tells("AccountProbe", (AccountProbed,)),)),
)
