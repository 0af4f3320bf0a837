"""Adapter: copies of a tenant's objects, kept with its final export.

A part of an object is read under the tenant's own session, wherever that leads, and written by who
may write into the archive and read nothing of it. For a copy that S3 makes by itself one role would
have to do both, for every tenant, and the archive and its key be open to each account of a tenant's
own.

The archive's own key encrypts the copies, and its lock keeps them: both outlive the tenant's.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.exceptions import ClientError

from tenantry.accounts.model import Account
from tenantry.accounts.repository import CopiedBodies
from tenantry.runtime.services import calling

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

PART: Final = 16 * 1024**2
"""Bytes that are in memory at a time; S3 takes parts of 5 MiB or more, and 10,000 of them."""
_OBJECTS: Final = 200
"""What one call copies at most: objects, and bytes as so many parts hold."""
_PARTS: Final = 16
_PAGES: Final = 100
"""Pages that one call looks at: what was deleted fills them as well."""
_LONGEST_KEY: Final = 1024
_GONE: Final = frozenset({"NoSuchKey", "404"})
_ENDED: Final = frozenset({"NoSuchUpload", "InvalidPart"})
_called: Final = calling("The archive or a bucket")


class Originals(Protocol):
    """Where a tenant's objects are, and the clients that reach them."""

    def buckets(self, account: Account) -> tuple[str, ...]: ...

    def latest(
        self, account: Account, bucket: str, after: str
    ) -> tuple[Sequence[dict[str, Any]], str | None]:
        """A page of the objects that stand behind the name `after`, in the order of their names,
        and behind which name the next one begins; it may hold none."""

    def holding(self, account: Account, bucket: str) -> Any: ...


@dataclass
class _Upload:
    """An object that is copied in parts, over several calls."""

    key: str
    etag: str
    id: str
    parts: list[str] = field(default_factory=list)


class S3Bodies:
    """Resumable: where it goes on is told as text, and the same part again is the same copy."""

    def __init__(
        self,
        originals: Originals,
        archive: "S3Client",
        bucket: str,
        *,
        part: int = PART,
        objects: int = _OBJECTS,
        parts: int = _PARTS,
        pages: int = _PAGES,
    ) -> None:
        self._originals = originals
        self._archive: Any = archive
        self._bucket = bucket
        self._part = part
        self._objects, self._parts, self._pages = objects, parts, pages

    def copy(self, account: Account, folder: str, after: str | None) -> CopiedBodies:
        buckets = self._originals.buckets(account)
        number, last, begun = json.loads(after) if after else (0, "", None)
        upload = _Upload(*begun) if begun else None
        objects = size = moved = pages = 0
        most = self._parts * self._part
        while number < len(buckets):
            if pages >= self._pages:
                return self._rest(number, last, upload, objects, size)
            bucket = buckets[number]
            page, more = self._originals.latest(account, bucket, last)
            pages += 1
            for each in page:
                if objects >= self._objects or moved >= most:
                    return self._rest(number, last, upload, objects, size)
                copying = _Copying(self, account, bucket, each, folder)
                while moved < most:
                    upload, done = copying.part(upload)
                    moved += min(each["Size"], self._part)
                    if done:
                        break
                else:
                    return self._rest(number, last, upload, objects, size)
                last, upload = each["Key"], None
                objects += copying.was_there
                size += each["Size"] * copying.was_there
                if each["Size"] > self._part:
                    # Its upload has ended: that is told before anything else can fail.
                    return self._rest(number, last, None, objects, size)
            number, last = (number, more) if more else (number + 1, "")
        return CopiedBodies(objects, size, None)

    @staticmethod
    def _rest(
        number: int, last: str, upload: _Upload | None, objects: int, size: int
    ) -> CopiedBodies:
        begun = [upload.key, upload.etag, upload.id, upload.parts] if upload else None
        return CopiedBodies(objects, size, json.dumps([number, last, begun]))

    def name(self, folder: str, bucket: str, key: str) -> str:
        """A name that would be too long for S3 is its digest."""
        name = f"{folder}{bucket}/{key}"
        if len(name.encode()) <= _LONGEST_KEY:
            return name
        return f"{folder}{bucket}/sha256-{hashlib.sha256(key.encode()).hexdigest()}"


@dataclass
class _Copying:
    """One object on its way."""

    its: S3Bodies
    account: Account
    bucket: str
    object: dict[str, Any]
    folder: str
    was_there: bool = True

    def part(self, upload: _Upload | None) -> tuple[_Upload | None, bool]:
        """Copy the next part; with it whether it was the last one."""
        its, key, size = self.its, self.object["Key"], self.object["Size"]
        to = {"Bucket": its._bucket, "Key": its.name(self.folder, self.bucket, key)}
        etag = self.object["ETag"]
        try:
            if size <= its._part:
                read = self._read({})
                _called(its._archive.put_object, **to, **_kind(read), Body=read["Body"].read())
                return None, True
            if upload is None or (upload.key, upload.etag) != (key, etag):
                first = self._read({"Range": "bytes=0-0", "IfMatch": etag})
                made = _called(its._archive.create_multipart_upload, **to, **_kind(first))
                upload = _Upload(key, etag, made["UploadId"])
            start = len(upload.parts) * its._part
            end = min(start + its._part, size) - 1
            read = self._read({"Range": f"bytes={start}-{end}", "IfMatch": etag})
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            self.was_there = False  # since it was listed
            return None, True
        try:
            return self._put(to, upload, read["Body"].read(), is_last=end + 1 == size)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ENDED:
                raise
            # By a call that nobody heard of, or by the archive, which keeps none for long: anew.
            return None, False

    def _put(
        self, to: dict[str, Any], upload: _Upload, body: bytes, *, is_last: bool
    ) -> tuple[_Upload | None, bool]:
        archive, of = self.its._archive, {**to, "UploadId": upload.id}
        put = _called(archive.upload_part, **of, PartNumber=len(upload.parts) + 1, Body=body)
        upload.parts.append(put["ETag"])
        if not is_last:
            return upload, False
        parts = [{"PartNumber": n, "ETag": each} for n, each in enumerate(upload.parts, 1)]
        _called(archive.complete_multipart_upload, **of, MultipartUpload={"Parts": parts})
        return None, True

    def _read(self, how: dict[str, str]) -> Any:
        holding = self.its._originals.holding(self.account, self.bucket)
        get: Callable[..., Any] = holding.get_object
        return _called(get, Bucket=self.bucket, Key=self.object["Key"], **how)


def _kind(read: dict[str, Any]) -> dict[str, Any]:
    """What the object said of itself."""
    return {"ContentType": read["ContentType"], "Metadata": read.get("Metadata", {})}
