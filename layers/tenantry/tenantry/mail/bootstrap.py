"""Wires the sending of mails: whether this deployment has a sender, and who it is."""

from functools import cache

import boto3

from tenantry.bootstrap import CONFIG, settings
from tenantry.mail.model import Brand
from tenantry.mail.ses import SesMailer


@cache
def mailer() -> SesMailer | None:
    """None where no SES identity is configured: then the product sends no mail of its own."""
    if not settings().flag("EMAIL_SENDING"):
        return None
    return SesMailer(boto3.client("sesv2", config=CONFIG), settings().required("EMAIL_FROM"))


@cache
def brand() -> Brand:
    """The product's own look, where an organisation has none."""
    return Brand(settings().text("PRODUCT_NAME", "Tenantry"), settings().text("FRONTEND_URL"))
