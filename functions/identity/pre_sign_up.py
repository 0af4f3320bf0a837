"""Cognito PreSignUp: may this person come in?

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html
"""

from typing import Any

from tenantry.identity.bootstrap.sign_up import sign_ups
from tenantry.identity.triggers import metadata_of
from tenantry.runtime.cognito import trigger


@trigger
def handler(event: dict[str, Any]) -> None:
    attributes = event["request"].get("userAttributes") or {}
    email = attributes.get("email", "")
    match event["triggerSource"]:
        case "PreSignUp_ExternalProvider":
            sign_ups().admit_federated(event["userPoolId"], event["userName"], attributes)
        case "PreSignUp_AdminCreateUser":
            sign_ups().admit(event["userName"], email, metadata_of(event))
        case _:
            if sign_ups().sign_up(event["userName"], email, metadata_of(event)):
                event["response"]["autoConfirmUser"] = True
                event["response"]["autoVerifyEmail"] = True
