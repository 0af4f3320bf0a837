"""Adapter: the tree of an account's parameters, for other systems; never read by requests."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tenantry.accounts.model import Account, Names
from tenantry.errors import UnavailableError

if TYPE_CHECKING:
    from types_boto3_ssm.client import SSMClient

WRITTEN: Final = ("cloud-type", "provisioning-status", "provisioning-error", "dynamodb/table-name")
"""What this adapter writes; the stack of a private account writes its table and buckets itself."""
_OF_STACKS: Final = frozenset({"dynamodb/table-name"})
_OF_OWN: Final = ("s3/raw-bucket", "s3/processed-bucket", "aws/account-id", "aws/role-arn")
"""Of an AWS account of its own, whose stack cannot write here."""
_BUSY: Final = frozenset({"ThrottlingException", "TooManyUpdates", "InternalServerError"})


class SsmParameterTree:
    def __init__(self, client: "SSMClient", prefix: str) -> None:
        self._client: Any = client
        self._prefix = prefix

    def write(self, account: Account, values: Mapping[str, str]) -> None:
        tree = Names(self._prefix, account.account_id).tree
        for name, value in values.items():
            _called(
                self._client.put_parameter,
                Name=f"{tree}/{name}",
                Value=value,
                Type="String",
                Overwrite=True,
            )

    def remove(self, account: Account) -> None:
        tree = Names(self._prefix, account.account_id).tree
        own = [n for n in WRITTEN if account.cloud_type != "private" or n not in _OF_STACKS]
        if account.cloud_type == "dedicated":
            own += _OF_OWN
        for name in own:
            try:
                _called(self._client.delete_parameter, Name=f"{tree}/{name}")
            except ClientError as error:
                if error.response["Error"]["Code"] != "ParameterNotFound":
                    raise


def _called(call: Callable[..., Any], **request: Any) -> Any:
    try:
        return call(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] in _BUSY:
            raise UnavailableError("The parameter store is busy; try again.") from error
        raise
    except BotoCoreError as error:
        raise UnavailableError("The parameter store does not answer; try again.") from error
