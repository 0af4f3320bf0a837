"""A client of the deployed product's public doors: sign-in by SRP, GraphQL, REST.

It knows only the stack's outputs and needs no AWS credentials.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import boto3
import requests
from botocore import UNSIGNED
from botocore.config import Config
from pycognito.aws_srp import AWSSRP
from pycognito.exceptions import SoftwareTokenMFAChallengeException

TIMEOUT = 30
ORGANIZATION_HEADER = "x-organization-id"


class GraphqlError(Exception):
    """What a GraphQL answer's first error says; `code` is its errorType."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error.get("message"))
        self.code = error.get("errorType")
        self.info = error.get("errorInfo")


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
class Api:
    """The deployed product behind its `outputs`: `Region`, `GraphqlUrl`, ... (README)."""

    outputs: Mapping[str, str]
    http: requests.Session = field(default_factory=requests.Session)

    # signing in

    @property
    def cognito(self) -> Any:
        """Cognito as an app calls it: without AWS credentials."""
        return boto3.client(
            "cognito-idp",
            region_name=self.outputs["Region"],
            endpoint_url=self.outputs.get("Endpoint"),
            config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
        )

    def sign_in(self, email: str, password: str, code: Callable[[], str] | None = None) -> Tokens:
        """Sign in by SRP: the password never leaves this process.

        `code` is asked for the code of an authenticator app, when the person has one; without it
        the challenge is raised.
        """
        srp = AWSSRP(
            username=email,
            password=password,
            pool_id=self.outputs["UserPoolId"],
            client_id=self.outputs["UserPoolClientId"],
            client=self.cognito,
        )
        try:
            return Tokens.of(srp.authenticate_user())
        except SoftwareTokenMFAChallengeException as challenge:
            if code is None:
                raise
            asked = challenge.get_tokens()
            answer = self.cognito.respond_to_auth_challenge(
                ClientId=self.outputs["UserPoolClientId"],
                ChallengeName="SOFTWARE_TOKEN_MFA",
                Session=asked["Session"],
                ChallengeResponses={
                    "USERNAME": asked["ChallengeParameters"].get("USER_ID_FOR_SRP", email),
                    "SOFTWARE_TOKEN_MFA_CODE": code(),
                },
            )
            return Tokens.of(answer)

    def refresh(self, tokens: Tokens) -> Tokens:
        """A new session of the refresh token, which stays."""
        answer = self.cognito.initiate_auth(
            ClientId=self.outputs["UserPoolClientId"],
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": tokens.refresh},
        )
        return Tokens.of(answer)

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
