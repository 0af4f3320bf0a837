"""Port: a tenant's objects, wherever they lie: below its prefix in a shared bucket or in its own.

Callers name an object by its area and a name below the tenant's prefix, and nothing else; where it
lies follows from the route. An account of another kind is another way of connecting.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from tenantry.errors import InvalidInputError
from tenantry.tenancy.router import Whereabouts
from tenantry.tenancy.stored import Area

LONGEST_UPLOAD: Final = timedelta(minutes=5)
"""What may still be uploaded after a move's fence went up, at most."""
MOST_BYTES: Final = 5 * 1024**3
"""What S3 takes, and copies, in one request."""
TAG: Final = "tenant-id"
_LONGEST_NAME: Final = 900
_NAME: Final = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9 !_.*'()@=+,-]*(/[A-Za-z0-9_][A-Za-z0-9 !_.*'()@=+,-]*)*"
)
"""S3's safe characters, in segments that none of which is empty or begins with a dot."""


@dataclass(frozen=True)
class StoredObject:
    name: str
    size: int
    modified_at: datetime


@dataclass(frozen=True)
class ObjectPage:
    """Some objects in the order of their names; `next_name` is what to go on after."""

    items: tuple[StoredObject, ...]
    next_name: str | None = None


@dataclass(frozen=True)
class Upload:
    """A form that a browser posts, with the file as its last field `file`."""

    url: str
    fields: dict[str, str] = field(default_factory=dict)


class TenantStorage(Protocol):
    """One tenant's objects, under credentials that reach no others.

    Every object carries the tag `tenant-id`. InvalidInputError for a name that could leave the
    tenant's prefix, NotFoundError for an object that is not there, UnavailableError when the
    bucket is busy.
    """

    def save(self, area: Area, name: str, content: bytes, content_type: str) -> None: ...

    def read(self, area: Area, name: str) -> bytes: ...

    def find(self, area: Area, name: str) -> StoredObject | None:
        """What is known of an object without reading it."""

    def list(
        self, area: Area, prefix: str = "", *, limit: int = 100, after: str | None = None
    ) -> ObjectPage:
        """Objects whose names begin with `prefix`, at most 1,000."""

    def presign_get(self, area: Area, name: str, lasts: timedelta, download_as: str = "") -> str:
        """A link that opens this object for as long as `lasts`, saved under `download_as`."""

    def presign_post(
        self, area: Area, name: str, content_type: str, most_bytes: int, lasts: timedelta
    ) -> Upload:
        """A form that takes one object of this name and type, and of 1 to `most_bytes` bytes."""

    def copy(self, source: tuple[Area, str], target: tuple[Area, str]) -> None:
        """The same object under another name, over what is there."""

    def delete(self, area: Area, name: str) -> None:
        """What is gone already is fine."""


def bucket_of(place: Whereabouts, area: Area) -> str:
    return place.raw if area is Area.RAW else place.processed


def key_of(place: Whereabouts, name: str) -> str:
    """The object's key; InvalidInputError for a name that is none below the tenant's prefix."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise InvalidInputError([{"field": "name", "message": "is not a valid object name"}])
    return f"{place.prefix}{name}"


def prefix_of(place: Whereabouts, prefix: str) -> str:
    """What keys begin with; InvalidInputError for what no name begins with."""
    if prefix:
        key_of(place, prefix.removesuffix("/"))
    return f"{place.prefix}{prefix}"


def lasting(asked: timedelta, longest: timedelta) -> int:
    """Seconds; InvalidInputError when it is longer than may be."""
    if not timedelta(seconds=1) <= asked <= longest:
        most = int(longest.total_seconds())
        raise InvalidInputError([{"field": "lasts", "message": f"must be 1 to {most} seconds"}])
    return int(asked.total_seconds())


def sized(most_bytes: int) -> int:
    """InvalidInputError unless S3 takes so much in one request."""
    if not 1 <= most_bytes <= MOST_BYTES:
        fault = f"must be 1 to {MOST_BYTES} bytes"
        raise InvalidInputError([{"field": "mostBytes", "message": fault}])
    return most_bytes
