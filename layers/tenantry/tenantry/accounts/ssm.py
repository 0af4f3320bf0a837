"""Adapters in the parameter store: the tree of an account, for other systems and never read by
requests, and the external ids of organisations' own AWS accounts.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from tenantry.accounts.model import Account, Names
from tenantry.runtime.services import reached

if TYPE_CHECKING:
    from types_boto3_ssm.client import SSMClient

WRITTEN: Final = ("cloud-type", "provisioning-status", "provisioning-error", "dynamodb/table-name")
"""What this adapter writes; the stack of a private account writes its table and buckets itself."""
_OF_STACKS: Final = frozenset({"dynamodb/table-name"})
_OWN_BUCKETS: Final = ("s3/raw-bucket", "s3/processed-bucket")
_OF_OWN: Final = ("aws/account-id", "aws/role-arn")
"""Of an AWS account of its own, whose stack cannot write here."""
_WHAT: Final = "The parameter store"


class SsmParameterTree:
    def __init__(self, client: "SSMClient", prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def write(self, account: Account, values: Mapping[str, str]) -> None:
        tree = Names(self._prefix, account.account_id).tree
        for name, value in values.items():
            with reached(_WHAT):
                self._client.put_parameter(
                    Name=f"{tree}/{name}", Value=value, Type="String", Overwrite=True
                )

    def remove(self, account: Account) -> None:
        tree = Names(self._prefix, account.account_id).tree
        own = [n for n in WRITTEN if account.cloud_type != "private" or n not in _OF_STACKS]
        if account.cloud_type != "private":
            own += _OWN_BUCKETS
        if account.cloud_type == "dedicated":
            own += _OF_OWN
        for name in own:
            _delete(self._client, f"{tree}/{name}")


class SsmExternalIds:
    """Each encrypted with `key`, in a parameter of its account; `new` makes one."""

    def __init__(self, client: "SSMClient", prefix: str, key: str, new: Callable[[], str]) -> None:
        self._client: Any = client
        self._prefix = prefix
        self._key = key
        self._new = new

    def made(self, account: Account) -> str:
        name = Names(self._prefix, account.account_id).external_id
        with reached(_WHAT):
            try:
                self._client.put_parameter(
                    Name=name,
                    Value=self._new(),
                    Type="SecureString",
                    KeyId=self._key,
                    Overwrite=False,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ParameterAlreadyExists":
                    raise
            found = self._client.get_parameter(Name=name, WithDecryption=True)
        return str(found["Parameter"]["Value"])

    def remove(self, account: Account) -> None:
        _delete(self._client, Names(self._prefix, account.account_id).external_id)


def _delete(client: "SSMClient", name: str) -> None:
    with reached(_WHAT):
        try:
            client.delete_parameter(Name=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ParameterNotFound":
                raise
