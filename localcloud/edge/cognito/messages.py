"""The mails of a user pool: the CustomMessage trigger, the code, the delivery through SES.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-message.html
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from html import escape
from typing import Any

from ministack.services import cognito

from localcloud.edge.cognito import triggers
from localcloud.edge.cognito.calls import (
    NO_CLIENT,
    CognitoError,
    Pool,
    User,
    attributes_of,
    current,
    find,
    set_attributes,
)

CODE = "{####}"
LINK = "{##Click Here##}"
USERNAME = "{username}"
LONGEST_MESSAGE = 20_000

# MiniStack's one sender of codes serves these actions; each has a trigger source of its own.
_SOURCES = {
    "SignUp": "CustomMessage_SignUp",
    "ResendConfirmationCode": "CustomMessage_ResendCode",
    "ForgotPassword": "CustomMessage_ForgotPassword",
    "AdminResetUserPassword": "CustomMessage_ForgotPassword",
}


def install() -> None:
    """Send every code and invitation through the CustomMessage trigger, with a code of its own."""
    cognito._send_verification_email = _send_code
    cognito._render_invitation_message = _invitation


def new_code() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(10**6):06d}"


def verifies_email(pool: Pool) -> bool:
    """Whether the pool sends codes to e-mail addresses by itself."""
    return "email" in (pool.get("AutoVerifiedAttributes") or [])


def send(pool: Pool, user: User, source: str, code: str, *, to: str, client_id: str) -> None:
    """Mail a code for a trigger source, in the trigger's words or in the pool's."""
    by_link = _by_link(pool)
    subject, body = cognito._resolve_verification_template(pool, by_link=by_link)
    custom = _custom(
        pool,
        source,
        user_name=user["Username"],
        attributes=triggers.event_attributes(user) | {"email": to},
        client_id=client_id,
    )
    required = (LINK,) if by_link else (CODE,)
    subject = custom.get("emailSubject") or subject
    body = _usable(custom, required) or body
    shown = cognito._template_username(pool, user["Username"], attributes_of(user) | {"email": to})
    cognito._deliver_cognito_email(
        pool,
        to,
        cognito._expand_template(subject, shown, code),
        _with_link(pool, user, client_id, code, cognito._expand_template(body, shown, code)),
        type_name="CognitoVerificationMessage",
        extra={"Username": user["Username"]},
    )


def _send_code(
    pool: Pool,
    username: str,
    attributes: Mapping[str, str],
    _fixed_code: str,
    attribute_name: str = "email",
) -> None:
    """Stands for MiniStack's sender, which has just stored a code that is always the same."""
    del attribute_name
    call = current()
    user = find(pool, username)
    email = attributes.get("email")
    source = _SOURCES.get(call.action)
    if user is None or not email or source is None:
        return
    if call.action == "SignUp":
        if not verifies_email(pool):
            return
        set_attributes(user, {"email_verified": attributes.get("email_verified", "false")})
    code = new_code()
    recovering = source == "CustomMessage_ForgotPassword"
    user["_reset_code" if recovering else "_confirmation_code"] = code
    send(pool, user, source, code, to=email, client_id=call.data.get("ClientId") or NO_CLIENT)


def _invitation(
    pool: Pool,
    username: str,
    temporary_password: str,
    attributes: Mapping[str, str],
    client_metadata: Mapping[str, str] | None = None,
) -> tuple[str, str]:
    """Subject and body of the invitation; the user may not exist yet."""
    subject, body, _html = cognito._resolve_invite_template(pool)
    custom = _custom(
        pool,
        "CustomMessage_AdminCreateUser",
        user_name=username,
        attributes=dict(attributes) | {"cognito:user_status": "FORCE_CHANGE_PASSWORD"},
        client_id=NO_CLIENT,
        username_parameter=USERNAME,
        client_metadata=client_metadata,
    )
    shown = cognito._template_username(pool, username, dict(attributes))
    return (
        cognito._expand_template(custom.get("emailSubject") or subject, shown, temporary_password),
        cognito._expand_template(
            _usable(custom, (CODE, USERNAME)) or body, shown, temporary_password
        ),
    )


def _custom(
    pool: Pool,
    source: str,
    *,
    user_name: str,
    attributes: Mapping[str, str],
    client_id: str,
    username_parameter: str | None = None,
    client_metadata: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The trigger's response, {} without a trigger.

    Raises InvalidLambdaResponseException for an e-mail that the pool does not send through SES.
    """
    response = triggers.fire(
        pool,
        "CustomMessage",
        source,
        user_name=user_name,
        client_id=client_id,
        request={
            "userAttributes": dict(attributes),
            "codeParameter": CODE,
            "linkParameter": LINK,
            "usernameParameter": username_parameter,
        },
        response={"smsMessage": None, "emailMessage": None, "emailSubject": None},
        client_metadata=client_metadata or current().client_metadata,
    )
    custom = response or {}
    written = {name: custom.get(name) for name in ("emailMessage", "emailSubject")}
    if any(text is not None and not isinstance(text, str) for text in written.values()):
        raise triggers.unrecognizable()
    if any(written.values()) and not _sends_through_ses(pool):
        raise CognitoError(
            "InvalidLambdaResponseException",
            "emailMessage and emailSubject are allowed only if EmailSendingAccount is DEVELOPER",
        )
    if len(written["emailMessage"] or "") > LONGEST_MESSAGE:
        raise CognitoError(
            "InvalidLambdaResponseException", "emailMessage is longer than 20,000 characters"
        )
    return custom


def _usable(custom: Mapping[str, Any], placeholders: tuple[str, ...]) -> str | None:
    """The trigger's body; one without its placeholders is not sent, the pool's own is instead."""
    body = custom.get("emailMessage")
    return body if body and all(placeholder in body for placeholder in placeholders) else None


def _sends_through_ses(pool: Pool) -> bool:
    configuration = pool.get("EmailConfiguration") or {}
    return bool(configuration.get("EmailSendingAccount") == "DEVELOPER")


def _by_link(pool: Pool) -> bool:
    template = pool.get("VerificationMessageTemplate") or {}
    return bool(template.get("DefaultEmailOption") == "CONFIRM_WITH_LINK")


def _with_link(pool: Pool, user: User, client_id: str, code: str, body: str) -> str:
    domain = pool.get("Domain") or pool["Id"].replace("_", "-").lower()
    region = cognito._pool_region(pool["Id"])
    address = escape(
        f"https://{domain}.auth.{region}.amazoncognito.com/confirmUser"
        f"?client_id={client_id}&user_name={user['Username']}&confirmation_code={code}"
    )
    return body.replace(LINK, f'<a href="{address}">Click Here</a>')
