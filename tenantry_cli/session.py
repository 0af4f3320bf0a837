"""A signed-in session with a deployment: tokens renewed when they end, refusals in clear words."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests
from botocore.exceptions import BotoCoreError, ClientError

from tenantry_cli.api import ORGANIZATION_HEADER, Api, GraphqlError, Tokens
from tenantry_cli.errors import BusyError, CliError, NotSignedInError, UnreachableError
from tenantry_cli.profiles import Profile

_MARGIN = 60
"""Seconds before a token's end at which it is renewed."""
_LATER = frozenset({429, *range(500, 600)})
_OPERATORS = "SuperAdmin"


@dataclass
class Session:
    """Calls of a profile's deployment; `organization` is acted on instead of the token's own."""

    profile: Profile
    organization: str | None = None
    now: Callable[[], float] = time.time
    api: Api = field(init=False)

    def __post_init__(self) -> None:
        self.api = Api(self.profile.outputs)

    def sign_in(self, email: str, password: str, code: Callable[[], str]) -> Tokens:
        """Sign in and keep the session; CliError in Cognito's words when it is refused."""
        try:
            tokens = self.api.sign_in(email, password, code)
        except ClientError as error:
            said = error.response["Error"]
            raise CliError(said["Message"], said["Code"]) from None
        except BotoCoreError as error:
            raise UnreachableError(f"The user pool does not answer: {error}") from None
        self.profile.keep(tokens)
        return tokens

    def tokens(self) -> Tokens:
        """The session, renewed when its token ends; NotSignedInError when there is none."""
        kept = self.profile.tokens()
        if kept is None:
            raise NotSignedInError("Nobody is signed in: run `tenantry login`.")
        if kept.claims.get("exp", 0) - _MARGIN > self.now():
            return kept
        try:
            new = self.api.refresh(kept)
        except ClientError as error:
            said = error.response["Error"]
            if said["Code"] != "NotAuthorizedException":
                # It holds still: the pool is busy, or will not say right now.
                raise BusyError(
                    f"The session is not renewed: {said['Message']}", said["Code"]
                ) from None
            self.profile.forget()
            raise NotSignedInError("The session has ended: run `tenantry login`.") from None
        except BotoCoreError as error:
            raise UnreachableError(f"The user pool does not answer: {error}") from None
        new = Tokens(new.access, new.id, new.refresh or kept.refresh)
        self.profile.keep(new)
        return new

    @property
    def is_operator(self) -> bool:
        return _OPERATORS in (self.tokens().claims.get("cognito:groups") or [])

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """The `data` of an answer; CliError with the product's code and words otherwise."""
        try:
            return self.api.graphql(query, self.tokens(), self.organization, **variables)
        except GraphqlError as error:
            raise CliError(_told(str(error), error.info), error.code) from None
        except (requests.RequestException, ValueError) as error:
            raise UnreachableError(f"The GraphQL API does not answer: {error}") from None

    def rest(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Any:
        """The JSON of an answer; CliError with the problem's code and words otherwise, BusyError
        where the same again may be answered later.

        What is None in `query` is left out.
        """
        asked = urlencode({name: value for name, value in (query or {}).items() if value})
        where = f"{path}?{asked}" if asked else path
        acted_on = {ORGANIZATION_HEADER: self.organization} if self.organization else {}
        try:
            answer = self.api.rest(
                method, where, self.tokens(), body=body, headers={**acted_on, **(headers or {})}
            )
            said = answer.json() if answer.content else None
        except (requests.RequestException, ValueError) as error:
            raise UnreachableError(f"The REST API does not answer: {error}") from None
        if answer.ok:
            return said
        problem = said if isinstance(said, dict) else {}
        words = problem.get("detail") or problem.get("message") or f"HTTP {answer.status_code}"
        refusal = BusyError if answer.status_code in _LATER else CliError
        raise refusal(_told(words, problem), problem.get("code"))


def _told(words: str, details: Any) -> str:
    """The words, and each fault of the input on a line of its own."""
    faults = details.get("faults", []) if isinstance(details, dict) else []
    lines = [f"  {fault.get('field')}: {fault.get('message')}" for fault in faults]
    return "\n".join([words, *lines])
