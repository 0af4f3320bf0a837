"""PreTokenGeneration: one invocation for both tokens, groups beside the token sections.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from ministack.services import cognito

from localcloud.edge.cognito import triggers
from localcloud.edge.cognito.calls import CognitoError, Pool, Response, current

# "You can't modify ..." : what the trigger returns for these is ignored.
PROTECTED = frozenset(
    [
        "acr",
        "amr",
        "at_hash",
        "aud",
        "auth_time",
        "azp",
        "client_id",
        "cognito:groups",
        "cognito:preferred_role",
        "cognito:roles",
        "cognito:username",
        "device_key",
        "event_id",
        "exp",
        "iat",
        "identities",
        "iss",
        "jti",
        "nbf",
        "nonce",
        "origin_jti",
        "sub",
        "token_use",
        "username",
        "version",
    ]
)

_shared: ContextVar[dict[str, Any] | None] = ContextVar("cognito_tokens", default=None)


def install() -> None:
    """Replace how MiniStack asks the trigger and applies what it answers."""
    cognito._apply_pretoken_trigger = _apply
    exchange: Callable[..., Response] = cognito._oauth2_token

    def exchange_with_errors(*arguments: Any, **named: Any) -> Response:
        try:
            with one_invocation():
                return exchange(*arguments, **named)
        except CognitoError as error:
            refused: Response = cognito._oauth2_error("invalid_request", error.message)
            return refused

    cognito._oauth2_token = exchange_with_errors


@contextlib.contextmanager
def one_invocation() -> Iterator[None]:
    """Tokens issued within come from one answer of the trigger."""
    token = _shared.set({})
    try:
        yield
    finally:
        _shared.reset(token)


def _apply(  # noqa: PLR0917 - MiniStack's signature
    pool_id: str,
    claims: dict[str, Any],
    token_type: str,
    trigger_source: str,
    client_id: str,
    username: str,
    user_attrs: Mapping[str, Any],
    groups: list[str],
    client_metadata: Mapping[str, str] | None = None,
    scope: str = "aws.cognito.signin.user.admin",
) -> dict[str, Any]:
    """The claims of one token after the trigger; stands for `_apply_pretoken_trigger`."""
    pool = cognito._user_pools.get(pool_id)
    arn, version = _configured(pool or {})
    first = version == "V1_0"
    machine = trigger_source == "TokenGeneration_ClientCredentials"
    if arn is None or (machine and version != "V3_0"):
        return claims
    call = current()
    if call.action == "GetTokensFromRefreshToken":
        client_metadata = call.client_metadata
    user = pool["_users"].get(username) if pool else None
    status = {"cognito:user_status": user["UserStatus"]} if user else {}
    event = cognito._build_pretoken_event(
        pool_id=pool_id,
        client_id=client_id,
        username=username,
        user_attrs={**user_attrs, **status},
        groups=groups,
        trigger_source=trigger_source,
        version=version,
        client_metadata=client_metadata,
        scope=scope,
    )
    shared = _shared.get()
    response = (shared or {}).get(trigger_source)
    if response is None:
        response = triggers.invoke(pool or {}, "PreTokenGeneration", arn, event)
        if shared is not None:
            shared[trigger_source] = response
    if first:
        details = response.get("claimsOverrideDetails") or {}
        section = details if token_type == "id" else {}
    else:
        details = response.get("claimsAndScopeOverrideDetails") or {}
        named = "accessTokenGeneration" if token_type == "access" else "idTokenGeneration"
        section = details.get(named) or {}
    _override_claims(claims, section)
    if token_type == "access":
        _override_scopes(claims, section)
    if "groupOverrideDetails" in details:
        _override_groups(claims, token_type, details["groupOverrideDetails"] or {})
    return claims


def _configured(pool: Pool) -> tuple[str | None, str]:
    lambdas = pool.get("LambdaConfig") or {}
    versioned = lambdas.get("PreTokenGenerationConfig") or {}
    if versioned.get("LambdaArn"):
        return versioned["LambdaArn"], versioned.get("LambdaVersion") or "V1_0"
    return lambdas.get("PreTokenGeneration"), "V1_0"


def _override_claims(claims: dict[str, Any], section: Mapping[str, Any]) -> None:
    for name, value in (section.get("claimsToAddOrOverride") or {}).items():
        if name not in PROTECTED:
            claims[name] = value
    for name in section.get("claimsToSuppress") or []:
        if name not in PROTECTED:
            claims.pop(name, None)


def _override_scopes(claims: dict[str, Any], section: Mapping[str, Any]) -> None:
    suppressed = section.get("scopesToSuppress") or []
    scopes = [name for name in claims.get("scope", "").split() if name not in suppressed]
    scopes += [name for name in section.get("scopesToAdd") or [] if name not in scopes]
    claims["scope"] = " ".join(scopes)


def _override_groups(claims: dict[str, Any], token_type: str, groups: Mapping[str, Any]) -> None:
    """Replace the groups as a whole: what is not given is suppressed."""
    replaced = {"cognito:groups": groups.get("groupsToOverride")}
    if token_type == "id":
        replaced["cognito:roles"] = groups.get("iamRolesToOverride")
        replaced["cognito:preferred_role"] = groups.get("preferredRole")
    for name, value in replaced.items():
        claims.pop(name, None)
        if value:
            claims[name] = value
