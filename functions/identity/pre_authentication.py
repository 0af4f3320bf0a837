"""Cognito PreAuthentication: a suspended person is refused.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-authentication.html
"""

from typing import Any

from tenantry.identity.bootstrap.gate import gate
from tenantry.runtime.cognito import trigger


@trigger
def handler(event: dict[str, Any]) -> None:
    """Without a sub nobody of that name exists, and Cognito goes on as if somebody did."""
    user_id = (event["request"].get("userAttributes") or {}).get("sub")
    if user_id:
        gate().pass_through(user_id)
