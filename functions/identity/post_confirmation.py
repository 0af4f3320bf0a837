"""Cognito PostConfirmation: a confirmed person gets a profile, and the organisation they named.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-confirmation.html
"""

from typing import Any

from tenantry.identity.bootstrap.arrivals import arrivals
from tenantry.identity.triggers import arrival_of, cause_of
from tenantry.runtime.cognito import trigger


@trigger
def handler(event: dict[str, Any]) -> None:
    arrival = arrival_of(event)
    arrivals().ensure_profile(arrival, cause_of(arrival))
