"""Adapter: what outlives accounts, in a bucket with a lock and a retention of its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tenantry.errors import UnavailableError

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_BUSY: Final = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "Throttling"})


class S3Archive:
    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client: Any = client
        self._bucket = bucket

    def keep(self, name: str, body: bytes) -> None:
        """Again, it is another version of the same."""
        _called(self._client.put_object, Bucket=self._bucket, Key=name, Body=body)

    def certify(self, name: str, body: bytes) -> bytes:
        try:
            _called(
                self._client.put_object,
                Bucket=self._bucket,
                Key=name,
                Body=body,
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ConditionalRequestConflict":
                raise UnavailableError("Another one writes this certificate.") from error
            if code != "PreconditionFailed":
                raise
            found = _called(self._client.get_object, Bucket=self._bucket, Key=name)
            standing: bytes = found["Body"].read()
            return standing
        return body


def _called(call: Callable[..., Any], **request: Any) -> Any:
    try:
        return call(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] in _BUSY:
            raise UnavailableError("The archive is busy; try again.") from error
        raise
    except BotoCoreError as error:
        raise UnavailableError("The archive does not answer; try again.") from error
