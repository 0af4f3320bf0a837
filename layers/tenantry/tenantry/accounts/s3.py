"""Adapter: what outlives accounts, in a bucket with a lock and a retention of its own."""

from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from tenantry.errors import UnavailableError
from tenantry.runtime.services import reached

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_ARCHIVE: Final = "The archive"


class S3Archive:
    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def keep(self, name: str, body: bytes) -> None:
        """Again, it is another version of the same."""
        with reached(_ARCHIVE):
            self._client.put_object(Bucket=self._bucket, Key=name, Body=body)

    def certify(self, name: str, body: bytes) -> bytes:
        try:
            with reached(_ARCHIVE):
                self._client.put_object(
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
            with reached(_ARCHIVE):
                return self._client.get_object(Bucket=self._bucket, Key=name)["Body"].read()
        return body
