"""Cognito UserMigration: people of the older system come over, with their password.

Wrong, unknown and not answering look the same outside: an empty response. The last is alarmed.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
"""

from typing import Any

from tenantry.errors import UnavailableError
from tenantry.identity.bootstrap.migration import migration
from tenantry.runtime.cognito import trigger
from tenantry.runtime.observability import MetricUnit, logger, metrics


@trigger
def handler(event: dict[str, Any]) -> None:
    signs_in = event["triggerSource"] == "UserMigration_Authentication"
    try:
        if signs_in:
            user = migration().sign_in(event["userName"], event["request"]["password"])
        else:
            user = migration().recover(event["userName"])
    except UnavailableError:
        logger.exception("the older system does not answer")
        metrics.add_metric("LegacyDirectoryUnavailable", MetricUnit.Count, 1)
        metrics.flush_metrics()
        return
    if user:
        event["response"]["userAttributes"] = user.attributes
        event["response"]["messageAction"] = "SUPPRESS"
        if signs_in:
            event["response"]["finalUserStatus"] = "CONFIRMED"
