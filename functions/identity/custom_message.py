"""Cognito CustomMessage: its mails in our words, where a sender of ours sends them.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-message.html
"""

from typing import Any

from tenantry.identity.bootstrap.mail import branding
from tenantry.identity.messages import mail
from tenantry.runtime.cognito import trigger


@trigger
def handler(event: dict[str, Any]) -> None:
    sender, request = branding(), event["request"]
    if sender is None:
        return
    attributes = request.get("userAttributes") or {}
    metadata = request.get("clientMetadata") or {}
    made = mail(
        event["triggerSource"],
        sender,
        locales=(metadata.get("locale"), attributes.get("locale")),
        name=attributes.get("name") or metadata.get("name"),
        code=request["codeParameter"],
        user_name=request.get("usernameParameter"),
    )
    if made:
        event["response"]["emailSubject"] = made.subject
        event["response"]["emailMessage"] = made.html
