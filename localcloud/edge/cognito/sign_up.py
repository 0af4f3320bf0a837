"""Sign-up and its confirmation: PreSignUp, PostConfirmation.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-confirmation.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from ministack.core.concurrency import resource_lock
from ministack.services import cognito

from localcloud.edge.cognito import messages, triggers
from localcloud.edge.cognito.attributes import require_writable
from localcloud.edge.cognito.calls import (
    NO_CLIENT,
    Call,
    CognitoError,
    Data,
    Handler,
    Pool,
    Response,
    User,
    answer,
    around,
    attributes_of,
    body_of,
    current,
    find,
    pool_of,
    set_attributes,
    succeeded,
)

_FLAGS = ("autoConfirmUser", "autoVerifyEmail", "autoVerifyPhone")

# The id that a trigger was told of before MiniStack makes the user that gets it.
_promised_id: ContextVar[str | None] = ContextVar("cognito_promised_id", default=None)


def install() -> None:
    """Replace MiniStack's PreSignUp and surround the calls that confirm a user."""
    new_id: Callable[[], str] = cognito.new_uuid
    cognito.new_uuid = lambda: _promised_id.get() or new_id()
    cognito._apply_presignup_trigger = _pre_sign_up
    around("SignUp", _sign_up)
    around("ConfirmSignUp", _confirm_sign_up)
    around("AdminConfirmSignUp", _admin_confirm_sign_up)
    around("AdminCreateUser", _admin_create_user)


def one_of_a_name(pool: Pool, username: str) -> threading.Lock:
    """Held while a user of that name is made, so that there is one."""
    lock: threading.Lock = resource_lock("cognito-user", f"{pool['Id']}:{username.casefold()}")
    return lock


def pre_sign_up(
    pool: Pool,
    source: str,
    *,
    user_name: str,
    attributes: Mapping[str, Any],
    client_id: str,
    validation_data: Mapping[str, str] | None,
    client_metadata: Mapping[str, str] | None,
) -> dict[str, bool]:
    """Ask the trigger; the answer's flags, all false without a trigger."""
    response = triggers.fire(
        pool,
        "PreSignUp",
        source,
        user_name=user_name,
        client_id=client_id,
        request={
            "userAttributes": {name: str(value) for name, value in attributes.items()},
            "validationData": dict(validation_data) if validation_data else None,
        },
        response=dict.fromkeys(_FLAGS, False),
        client_metadata=client_metadata,
    )
    flags = {name: (response or {}).get(name) or False for name in _FLAGS}
    if not all(isinstance(value, bool) for value in flags.values()):
        raise triggers.unrecognizable()
    return flags


def post_confirmation(pool: Pool, user: User, source: str, call: Call) -> None:
    """Tell the trigger of a confirmed user. The user stays confirmed when it fails."""
    triggers.fire(
        pool,
        "PostConfirmation",
        source,
        user_name=user["Username"],
        client_id=call.data.get("ClientId") or NO_CLIENT,
        request={"userAttributes": triggers.event_attributes(user)},
        response={},
        client_metadata=call.client_metadata,
    )


def _pre_sign_up(
    pool_id: str,
    client_id: str,
    username: str,
    user_attrs: Mapping[str, Any],
    trigger_source: str = "PreSignUp_ExternalProvider",
) -> dict[str, bool]:
    """Stands for MiniStack's `_apply_presignup_trigger`, federated sign-in included."""
    call = current()
    pool = cognito._user_pools.get(pool_id) or {"Id": pool_id}
    try:
        return pre_sign_up(
            pool,
            trigger_source,
            user_name=username,
            # The sub is the userName of the event, not yet an attribute.
            attributes={name: value for name, value in user_attrs.items() if name != "sub"},
            client_id=client_id,
            validation_data=_pairs(call.data.get("ValidationData")),
            client_metadata=call.client_metadata,
        )
    except CognitoError as error:
        if trigger_source != "PreSignUp_ExternalProvider":
            raise
        raise cognito._PreSignUpRejected(error.message) from error


def _sign_up(handler: Handler, data: Data) -> Response:
    pool = pool_of(data)
    if pool is None:
        return handler(data)
    if (pool.get("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly"):
        raise CognitoError("NotAuthorizedException", "SignUp is not permitted for this user pool")
    require_writable(pool, data.get("ClientId", ""), _pairs(data.get("UserAttributes")))
    # MiniStack looks for the name before the trigger runs and takes it after: one at a time.
    with one_of_a_name(pool, str(data.get("Username"))):
        response = handler(data)
    if not succeeded(response):
        return response
    body = body_of(response)
    user = find(pool, body["UserSub"])
    if user is None:
        return response
    if body["UserConfirmed"]:
        post_confirmation(pool, user, "PostConfirmation_ConfirmSignUp", current())
    elif not messages.verifies_email(pool):
        body.pop("CodeDeliveryDetails", None)
    elif "CodeDeliveryDetails" in body:
        delivery = body["CodeDeliveryDetails"]
        delivery["Destination"] = cognito._masked_destination(delivery["Destination"])
    return answer(body)


def _confirm_sign_up(handler: Handler, data: Data) -> Response:
    response = handler(data)
    pool = pool_of(data)
    user = find(pool, data.get("Username")) if pool else None
    if not succeeded(response) or pool is None or user is None:
        return response
    if messages.verifies_email(pool) and "email" in attributes_of(user):
        set_attributes(user, {"email_verified": "true"})
    post_confirmation(pool, user, "PostConfirmation_ConfirmSignUp", current())
    return response


def _admin_confirm_sign_up(handler: Handler, data: Data) -> Response:
    pool = pool_of(data)
    user = find(pool, data.get("Username")) if pool else None
    if pool is None or user is None:
        return handler(data)
    if user["UserStatus"] != "UNCONFIRMED":
        raise CognitoError(
            "NotAuthorizedException",
            f"User cannot be confirmed. Current status is {user['UserStatus']}",
        )
    response = handler(data)
    post_confirmation(pool, user, "PostConfirmation_ConfirmSignUp", current())
    return response


def _admin_create_user(handler: Handler, data: Data) -> Response:
    """PreSignUp sees a user that an administrator makes too; its flags mean nothing then."""
    pool = pool_of(data)
    username = data.get("Username")
    given = _pairs(data.get("UserAttributes")) or {}
    if (
        pool is None
        or not username
        or data.get("MessageAction", "").upper() == "RESEND"
        or find(pool, username) is not None
        or cognito._new_user_error(pool, username, given)
    ):
        return handler(data)
    promised = cognito.new_uuid()
    alias = cognito._username_alias_attribute(pool, username)
    if alias:
        given.setdefault(alias, username)
    pre_sign_up(
        pool,
        "PreSignUp_AdminCreateUser",
        user_name=promised if alias else username,
        attributes=given,
        client_id=NO_CLIENT,
        validation_data=_pairs(data.get("ValidationData")),
        client_metadata=current().client_metadata,
    )
    token = _promised_id.set(promised)
    try:
        return handler(data)
    finally:
        _promised_id.reset(token)


def _pairs(items: list[Mapping[str, str]] | None) -> dict[str, str] | None:
    """Name and Value pairs as a dictionary, None for none."""
    return {item["Name"]: item.get("Value", "") for item in items} if items else None
