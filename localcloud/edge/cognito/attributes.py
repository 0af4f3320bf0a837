"""Changing attributes: what an app client may write, and addresses that must be verified.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-email-phone-verification.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ministack.services import cognito

from localcloud.edge.cognito import messages
from localcloud.edge.cognito.calls import (
    NO_CLIENT,
    CognitoError,
    Data,
    Handler,
    Pool,
    Response,
    User,
    add,
    answer,
    around,
    attributes_of,
    pool_of,
    set_attributes,
    succeeded,
)

_NEVER_WRITABLE = frozenset({"sub", "email_verified", "phone_number_verified", "identities"})
_CODE = "_email_code"
_PENDING = "_email_pending"


def install() -> None:
    """Surround the changes of attributes and add the two calls that verify one."""
    around("UpdateUserAttributes", _update)
    around("AdminUpdateUserAttributes", _admin_update)
    add("GetUserAttributeVerificationCode", _send_verification)
    add("VerifyUserAttribute", _verify)


def require_writable(pool: Pool, client_id: str, names: Iterable[str] | None) -> None:
    """Raise NotAuthorizedException for an attribute that the app client may not write.

    Without WriteAttributes a client writes the standard attributes, and no custom one.
    """
    client = (pool.get("_clients") or {}).get(client_id) or {}
    allowed = set(client.get("WriteAttributes") or cognito._STANDARD_ATTRIBUTES_BY_NAME)
    if set(names or ()) - (allowed - _NEVER_WRITABLE):
        raise CognitoError(
            "NotAuthorizedException", "A client attempted to write unauthorized attribute"
        )


def _update(handler: Handler, data: Data) -> Response:
    user, pool = _holder(data)
    if user is None or pool is None:
        return handler(data)
    client_id = cognito._token_claims(data["AccessToken"]).get("client_id", "")
    require_writable(pool, client_id, _pairs(data))
    return _change(handler, data, pool, user, client_id=client_id)


def _admin_update(handler: Handler, data: Data) -> Response:
    pool = pool_of(data)
    user = cognito._resolve_user(pool, data.get("Username"))[0] if pool else None
    if pool is None or user is None or _pairs(data).get("email_verified") == "true":
        return handler(data)
    response = _change(handler, data, pool, user, client_id=NO_CLIENT)
    return answer({}) if succeeded(response) else response


def _change(handler: Handler, data: Data, pool: Pool, user: User, *, client_id: str) -> Response:
    """Apply the changes; a new address waits for its code, or is unverified until then."""
    changes = _pairs(data)
    email = changes.get("email")
    if not email or email == attributes_of(user).get("email"):
        return handler(data)
    _refuse_taken(pool, user, email)
    settings = pool.get("UserAttributeUpdateSettings") or {}
    waits = "email" in (settings.get("AttributesRequireVerificationBeforeUpdate") or [])
    others = {name: value for name, value in changes.items() if name != "email"}
    applied = others if waits else changes | {"email_verified": "false"}
    response = handler(data | {"UserAttributes": cognito._dict_to_attr_list(applied)})
    if not succeeded(response) or not (waits or messages.verifies_email(pool)):
        return response
    user[_PENDING] = email
    _send(pool, user, "CustomMessage_UpdateUserAttribute", client_id)
    return answer({"CodeDeliveryDetailsList": [_delivery(email)]})


def _refuse_taken(pool: Pool, user: User, email: str) -> None:
    names = {*(pool.get("UsernameAttributes") or []), *(pool.get("AliasAttributes") or [])}
    holder = cognito._resolve_user(pool, email)[0]
    if "email" in names and holder is not None and holder is not user:
        raise CognitoError("AliasExistsException", "An account with the email already exists.")


def _send_verification(data: Data) -> Response:
    """GetUserAttributeVerificationCode, for the e-mail address."""
    user, pool = _require_holder(data)
    _require_email(data)
    address = user.get(_PENDING) or attributes_of(user).get("email")
    if not address:
        raise CognitoError("InvalidParameterException", "User does not have an email to verify.")
    client_id = cognito._token_claims(data["AccessToken"]).get("client_id", "")
    user[_PENDING] = address
    _send(pool, user, "CustomMessage_VerifyUserAttribute", client_id)
    return answer({"CodeDeliveryDetails": _delivery(address)})


def _verify(data: Data) -> Response:
    """VerifyUserAttribute, for the e-mail address."""
    user, pool = _require_holder(data)
    _require_email(data)
    refused: Response | None = cognito._code_error(user.get(_CODE), data.get("Code"))
    if refused:
        return refused
    address = user[_PENDING]
    _refuse_taken(pool, user, address)
    set_attributes(user, {"email": address, "email_verified": "true"})
    del user[_CODE], user[_PENDING]
    return answer({})


def _send(pool: Pool, user: User, source: str, client_id: str) -> None:
    code = messages.new_code()
    user[_CODE] = code
    messages.send(pool, user, source, code, to=user[_PENDING], client_id=client_id)


def _delivery(address: str) -> dict[str, str]:
    return {
        "Destination": cognito._masked_destination(address),
        "DeliveryMedium": "EMAIL",
        "AttributeName": "email",
    }


def _holder(data: Data) -> tuple[User | None, Pool | None]:
    user, pool = cognito._user_pool_for_access_token(data.get("AccessToken"))
    return user, pool


def _require_holder(data: Data) -> tuple[User, Pool]:
    user, pool = _holder(data)
    if user is None or pool is None:
        raise CognitoError("NotAuthorizedException", "Invalid Access Token")
    return user, pool


def _require_email(data: Data) -> None:
    if data.get("AttributeName") != "email":
        raise CognitoError(
            "InvalidParameterException", "Only the email attribute is verified here."
        )


def _pairs(data: Data) -> dict[str, str]:
    items: list[dict[str, Any]] = data.get("UserAttributes") or []
    return {item["Name"]: str(item.get("Value", "")) for item in items}
