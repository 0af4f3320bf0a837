"""What this context keeps of an organisation: all of it goes with the account."""

from typing import Final

from tenantry.tenancy.holdings import Holding, Store

HOLDINGS: Final = (
    Holding(Store.PLATFORM, "invitations", "INVITATION#"),
    Holding(Store.PLATFORM, "invitation links", "INVITELINK#"),
    Holding(Store.PLATFORM, "invited addresses", "INVITEE#"),
    Holding(Store.PLATFORM, "counts of invitations", "INVITES#"),
)
