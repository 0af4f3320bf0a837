"""Cognito PostAuthentication: a sign-in is noted.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-authentication.html
"""

from typing import Any

from tenantry.identity.bootstrap.people import arrivals
from tenantry.identity.triggers import arrival_of, cause_of
from tenantry.runtime.cognito import trigger


@trigger
def handler(event: dict[str, Any]) -> None:
    arrival = arrival_of(event)
    arrivals().signed_in(arrival, cause_of(arrival))
