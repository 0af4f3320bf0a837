"""Wires the billing context. Stripe's library is imported where it is first needed: it takes
a quarter of a second, and how a subscription stands is read without it."""

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import boto3

from tenantry.billing.dynamodb import DynamoDBSubscriptionRepository
from tenantry.billing.service import (
    BillingService,
    EndingService,
    GrantService,
    Ledger,
    NoticeService,
    SettlingService,
    SweepService,
)
from tenantry.billing.sqs import SqsNoticeQueue
from tenantry.bootstrap import CONFIG, platform_table, settings, stamp
from tenantry.errors import BillingNotConfiguredError
from tenantry.messaging.dynamodb import DynamoDBMarkers
from tenantry.messaging.once import Once
from tenantry.organizations.bootstrap import access, organization_items
from tenantry.runtime.observability import logger
from tenantry.tenancy.caller import Caller

if TYPE_CHECKING:
    from tenantry.billing.payments import StripeNotices, StripePayments, StripeSecrets


_LEASE = timedelta(minutes=2)
"""Longer than the consumer of notices may run."""


@cache
def billing_service() -> BillingService:
    return BillingService(access(), ledger(), payments if is_configured() else None)


@cache
def grant_service() -> GrantService:
    return GrantService(_Operators(), ledger())


@cache
def notice_service() -> NoticeService:
    queue = SqsNoticeQueue(
        boto3.client("sqs", config=CONFIG), settings().required("NOTICES_QUEUE_URL")
    )
    return NoticeService(notices if is_configured() else None, queue)


@cache
def settling_service() -> SettlingService:
    if not is_configured():
        raise BillingNotConfiguredError("This deployment takes no payments.")
    markers = DynamoDBMarkers(platform_table())
    once = Once(markers, "billing-settle-subscriptions", _LEASE, stamp().now)
    return SettlingService(ledger(), payments, once)


@cache
def ending_service() -> EndingService:
    return EndingService(ledger(), payments if is_configured() else None)


@cache
def sweep_service() -> SweepService:
    return SweepService(ledger(), payments if is_configured() else None, failed=_failed)


@cache
def ledger() -> Ledger:
    subscriptions = DynamoDBSubscriptionRepository(platform_table(), organization_items())
    return Ledger(subscriptions, stamp(), _report)


def is_configured() -> bool:
    """Whether payments are taken: the deployment says so, never whether the secret can be read.

    Else a secret that is missing for a moment would give every plan away.
    """
    return bool(settings().text("STRIPE_SECRET_ARN"))


@cache
def payments() -> "StripePayments":
    from tenantry.billing.payments import Prices, StripePayments

    return StripePayments(
        _secrets(),
        Prices.parse(settings().text("STRIPE_PRICES")),
        settings().required("FRONTEND_URL"),
        api_base(),
        _report_customer,
    )


@cache
def notices() -> "StripeNotices":
    from tenantry.billing.payments import StripeNotices

    return StripeNotices(_secrets())


@cache
def _secrets() -> "StripeSecrets":
    from tenantry.billing.payments import StripeSecrets

    client = boto3.client("secretsmanager", config=CONFIG)
    return StripeSecrets(client, settings().required("STRIPE_SECRET_ARN"))


def api_base() -> str:
    """Where Stripe's API is: empty for Stripe itself.

    In the local cloud it may be elsewhere; a path is one of the AWS endpoint's. Anywhere else an
    address that is not Stripe's own is refused, since it is sent the keys.
    """
    base = settings().text("STRIPE_API_BASE")
    if not base:
        return ""
    if settings().required("STAGE") != "local":
        raise LookupError("STRIPE_API_BASE is for the stage local only")
    return settings().required("AWS_ENDPOINT_URL") + base if base.startswith("/") else base


class _Operators:
    """The identity context's operators; what operators do is rare, so it is imported then."""

    def require_active(self, caller: Caller) -> None:
        from tenantry.identity.bootstrap.operators import operator_standing

        operator_standing().require_active(caller)


def _report(what: str, tenant_id: str) -> None:
    logger.warning(what, tenant_id=tenant_id)


def _report_customer(what: str, customer_id: str) -> None:
    logger.warning(what, customer_id=customer_id)


def _failed(error: Exception, tenant_id: str) -> None:
    logger.error("not moved", tenant_id=tenant_id, exc_info=error)
