"""Adapter: the administrator's side of the Cognito user pool."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tenantry.identity.model import FederatedIdentity, PoolUser
from tenantry.tenancy.roles import OPERATOR_GROUP

if TYPE_CHECKING:
    from types_boto3_cognito_idp.client import CognitoIdentityProviderClient

_UNKNOWN = "UserNotFoundException"
_REFUSED = "InvalidParameterException"


class CognitoUserDirectory:
    """`connect` makes the client on first use: most sign-ups never need it."""

    def __init__(self, connect: "Callable[[], CognitoIdentityProviderClient]") -> None:
        self._connect = connect

    def find(self, pool_id: str, email: str) -> PoolUser | None:
        """By the address as a user name, which only the pool's own users have."""
        try:
            user = self._connect().admin_get_user(UserPoolId=pool_id, Username=email)
        except ClientError as error:
            if _code(error) == _UNKNOWN:
                return None
            raise
        attributes = {each["Name"]: each.get("Value") for each in user["UserAttributes"]}
        return PoolUser(
            user_name=user["Username"],
            status=user["UserStatus"],
            enabled=user["Enabled"],
            email_verified=attributes.get("email_verified") == "true",
        )

    def link(self, pool_id: str, identity: FederatedIdentity, user_name: str) -> None:
        """Cognito refuses a link that exists: then the user shows it, and all is well.

        https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminLinkProviderForUser.html
        """
        try:
            self._connect().admin_link_provider_for_user(
                UserPoolId=pool_id,
                DestinationUser={
                    "ProviderName": "Cognito",
                    "ProviderAttributeValue": user_name,
                },
                SourceUser={
                    "ProviderName": identity.provider,
                    "ProviderAttributeName": "Cognito_Subject",
                    "ProviderAttributeValue": identity.subject,
                },
            )
        except ClientError as error:
            if _code(error) != _REFUSED or not self._linked(pool_id, identity, user_name):
                raise

    def sign_out(self, pool_id: str, user_name: str) -> None:
        try:
            self._connect().admin_user_global_sign_out(UserPoolId=pool_id, Username=user_name)
        except ClientError as error:
            if _code(error) != _UNKNOWN:
                raise

    def is_operator(self, pool_id: str, user_name: str) -> bool:
        more: Any = {}
        while True:
            try:
                page: Any = self._connect().admin_list_groups_for_user(
                    UserPoolId=pool_id, Username=user_name, **more
                )
            except ClientError as error:
                if _code(error) == _UNKNOWN:
                    return False
                raise
            if any(each["GroupName"] == OPERATOR_GROUP for each in page["Groups"]):
                return True
            if not page.get("NextToken"):
                return False
            more = {"NextToken": page["NextToken"]}

    def operator_ids(self, pool_id: str) -> list[str]:
        more: Any = {}
        found: list[str] = []
        while True:
            page: Any = self._connect().list_users_in_group(
                UserPoolId=pool_id, GroupName=OPERATOR_GROUP, **more
            )
            for user in page["Users"]:
                its = {each["Name"]: each.get("Value") for each in user["Attributes"]}
                found.append(its.get("sub") or user["Username"])
            if not page.get("NextToken"):
                return found
            more = {"NextToken": page["NextToken"]}

    def delete(self, pool_id: str, user_name: str) -> None:
        try:
            self._connect().admin_delete_user(UserPoolId=pool_id, Username=user_name)
        except ClientError as error:
            if _code(error) != _UNKNOWN:
                raise

    def _linked(self, pool_id: str, identity: FederatedIdentity, user_name: str) -> bool:
        import json

        user: Any = self._connect().admin_get_user(UserPoolId=pool_id, Username=user_name)
        attributes = {each["Name"]: each.get("Value") for each in user["UserAttributes"]}
        known = json.loads(attributes.get("identities") or "[]")
        return any(
            each.get("providerName") == identity.provider and each.get("userId") == identity.subject
            for each in known
        )


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
