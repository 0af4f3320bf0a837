"""Adapter: the stacks of accounts, each under a name that follows from the account."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from tenantry.accounts.model import Account, Names, StackEvent
from tenantry.accounts.repository import Stack
from tenantry.errors import StackFailedError, UnavailableError
from tenantry.runtime.services import reached

if TYPE_CHECKING:
    from types_boto3_cloudformation.client import CloudFormationClient
    from types_boto3_dynamodb.client import DynamoDBClient
    from types_boto3_s3.client import S3Client

_LATER: Final = frozenset(
    {"LimitExceededException", "ResourceInUseException", "TooManyRequestsException"}
)
"""Not now: too many tables or stacks are being changed, or this one is."""
_GONE: Final = frozenset({"NoSuchBucket", "ResourceNotFoundException", "404"})
_EVENTS: Final = 200


class CloudFormationStacks:
    """`template` gives the text of the template, `parameters` what it takes of an account.

    Made with the provisioner's service role, which may make only resources of its names; without
    one, in an AWS account of the organisation's own, as whoever calls.
    """

    def __init__(
        self,
        client: "CloudFormationClient",
        prefix: str,
        *,
        role_arn: str = "",
        template: Callable[[Account], str] = lambda _account: "",
        parameters: Callable[[Account], Mapping[str, str]] = lambda _account: {},
        dynamodb: "DynamoDBClient | None" = None,
        s3: "S3Client | None" = None,
    ) -> None:
        self._client: Any = client
        self._prefix = prefix
        self._role_arn = role_arn
        self._template = template
        self._parameters = parameters
        self._dynamodb: Any = dynamodb
        self._s3: Any = s3

    def create(self, account: Account, token: str) -> None:
        """What fails is left as it is, to be looked at and removed by us: rolling back would stop
        at a table that is protected."""
        name = self._names(account).stack
        try:
            _called(
                self._client.create_stack,
                StackName=name,
                TemplateBody=self._template(account),
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": value}
                    for key, value in self._parameters(account).items()
                ],
                ClientRequestToken=token,
                **self._as_role,
                Capabilities=[] if self._role_arn else ["CAPABILITY_NAMED_IAM"],
                OnFailure="DO_NOTHING",
                Tags=[
                    {"Key": "tenant-id", "Value": account.tenant_id},
                    {"Key": "account-id", "Value": account.account_id},
                ],
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "AlreadyExistsException":
                raise

    def find(self, account: Account) -> Stack | None:
        name = self._names(account).stack
        try:
            answer = _called(self._client.describe_stacks, StackName=name)
        except ClientError as error:
            # CloudFormation has no code of its own for a stack that is not there.
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        (found,) = answer["Stacks"]
        stack = Stack(found["StackStatus"], found.get("StackStatusReason"))
        return None if stack.status == "DELETE_COMPLETE" else stack

    def events(self, account: Account) -> list[StackEvent]:
        return list(reversed(list(self._events(self._names(account).stack))))

    def remove(self, account: Account) -> bool:
        """Delete what was made: nobody else has ever written there.

        The table's protection is lifted and the buckets are emptied first, or they would stay.
        """
        found = self.find(account)
        if found is None:
            return True
        if found.is_going:
            return False
        names = self._names(account)
        for bucket in names.buckets:
            self._empty(bucket)
        if not account.has_own_buckets:
            self._unprotect(names.table)
        _called(self._client.delete_stack, StackName=names.stack, **self._as_role)
        return self.find(account) is None

    def _events(self, name: str) -> Iterator[StackEvent]:
        try:
            answer = _called(self._client.describe_stack_events, StackName=name)
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return
            raise
        for event in answer["StackEvents"][:_EVENTS]:
            yield StackEvent(
                event_id=event["EventId"][-64:].replace("/", "-").replace(":", "-"),
                at=event["Timestamp"],
                resource=event["LogicalResourceId"],
                type=event["ResourceType"],
                status=event["ResourceStatus"],
                reason=(event.get("ResourceStatusReason") or "")[:500] or None,
            )

    def _unprotect(self, table: str) -> None:
        try:
            found = _called(self._dynamodb.describe_table, TableName=table)["Table"]
            if found.get("DeletionProtectionEnabled"):
                _called(
                    self._dynamodb.update_table, TableName=table, DeletionProtectionEnabled=False
                )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise

    def _empty(self, bucket: str) -> None:
        try:
            while True:
                page = _called(self._s3.list_object_versions, Bucket=bucket, MaxKeys=500)
                found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                if not found:
                    return
                objects = [{"Key": f["Key"], "VersionId": f["VersionId"]} for f in found]
                answer = _called(
                    self._s3.delete_objects,
                    Bucket=bucket,
                    Delete={"Objects": objects, "Quiet": True},
                )
                if refused := answer.get("Errors"):
                    # Told in an answer of success; listing anew would find them until time is over.
                    code = refused[0].get("Code")
                    raise StackFailedError(f"An object of its buckets cannot be deleted: {code}.")
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise

    @property
    def _as_role(self) -> dict[str, str]:
        return {"RoleARN": self._role_arn} if self._role_arn else {}

    def _names(self, account: Account) -> Names:
        return Names.of(self._prefix, account)


def _called(call: Callable[..., Any], **request: Any) -> Any:
    """`call`; UnavailableError when it is busy or out of reach, StackFailedError when refused."""
    try:
        with reached("CloudFormation"):
            return call(**request)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _LATER:
            raise UnavailableError("CloudFormation is busy; try again.") from error
        if code == "ValidationError" and "does not exist" not in str(error):
            raise StackFailedError("CloudFormation refuses the stack.") from error
        raise
