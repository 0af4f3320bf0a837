"""A forgotten password: for whom it is real, for whom simulated, and who is told after.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-managing-errors.html
"""

from __future__ import annotations

from ministack.services import cognito

from localcloud.edge.cognito import migration, sign_up
from localcloud.edge.cognito.calls import (
    CognitoError,
    Data,
    Handler,
    Pool,
    Response,
    User,
    around,
    attributes_of,
    current,
    find,
    hides_existence,
    pool_of,
    succeeded,
)

_UNREACHABLE = (
    "Cannot reset password for the user as there is no registered/verified email or phone_number"
)


def install() -> None:
    """Surround ForgotPassword, its confirmation and the repeated confirmation code."""
    around("ForgotPassword", _forgot_password)
    around("ConfirmForgotPassword", _confirm_forgot_password)
    around("ResendConfirmationCode", _resend_confirmation_code)


def _forgot_password(handler: Handler, data: Data) -> Response:
    pool = pool_of(data)
    username = data.get("Username")
    if pool is None or not username:
        return handler(data)
    client_id = data["ClientId"]
    user = find(pool, username)
    if user is None:
        user = migration.migrate(
            pool,
            "UserMigration_ForgotPassword",
            client_id=client_id,
            username=username,
            client_metadata=current().client_metadata,
        )
    refused = _refused(user) if user else None
    if refused is None:
        return handler(data)
    if hides_existence(pool, client_id):
        return _simulated(username)
    raise refused


def _refused(user: User) -> CognitoError | None:
    if not user.get("Enabled", True):
        return CognitoError("NotAuthorizedException", "User is disabled.")
    if attributes_of(user).get("email_verified") != "true":
        return CognitoError("InvalidParameterException", _UNREACHABLE)
    return None


def _simulated(username: str) -> Response:
    """What is answered for a user who is not there: the destination looks like the name."""
    response: Response = cognito._code_delivery_response(cognito._masked_destination(username))
    return response


def _confirm_forgot_password(handler: Handler, data: Data) -> Response:
    pool, user = _pool_and_user(data)
    if pool is None or user is None:
        return handler(data)
    if not user.get("Enabled", True) and hides_existence(pool, data["ClientId"]):
        raise CognitoError(
            "CodeMismatchException", "Invalid verification code provided, please try again."
        )
    response = handler(data)
    if succeeded(response):
        sign_up.post_confirmation(pool, user, "PostConfirmation_ConfirmForgotPassword", current())
    return response


def _resend_confirmation_code(handler: Handler, data: Data) -> Response:
    pool, user = _pool_and_user(data)
    if pool is None or user is None or user.get("Enabled", True):
        return handler(data)
    if hides_existence(pool, data["ClientId"]):
        return _simulated(data["Username"])
    raise CognitoError("NotAuthorizedException", "User is disabled.")


def _pool_and_user(data: Data) -> tuple[Pool | None, User | None]:
    pool = pool_of(data)
    return pool, find(pool, data.get("Username")) if pool else None
