"""Adapter: a tenant's objects in S3.

Encryption is the bucket's own affair, so nothing here names a key.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from botocore.exceptions import ClientError

from tenantry.errors import NotFoundError, UnknownRouteError
from tenantry.runtime.services import reached
from tenantry.tenancy.router import Whereabouts
from tenantry.tenancy.sessions import LONGEST_LINK
from tenantry.tenancy.storage import (
    LONGEST_UPLOAD,
    TAG,
    ObjectPage,
    StoredObject,
    Upload,
    bucket_of,
    key_of,
    lasting,
    prefix_of,
    sized,
)
from tenantry.tenancy.stored import Area, Stored

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_GONE: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_REFUSED: Final = frozenset({"AccessDenied", "403"})
_SHUT: Final = _REFUSED | {"NoSuchBucket", "404"}
_COUNTED: Final = 1000
_MARKERS: Final = ("KeyMarker", "VersionIdMarker")


class S3TenantStorage:
    """`connect` answers a client under the tenant's own credentials for its place.

    That is a session of TenantDataRole here; for an account of the tenant's own it is a role over
    there with its ExternalId. It is asked anew with each call, since credentials end.
    """

    def __init__(self, connect: Callable[[Whereabouts], "S3Client"], place: Whereabouts) -> None:
        self._connect = connect
        self._place = place

    def save(self, area: Area, name: str, content: bytes, content_type: str) -> None:
        with _told():
            self._s3.put_object(
                **self._at(area, name),
                Body=content,
                ContentType=content_type,
                Tagging=self._tagging,
            )

    def read(self, area: Area, name: str) -> bytes:
        with self._read(area, name):
            found: bytes = self._s3.get_object(**self._at(area, name))["Body"].read()
            return found

    def find(self, area: Area, name: str) -> StoredObject | None:
        try:
            with self._read(area, name):
                found = self._s3.head_object(**self._at(area, name))
        except NotFoundError:
            return None
        return StoredObject(name, found["ContentLength"], found["LastModified"])

    def list(
        self, area: Area, prefix: str = "", *, limit: int = 100, after: str | None = None
    ) -> ObjectPage:
        request: dict[str, Any] = {
            "Bucket": bucket_of(self._place, area),
            "Prefix": prefix_of(self._place, prefix),
            "MaxKeys": limit,
        }
        if after:
            request["StartAfter"] = key_of(self._place, after)
        with _told():
            page = self._s3.list_objects_v2(**request)
        found = tuple(
            StoredObject(
                each["Key"].removeprefix(self._place.prefix), each["Size"], each["LastModified"]
            )
            for each in page.get("Contents", [])
        )
        return ObjectPage(found, found[-1].name if found and page["IsTruncated"] else None)

    def presign_get(self, area: Area, name: str, lasts: timedelta, download_as: str = "") -> str:
        shown = {"ResponseContentDisposition": _attachment(download_as)} if download_as else {}
        link: str = self._s3.generate_presigned_url(
            "get_object",
            Params={**self._at(area, name), **shown},
            ExpiresIn=lasting(lasts, LONGEST_LINK),
        )
        return link

    def presign_post(
        self, area: Area, name: str, content_type: str, most_bytes: int, lasts: timedelta
    ) -> Upload:
        tagging = (
            f"<Tagging><TagSet><Tag><Key>{TAG}</Key><Value>{self._place.tenant_id}</Value></Tag>"
            "</TagSet></Tagging>"
        )
        fields = {"Content-Type": content_type, "tagging": tagging}
        # The key, which boto3 adds as a condition, and these are all that the form may say.
        conditions = [
            {"Content-Type": content_type},
            {"tagging": tagging},
            ["content-length-range", 1, sized(most_bytes)],
        ]
        made = self._s3.generate_presigned_post(
            **self._at(area, name),
            Fields=fields,
            Conditions=conditions,
            ExpiresIn=lasting(lasts, LONGEST_UPLOAD),
        )
        return Upload(made["url"], made["fields"])

    def copy(self, source: tuple[Area, str], target: tuple[Area, str]) -> None:
        with self._read(*source):
            self._s3.copy_object(
                **self._at(*target),
                CopySource=self._at(*source),
                TaggingDirective="REPLACE",
                Tagging=self._tagging,
            )

    def delete(self, area: Area, name: str) -> None:
        with _told():
            self._s3.delete_object(**self._at(area, name))

    @contextmanager
    def _read(self, area: Area, name: str) -> Iterator[None]:
        """S3 tells only those who may list a whole bucket that an object is not there; to others,
        such as our sessions, it is refused. Listing below the tenant's prefix tells them apart."""
        try:
            with _told():
                yield
        except ClientError as error:
            if error.response["Error"]["Code"] not in _REFUSED or self._is_there(area, name):
                raise
            raise NotFoundError("There is no such object.") from error

    def _is_there(self, area: Area, name: str) -> bool:
        where = self._at(area, name)
        with _told():
            page = self._s3.list_objects_v2(Bucket=where["Bucket"], Prefix=where["Key"], MaxKeys=1)
        return any(each["Key"] == where["Key"] for each in page.get("Contents", []))

    @property
    def _s3(self) -> Any:
        return self._connect(self._place)

    @property
    def _tagging(self) -> str:
        return f"{TAG}={quote(self._place.tenant_id)}"

    def _at(self, area: Area, name: str) -> dict[str, str]:
        return {"Bucket": bucket_of(self._place, area), "Key": key_of(self._place, name)}


class S3TenantMeter:
    """`connect` answers a client that may list versions below the tenant's prefix."""

    def __init__(self, connect: Callable[[], "S3Client"], place: Whereabouts) -> None:
        self._connect: Callable[[], Any] = connect
        self._place = place

    @property
    def place(self) -> str:
        return f"{self._place.raw} {self._place.processed}"

    def page(self, area: Area, position: str | None) -> tuple[Stored, str | None]:
        """UnknownRouteError when there is no such bucket, or it is not ours to list."""
        request = dict(zip(_MARKERS, json.loads(position), strict=True)) if position else {}
        bucket = bucket_of(self._place, area)
        try:
            with reached("The tenant's bucket"):
                page = self._connect().list_object_versions(
                    Bucket=bucket, Prefix=self._place.prefix, MaxKeys=_COUNTED, **request
                )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _SHUT:
                raise
            raise UnknownRouteError("The tenant's bucket is not within reach.") from error
        versions = page.get("Versions", [])
        current = [each["Size"] for each in versions if each["IsLatest"]]
        old = [each["Size"] for each in versions if not each["IsLatest"]]
        found = Stored(
            objects=len(current),
            bytes=sum(current),
            old_versions=len(old) + len(page.get("DeleteMarkers", [])),
            old_bytes=sum(old),
        )
        if not page.get("IsTruncated"):
            return found, None
        return found, json.dumps([page["NextKeyMarker"], page.get("NextVersionIdMarker", "")])


def _attachment(name: str) -> str:
    """Saved, never shown in the page; a name of any characters (RFC 6266)."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


@contextmanager
def _told() -> Iterator[None]:
    try:
        with reached("The tenant's bucket"):
            yield
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise NotFoundError("There is no such object.") from error
        raise
