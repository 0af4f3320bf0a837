"""Adapter: what exports write, in a bucket, under the tenant's own credentials."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tenantry.audit.jobs import LINK_LASTS, Job
from tenantry.audit.repository import GoneError
from tenantry.runtime.services import reached

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_GONE = frozenset({"NoSuchUpload", "NoSuchKey", "InvalidPart", "404"})


class S3Results:
    """`client_of` answers a client under the tenant's own credentials.

    The bucket encrypts by itself, so nothing here names a key.
    """

    def __init__(self, client_of: Callable[[str], "S3Client"], bucket: str) -> None:
        self._client_of = client_of
        self._bucket = bucket

    def put(self, job: Job, name: str, content: bytes) -> None:
        with _told():
            self._client_of(job.tenant_id).put_object(
                Bucket=self._bucket, Key=name, Body=content, ContentType=job.format.content_type
            )

    def get(self, job: Job, name: str) -> bytes:
        with _told():
            found = self._client_of(job.tenant_id).get_object(Bucket=self._bucket, Key=name)
            return found["Body"].read()

    def begin(self, job: Job, name: str) -> str:
        with _told():
            begun = self._client_of(job.tenant_id).create_multipart_upload(
                Bucket=self._bucket, Key=name, ContentType=job.format.content_type
            )
            return begun["UploadId"]

    def upload(self, job: Job, name: str, upload_id: str, number: int, content: bytes) -> str:
        with _told():
            answer = self._client_of(job.tenant_id).upload_part(
                Bucket=self._bucket,
                Key=name,
                UploadId=upload_id,
                PartNumber=number,
                Body=content,
            )
            return answer["ETag"]

    def complete(self, job: Job) -> None:
        """An upload that is gone was put together before, when its object is there."""
        client, key = self._client_of(job.tenant_id), str(job.key)
        try:
            with _told():
                client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=key,
                    UploadId=str(job.upload_id),
                    MultipartUpload={
                        "Parts": [{"PartNumber": p.number, "ETag": p.etag} for p in job.parts]
                    },
                )
        except GoneError:
            with _told():
                client.head_object(Bucket=self._bucket, Key=key)

    def abandon(self, job: Job) -> None:
        try:
            with _told():
                self._client_of(job.tenant_id).abort_multipart_upload(
                    Bucket=self._bucket, Key=str(job.key), UploadId=str(job.upload_id)
                )
        except GoneError:
            return

    def link(self, job: Job, name: str) -> str:
        """Signed with the tenant's session: it opens nothing that the session does not."""
        return self._client_of(job.tenant_id).generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": name,
                "ResponseContentDisposition": f'attachment; filename="{job.file_name}"',
                "ResponseContentType": job.format.content_type,
            },
            ExpiresIn=int(LINK_LASTS.total_seconds()),
        )


@contextmanager
def _told() -> Iterator[None]:
    """Turns what S3 says into what it means here."""
    try:
        with reached("The place of results"):
            yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _GONE:
            raise GoneError(code) from error
        raise
