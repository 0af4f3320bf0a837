"""Adapter: seals in a bucket whose objects cannot be changed or deleted (Object Lock)."""

from datetime import date
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tenantry.audit.seals import Seal, folder
from tenantry.errors import CorruptDataError, UnavailableError
from tenantry.runtime.services import reached

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_NONE = frozenset({"KeyTooLongError", "NoSuchKey"})
_STORE = "The store of seals"


class S3SealStore:
    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, seal: Seal) -> Seal:
        """One conditional write: what stands there stays, ours after a lost answer included."""
        try:
            with reached(_STORE):
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=seal.place,
                    Body=seal.written,
                    ContentType="application/json",
                    IfNoneMatch="*",
                )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ConditionalRequestConflict":
                raise UnavailableError("Another sealer writes this seal.") from error
            if code != "PreconditionFailed":
                raise
            standing = self.get(seal.statement.tenant_id, seal.place)
            if standing is None:
                raise UnavailableError("The seal was there and is gone.") from error
            return standing
        return seal

    def get(self, tenant_id: str, place: str) -> Seal | None:
        if not place.startswith(folder(tenant_id)):
            raise CorruptDataError("the place of a seal is another tenant's")
        try:
            with reached(_STORE):
                written = self._client.get_object(Bucket=self._bucket, Key=place)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NONE:
                raise
            return None
        return Seal.read(written)

    def places(self, tenant_id: str, day: date, through: date) -> list[str]:
        own = folder(tenant_id)
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=own, StartAfter=f"{own}{day.isoformat()}"
        )
        found: list[str] = []
        with reached(_STORE):
            for page in pages:
                for each in page.get("Contents", []):
                    if each["Key"] > f"{own}{through.isoformat()}/~":
                        return found
                    found.append(each["Key"])
        return found
