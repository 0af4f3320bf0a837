"""Signing in: PreAuthentication, migration, PostAuthentication, and sessions that count.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-authentication.html
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-authentication.html
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.services import cognito

from localcloud.edge.cognito import migration, tokens, triggers
from localcloud.edge.cognito.calls import (
    CognitoError,
    Data,
    Handler,
    Pool,
    Response,
    User,
    around,
    body_of,
    current,
    find,
    hides_existence,
    pool_of,
    succeeded,
)

_PASSWORD_FLOWS = ("USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH")
_SRP_FLOW = "USER_SRP_AUTH"
_ISSUED_AFTER_SIGN_IN = ("TokenGeneration_Authentication", "TokenGeneration_NewPasswordChallenge")
# Challenges whose answer MiniStack takes from anyone, with or without the session it gave out.
_SESSION_CHALLENGES = ("NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA", "SMS_MFA", "MFA_SETUP")


@dataclass(frozen=True, slots=True)
class _Session:
    challenge: str
    pool_id: str
    client_id: str
    username: str
    expires_at: float


_sessions: dict[str, _Session] = {}
_sessions_lock = threading.Lock()


def install() -> None:
    """Surround the four authentication calls and the issuing of tokens."""
    for action in ("InitiateAuth", "AdminInitiateAuth"):
        around(action, _initiate)
    for action in ("RespondToAuthChallenge", "AdminRespondToAuthChallenge"):
        around(action, _respond)
    issue: Callable[..., dict[str, Any]] = cognito._build_auth_result

    def issue_after_triggers(
        pool_id: str, client_id: str, user: User, *arguments: Any, **named: Any
    ) -> dict[str, Any]:
        source = named.get("trigger_source", "TokenGeneration_Authentication")
        if source in _ISSUED_AFTER_SIGN_IN:
            _post_authentication(pool_id, client_id, user, named.get("client_metadata"))
        with tokens.one_invocation():
            return issue(pool_id, client_id, user, *arguments, **named)

    cognito._build_auth_result = issue_after_triggers


def _initiate(handler: Handler, data: Data) -> Response:
    pool = pool_of(data)
    if pool is not None:
        _require_flow(pool, data)
    parameters = data.get("AuthParameters") or {}
    username = parameters.get("USERNAME")
    client_id = data.get("ClientId", "")
    if pool is None or not username or not _begins_sign_in(pool, client_id, data):
        return handler(data)
    metadata = current().client_metadata
    user = find(pool, username)
    if user is None and data["AuthFlow"] in _PASSWORD_FLOWS:
        user = migration.migrate(
            pool,
            "UserMigration_Authentication",
            client_id=client_id,
            username=username,
            password=parameters["PASSWORD"],
            validation_data=metadata,
        )
    _pre_authentication(pool, client_id, user, username, metadata)
    return _remembered(handler(data), pool, client_id, username)


def _require_flow(pool: Pool, data: Data) -> None:
    """A client that names no flows has SRP, custom and refresh, where MiniStack allows all."""
    flow = data.get("AuthFlow")
    client = pool["_clients"].get(data.get("ClientId")) or {}
    if flow in _PASSWORD_FLOWS and not client.get("ExplicitAuthFlows"):
        named = f"{flow} flow" if flow == "USER_PASSWORD_AUTH" else "Auth flow"
        raise CognitoError("InvalidParameterException", f"{named} not enabled for this client")


def _begins_sign_in(pool: Pool, client_id: str, data: Data) -> bool:
    """Whether the request is complete and its flow is one that the app client allows."""
    flow = data.get("AuthFlow")
    parameters = data.get("AuthParameters") or {}
    if flow in _PASSWORD_FLOWS:
        return bool(parameters.get("PASSWORD"))
    allowed = (pool["_clients"].get(client_id) or {}).get("ExplicitAuthFlows") or []
    named = any(name.startswith("ALLOW_") for name in allowed)
    if flow == _SRP_FLOW:
        return bool(parameters.get("SRP_A")) and (not named or "ALLOW_USER_SRP_AUTH" in allowed)
    return flow == "CUSTOM_AUTH" and (not named or "ALLOW_CUSTOM_AUTH" in allowed)


def _pre_authentication(
    pool: Pool,
    client_id: str,
    user: User | None,
    username: str,
    validation_data: Mapping[str, str] | None,
) -> None:
    hidden = hides_existence(pool, client_id)
    if user is None and not hidden:
        return
    request: dict[str, Any] = {
        "userAttributes": triggers.event_attributes(user) if user else {},
        "validationData": dict(validation_data) if validation_data else None,
    }
    if hidden:
        request["userNotFound"] = user is None
    triggers.fire(
        pool,
        "PreAuthentication",
        "PreAuthentication_Authentication",
        user_name=user["Username"] if user else username,
        client_id=client_id,
        request=request,
        response={},
    )


def _post_authentication(
    pool_id: str, client_id: str, user: User, client_metadata: Mapping[str, str] | None
) -> None:
    pool = cognito._user_pools.get(pool_id)
    if pool is None:
        return
    triggers.fire(
        pool,
        "PostAuthentication",
        "PostAuthentication_Authentication",
        user_name=user["Username"],
        client_id=client_id,
        request={"userAttributes": triggers.event_attributes(user), "newDeviceUsed": False},
        response={},
        client_metadata=client_metadata,
    )


def _respond(handler: Handler, data: Data) -> Response:
    pool = pool_of(data)
    responses = data.get("ChallengeResponses") or {}
    username = responses.get("USERNAME")
    challenge = data.get("ChallengeName")
    client_id = data.get("ClientId", "")
    if pool is None:
        return handler(data)
    if challenge in _SESSION_CHALLENGES:
        _require_session(pool, client_id, data)
    if challenge == "NEW_PASSWORD_REQUIRED":
        refused: Response | None = cognito._validate_password(
            pool, responses.get("NEW_PASSWORD", "")
        )
        if refused:
            return refused
    response = _remembered(handler(data), pool, client_id, username)
    if succeeded(response):
        with _sessions_lock:
            _sessions.pop(data.get("Session", ""), None)
    return response


def _remembered(response: Response, pool: Pool, client_id: str, username: str | None) -> Response:
    """Note the session of a challenge, so that only its holder answers it."""
    body = body_of(response) if succeeded(response) else {}
    user = find(pool, username)
    if user is None or body.get("ChallengeName") not in _SESSION_CHALLENGES:
        return response
    minutes = (pool["_clients"].get(client_id) or {}).get("AuthSessionValidity", 3)
    now = time.monotonic()
    with _sessions_lock:
        for token in [token for token, kept in _sessions.items() if kept.expires_at < now]:
            del _sessions[token]
        _sessions[body["Session"]] = _Session(
            body["ChallengeName"], pool["Id"], client_id, user["Username"], now + minutes * 60
        )
    return response


def _require_session(pool: Pool, client_id: str, data: Data) -> None:
    user = find(pool, (data.get("ChallengeResponses") or {}).get("USERNAME"))
    with _sessions_lock:
        session = _sessions.get(data.get("Session", ""))
    expected = (data["ChallengeName"], pool["Id"], client_id, user["Username"] if user else None)
    if (
        session is None
        or session.expires_at < time.monotonic()
        or (session.challenge, session.pool_id, session.client_id, session.username) != expected
    ):
        raise CognitoError(
            "NotAuthorizedException", "Invalid session for the user, session is expired."
        )
