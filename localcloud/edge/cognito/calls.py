"""The API call being served: which one, with what, and what surrounds its handler."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ministack.core.concurrency import run_reentrant
from ministack.services import cognito

type Pool = dict[str, Any]
type User = dict[str, Any]
type Data = dict[str, Any]
type Response = tuple[int, dict[str, str], bytes]
type Handler = Callable[[Data], Response]
type Around = Callable[[Handler, Data], Response]

# What AWS sends as the app client of a call that an administrator made without one.
NO_CLIENT = "CLIENT_ID_NOT_APPLICABLE"


class CognitoError(Exception):
    """An error that the caller of the API sees: HTTP 400 with `code` and `message`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the user pools API."""

    action: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def client_metadata(self) -> dict[str, str] | None:
        """The request's ClientMetadata, None when it sent none."""
        return dict(self.data.get("ClientMetadata") or {}) or None


_current: ContextVar[Call | None] = ContextVar("cognito_call", default=None)
_around: dict[str, Around] = {}
_added: dict[str, Handler] = {}


def current() -> Call:
    """The call this thread serves; an empty one outside of the API (the hosted pages)."""
    return _current.get() or Call("")


def around(action: str, wrapper: Around) -> None:
    """Let `wrapper` serve the action; MiniStack has checked secrets, codes and tokens before."""
    _around[action] = wrapper


def add(action: str, handler: Handler) -> None:
    """Serve an action that MiniStack does not know."""
    _added[action] = handler


def install() -> None:
    """Put the wrappers and the added actions in MiniStack's way."""
    serve: Callable[[Handler, str, Data], Response] = cognito._run_idp_handler
    dispatch = cognito._dispatch_idp

    def serve_with_triggers(handler: Handler, action: str, data: Data) -> Response:
        wrapper = _around.get(action)
        token = _current.set(Call(action, data))
        try:
            return serve((lambda d: wrapper(handler, d)) if wrapper else handler, action, data)
        except CognitoError as error:
            return refusal(error)
        finally:
            _current.reset(token)

    async def dispatch_with_added(action: str, data: Data) -> Response:
        handler = _added.get(action)
        if handler is None:
            answer: Response = await dispatch(action, data)
            return answer
        served: Response = await run_reentrant(
            cognito._run_idp_handler, handler, action, data, thread_name="cognito-trigger"
        )
        return served

    cognito._run_idp_handler = serve_with_triggers
    cognito._dispatch_idp = dispatch_with_added
    cognito._UNSIGNED_IDP_ACTIONS |= set(_added)


def refusal(error: CognitoError) -> Response:
    """The error as the API answers it."""
    answer: Response = cognito.error_response_json(error.code, error.message, 400)
    return answer


def answer(body: Mapping[str, Any]) -> Response:
    """A successful response."""
    response: Response = cognito.json_response(dict(body))
    return response


def succeeded(response: Response) -> bool:
    """Whether the handler did what it was asked for."""
    return response[0] == 200  # noqa: PLR2004 - HTTP


def body_of(response: Response) -> dict[str, Any]:
    """The response's JSON."""
    body: dict[str, Any] = json.loads(response[2])
    return body


def pool_of(data: Mapping[str, Any]) -> Pool | None:
    """The pool a request names, or the one its app client belongs to."""
    pool: Pool | None
    if data.get("UserPoolId"):
        pool = cognito._user_pools.get(data["UserPoolId"])
    else:
        pool = cognito._pool_for_client(data.get("ClientId"))[0]
    return pool


def find(pool: Pool, username: str | None) -> User | None:
    """The user of that name, sub or alias."""
    user: User | None = cognito._resolve_user(pool, username)[0]
    return user


def attributes_of(user: User) -> dict[str, str]:
    """The stored attributes by name."""
    attributes: dict[str, str] = cognito._attr_list_to_dict(user.get("Attributes", []))
    return attributes


def set_attributes(user: User, changes: Mapping[str, str]) -> None:
    """Add or replace attributes."""
    user["Attributes"] = cognito._dict_to_attr_list(attributes_of(user) | dict(changes))
    user["UserLastModifiedDate"] = cognito._now_epoch()


def hides_existence(pool: Pool, client_id: str) -> bool:
    """Whether the app client has PreventUserExistenceErrors ENABLED."""
    return bool(cognito._hides_user_existence(pool, client_id))
