"""A client of the deployed product, as a front end has one: SRP, GraphQL, REST, the mailbox.

It knows only the stack's outputs and speaks to public doors with unmodified libraries; the demo
and the end-to-end tests share it.
"""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import boto3
import requests
from botocore import UNSIGNED
from botocore.config import Config
from pycognito.aws_srp import AWSSRP

TIMEOUT = 30
ORGANIZATION_HEADER = "x-organization-id"


class GraphqlError(Exception):
    """What a GraphQL answer's first error says; `code` is its errorType."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error.get("message"))
        self.code = error.get("errorType")
        self.info = error.get("errorInfo")


class NotInTimeError(Exception):
    """What was waited for did not come true before the deadline."""


def until[T](what: str, look: Callable[[], T | None], seconds: float = 30) -> T:
    """The first truthy answer of `look`, asked every 100 ms; NotInTimeError names `what`."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := look():
            return answer
        if time.monotonic() > deadline:
            raise NotInTimeError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


@dataclass(frozen=True)
class Tokens:
    """A signed-in session."""

    access: str
    id: str
    refresh: str

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        result = answer["AuthenticationResult"]
        return cls(result["AccessToken"], result["IdToken"], result.get("RefreshToken", ""))

    @property
    def claims(self) -> dict[str, Any]:
        """The access token's claims, unverified: to look at, not to trust."""
        return claims_of(self.access)


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return decoded


@dataclass(frozen=True)
class Product:
    """The deployed product behind its `outputs` (see `.localcloud/outputs.json`)."""

    outputs: Mapping[str, str]
    http: requests.Session = field(default_factory=requests.Session)

    # identity

    @property
    def cognito(self) -> Any:
        """Cognito as an app calls it: without AWS credentials."""
        return boto3.client(
            "cognito-idp",
            region_name=self.outputs["Region"],
            endpoint_url=self.outputs.get("Endpoint"),
            config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
        )

    def sign_up(self, email: str, password: str, **wishes: str) -> str:
        """Sign up with `wishes` as client metadata; answers the user's id."""
        answer = self.cognito.sign_up(
            ClientId=self.outputs["UserPoolClientId"],
            Username=email,
            Password=password,
            UserAttributes=[{"Name": "email", "Value": email}],
            ClientMetadata=wishes,
        )
        return str(answer["UserSub"])

    def confirm(self, email: str, code: str) -> None:
        self.cognito.confirm_sign_up(
            ClientId=self.outputs["UserPoolClientId"], Username=email, ConfirmationCode=code
        )

    def sign_in(self, email: str, password: str) -> Tokens:
        """Sign in by SRP: the password never leaves this process."""
        srp = AWSSRP(
            username=email,
            password=password,
            pool_id=self.outputs["UserPoolId"],
            client_id=self.outputs["UserPoolClientId"],
            client=self.cognito,
        )
        return Tokens.of(srp.authenticate_user())

    def sign_in_with_password(self, email: str, password: str) -> Tokens:
        """Sign in through the migration client, which brings users of an older system over."""
        return Tokens.of(
            self.cognito.initiate_auth(
                ClientId=self.outputs["MigrationClientId"],
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": email, "PASSWORD": password},
            )
        )

    def refresh(self, tokens: Tokens) -> Tokens:
        answer = self.cognito.initiate_auth(
            ClientId=self.outputs["UserPoolClientId"],
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": tokens.refresh},
        )
        return Tokens.of(answer)

    def join(self, email: str, password: str, **wishes: str) -> Tokens:
        """Sign up, read the code from the mailbox, confirm, and sign in."""
        self.sign_up(email, password, **wishes)
        self.confirm(email, self.code_mailed_to(email))
        return self.sign_in(email, password)

    # APIs

    def graphql(
        self,
        query: str,
        tokens: Tokens | None = None,
        organization: str | None = None,
        **variables: Any,
    ) -> dict[str, Any]:
        """The `data` of a GraphQL answer; GraphqlError for its first error."""
        headers = {"authorization": tokens.access} if tokens else {}
        if organization:
            headers[ORGANIZATION_HEADER] = organization
        answer = self.http.post(
            self.outputs["GraphqlUrl"],
            json={"query": query, "variables": variables},
            headers=headers,
            timeout=TIMEOUT,
        ).json()
        if answer.get("errors"):
            raise GraphqlError(answer["errors"][0])
        data: dict[str, Any] = answer["data"]
        return data

    def rest(
        self,
        method: str,
        path: str,
        tokens: Tokens | None = None,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        return self.http.request(
            method,
            self.outputs["RestUrl"].rstrip("/") + path,
            json=body,
            headers={**({"authorization": tokens.access} if tokens else {}), **(headers or {})},
            timeout=TIMEOUT,
        )

    # the mailbox of the local cloud

    def mails_to(self, email: str) -> list[dict[str, Any]]:
        """The mails sent to `email`, newest first."""
        answer = self.http.get(
            self.outputs["MailboxUrl"].rstrip("/") + ".json", params={"to": email}, timeout=TIMEOUT
        )
        mails: list[dict[str, Any]] = answer.json()
        return mails

    def code_mailed_to(self, email: str) -> str:
        """The newest code mailed to `email`."""

        def newest() -> str | None:
            return next((code for mail in self.mails_to(email) for code in mail["codes"]), None)

        return until(f"a code mailed to {email}", newest)
