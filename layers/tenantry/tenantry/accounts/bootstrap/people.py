"""People as the identity context knows them, as far as mail reaches them."""

from tenantry.accounts.repository import Addressee
from tenantry.identity.model import Profile


def addressee(profile: Profile | None) -> Addressee | None:
    """None for whom the platform lets in nowhere, and at an address that is not proven theirs."""
    if profile is None or profile.is_suspended or not profile.email_proven:
        return None
    return Addressee(profile.user_id, profile.email, profile.locale)
