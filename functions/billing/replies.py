"""Subscriptions as the API shows them."""

from datetime import datetime
from typing import Any

from tenantry.billing.model import Billing, PlanChange, Subscription


def subscription_reply(subscription: Subscription, billing: Billing) -> dict[str, Any]:
    return {
        "plan": subscription.plan,
        "status": subscription.status,
        "billing": billing,
        "periodEnd": _time(subscription.period_end),
        "pendingPlan": subscription.pending_plan,
        "closesOrganization": subscription.closing,
        "trialUsed": subscription.trial_started_at is not None,
        "trialEnd": _time(subscription.trial_end),
        "graceEnd": _time(subscription.grace_end),
        "granted": subscription.granted,
        "version": subscription.entity_version,
    }


def change_reply(change: PlanChange, billing: Billing) -> dict[str, Any]:
    return {
        "subscription": subscription_reply(change.subscription, billing),
        "checkoutUrl": change.checkout_url,
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
