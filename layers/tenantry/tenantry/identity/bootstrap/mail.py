"""Mails: no AWS in it, so that the code is in the mailbox sooner."""

from functools import cache

from tenantry.identity.messages import Branding
from tenantry.runtime.settings import Settings


@cache
def branding() -> Branding | None:
    """Who sends our mails; None where Cognito sends its own and refuses ours."""
    settings = Settings.from_env()
    if not settings.flag("EMAIL_SENDING"):
        return None
    return Branding(settings.text("PRODUCT_NAME", "Tenantry"), settings.text("FRONTEND_URL"))
