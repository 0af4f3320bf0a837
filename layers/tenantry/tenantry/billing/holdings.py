"""What this context keeps of an organisation: the subscription, for the books."""

from typing import Final

from tenantry.tenancy.holdings import Holding, Store

HOLDINGS: Final = (
    Holding(
        Store.PLATFORM,
        "subscriptions",
        "SUBSCRIPTION",
        kept="the subscription, for the books: plan and periods, and whose customer at Stripe",
    ),
)
