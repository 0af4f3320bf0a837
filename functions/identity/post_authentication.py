"""Cognito PostAuthentication: a sign-in is noted.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-authentication.html
"""

from typing import Any

from tenantry.identity.bootstrap.arrivals import arrivals
from tenantry.identity.triggers import arrival_of, cause_of
from tenantry.runtime.cognito import trigger
from tenantry.runtime.observability import logger


@trigger
def handler(event: dict[str, Any]) -> None:
    """Whatever fails here, the person has signed in: refusing them would be Cognito's answer."""
    try:
        arrival = arrival_of(event)
        arrivals().signed_in(arrival, cause_of(arrival))
    except Exception:
        logger.exception("a sign-in is not noted")
