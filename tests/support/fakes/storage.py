"""Tenants' objects in memory."""

from dataclasses import dataclass, field
from datetime import timedelta

from tenantry.errors import NotFoundError
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
from tenantry.tenancy.stored import Area
from tests.support.clock import START


@dataclass
class FakeTenantStorage:
    """`objects` by bucket and key, shared by the storages of all tenants."""

    place: Whereabouts
    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    tags: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def save(self, area: Area, name: str, content: bytes, content_type: str) -> None:
        self.objects[self._at(area, name)] = content
        self.tags[self._at(area, name)] = {TAG: self.place.tenant_id}

    def read(self, area: Area, name: str) -> bytes:
        try:
            return self.objects[self._at(area, name)]
        except KeyError:
            raise NotFoundError("There is no such object.") from None

    def find(self, area: Area, name: str) -> StoredObject | None:
        content = self.objects.get(self._at(area, name))
        return None if content is None else StoredObject(name, len(content), START)

    def list(
        self, area: Area, prefix: str = "", *, limit: int = 100, after: str | None = None
    ) -> ObjectPage:
        bucket, wanted = bucket_of(self.place, area), prefix_of(self.place, prefix)
        passed = key_of(self.place, after) if after else ""
        keys = sorted(
            k for b, k in self.objects if b == bucket and k.startswith(wanted) and k > passed
        )
        found = tuple(
            StoredObject(k.removeprefix(self.place.prefix), len(self.objects[bucket, k]), START)
            for k in keys[:limit]
        )
        return ObjectPage(found, found[-1].name if len(keys) > limit else None)

    def presign_get(self, area: Area, name: str, lasts: timedelta, download_as: str = "") -> str:
        lasting(lasts, LONGEST_LINK)
        return f"https://{'/'.join(self._at(area, name))}"

    def presign_post(
        self, area: Area, name: str, content_type: str, most_bytes: int, lasts: timedelta
    ) -> Upload:
        lasting(lasts, LONGEST_UPLOAD)
        sized(most_bytes)
        bucket, key = self._at(area, name)
        return Upload(f"https://{bucket}", {"key": key, "Content-Type": content_type})

    def copy(self, source: tuple[Area, str], target: tuple[Area, str]) -> None:
        self._at(*target)
        self.save(*target, self.read(*source), "")

    def delete(self, area: Area, name: str) -> None:
        self.objects.pop(self._at(area, name), None)

    def _at(self, area: Area, name: str) -> tuple[str, str]:
        return bucket_of(self.place, area), key_of(self.place, name)
