"""Adapter: clients of the user pool with which programs sign in, found by their names alone.

A pool has room for 1,000 clients, where AWS is not asked for more, and lists them by sixties.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from tenantry.accounts.model import SCOPES, Account, Names
from tenantry.accounts.repository import Client
from tenantry.errors import LimitExceededError, NotFoundError, UnavailableError
from tenantry.runtime.services import reached
from tenantry.tenancy.roles import RESOURCE_SERVER

if TYPE_CHECKING:
    from types_boto3_cognito_idp.client import CognitoIdentityProviderClient

_WHAT: Final = "The user pool"
_PAGE: Final = 60
_BUSY: Final = frozenset(
    {"ConcurrentModificationException", "InternalErrorException", "TooManyRequestsException"}
)
_TOKEN_LASTS: Final = 60
"""Minutes. What a token opens is decided at each request, so its end is no safeguard; each token
has its price."""


class CognitoMachineClients:
    def __init__(self, client: "CognitoIdentityProviderClient", pool_id: str, prefix: str) -> None:
        self._client: Any = client
        self._pool_id = pool_id
        self._prefix = prefix

    def of(self, account: Account) -> list[Client]:
        begins = Names(self._prefix, account.account_id).technical_user()
        found: list[Client] = []
        after = None
        while True:
            page, after = self._page(after)
            for each in page:
                number = each["ClientName"].removeprefix(begins)
                if number != each["ClientName"] and number.isdecimal():
                    found.append(Client(each["ClientId"], int(number)))
            if after is None:
                return sorted(found, key=lambda its: (its.number, its.client_id))

    def page(self, after: str | None) -> tuple[dict[str, str], str | None]:
        page, more = self._page(after)
        found: dict[str, str] = {}
        for each in page:
            if account_id := Names.account_of_client(self._prefix, each["ClientName"]):
                found[each["ClientId"]] = account_id
        return found, more

    def made_at(self, client_id: str) -> datetime | None:
        """A list of clients does not tell when they were made."""
        found = self._described(client_id)
        return found["CreationDate"] if found else None

    def make(self, account: Account, number: int) -> str:
        """Without a sign-in for people: what Cognito gives where none is named would allow some."""
        try:
            made = self._call(
                self._client.create_user_pool_client,
                ClientName=Names(self._prefix, account.account_id).technical_user(number),
                GenerateSecret=True,
                AllowedOAuthFlowsUserPoolClient=True,
                AllowedOAuthFlows=["client_credentials"],
                AllowedOAuthScopes=[f"{RESOURCE_SERVER}/{scope}" for scope in SCOPES],
                ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"],
                PreventUserExistenceErrors="ENABLED",
                EnableTokenRevocation=True,
                AccessTokenValidity=_TOKEN_LASTS,
                TokenValidityUnits={"AccessToken": "minutes"},
                ReadAttributes=["email_verified"],
                WriteAttributes=["locale"],
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "LimitExceededException":
                raise
            raise LimitExceededError("The user pool has no room for another client.") from error
        return str(made["UserPoolClient"]["ClientId"])

    def secret(self, client_id: str) -> str:
        found = self._described(client_id)
        if found is None:
            raise NotFoundError("These credentials are gone; ask for new ones.")
        return str(found["ClientSecret"])

    def remove(self, client_id: str) -> None:
        try:
            self._call(self._client.delete_user_pool_client, ClientId=client_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise

    def _page(self, after: str | None) -> tuple[list[dict[str, str]], str | None]:
        more = {"NextToken": after} if after else {}
        page = self._call(self._client.list_user_pool_clients, MaxResults=_PAGE, **more)
        return page["UserPoolClients"], page.get("NextToken")

    def _described(self, client_id: str) -> dict[str, Any] | None:
        try:
            found = self._call(self._client.describe_user_pool_client, ClientId=client_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None
        return dict(found["UserPoolClient"])

    def _call(self, operation: Callable[..., Any], **request: Any) -> Any:
        with reached(_WHAT):
            try:
                return operation(UserPoolId=self._pool_id, **request)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _BUSY:
                    raise
                raise UnavailableError(f"{_WHAT} is busy right now; try again.") from error
