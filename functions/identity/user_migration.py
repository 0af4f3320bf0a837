"""Cognito UserMigration: people of the older system come over, with their password.

Wrong, unknown and anything that fails look the same outside: an empty response. Raising would show
as another answer of Cognito's, and tell who has an account there. Failures are alarmed.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
"""

from typing import Any

from tenantry.identity.bootstrap.migration import migration
from tenantry.identity.model import LegacyUser
from tenantry.runtime.cognito import trigger
from tenantry.runtime.observability import MetricUnit, logger, metrics


@trigger
def handler(event: dict[str, Any]) -> None:
    signs_in = event["triggerSource"] == "UserMigration_Authentication"
    try:
        user = _user(event, signs_in)
    except Exception:
        logger.exception("nobody can come over from the older system")
        metrics.add_metric("LegacyDirectoryUnavailable", MetricUnit.Count, 1)
        metrics.flush_metrics()
        return
    if user:
        event["response"]["userAttributes"] = user.attributes
        event["response"]["messageAction"] = "SUPPRESS"
        if signs_in:
            event["response"]["finalUserStatus"] = "CONFIRMED"


def _user(event: dict[str, Any], signs_in: bool) -> LegacyUser | None:
    if signs_in:
        return migration().sign_in(event["userName"], event["request"]["password"])
    return migration().recover(event["userName"])
