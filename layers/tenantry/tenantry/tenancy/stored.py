"""What a tenant has stored, as its buckets tell: what is current, and what was replaced or deleted
and is kept for a while.

S3's own counts are by bucket, and its cost tags label buckets alone: of a tenant among others in a
bucket only a list of its prefix tells.
"""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol, Self

from pydantic import BaseModel, ConfigDict

from tenantry.persistence import cursors


class Area(StrEnum):
    """What came in as it is, and what we made of it."""

    RAW = "raw"
    PROCESSED = "processed"


class Stored(BaseModel):
    """How much there is of an area: objects with their bytes, and older versions of them."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    objects: int = 0
    bytes: int = 0
    old_versions: int = 0
    """Replaced or deleted ones, and the marks of what is deleted."""
    old_bytes: int = 0

    def plus(self, other: "Stored") -> "Stored":
        return Stored(
            objects=self.objects + other.objects,
            bytes=self.bytes + other.bytes,
            old_versions=self.old_versions + other.old_versions,
            old_bytes=self.old_bytes + other.old_bytes,
        )


class TenantMeter(Protocol):
    """Counts one tenant's objects, under credentials that list no others and read none."""

    @property
    def place(self) -> str:
        """Where it counts: another place has another one."""

    def page(self, area: Area, position: str | None) -> tuple[Stored, str | None]:
        """Some of what is there after `position`, and where to go on; None at the end."""


class Metered(BaseModel):
    """What an organisation had stored when it was measured; of a day there is the latest."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    tenant_id: str
    day: date
    measured_at: datetime
    areas: Mapping[Area, Stored]

    def of(self, area: Area) -> Stored:
        return self.areas.get(area, Stored())

    @property
    def total(self) -> Stored:
        found = Stored()
        for area in Area:
            found = found.plus(self.of(area))
        return found


class Measurements(Protocol):
    """What was measured, kept by whoever measures."""

    def page(
        self, tenant_id: str, limit: int, after: str | None, /
    ) -> tuple[list[Metered], str | None]:
        """Measurements of an organisation, one of a day, the newest first, and after which day the
        next page begins."""


class Unmeasured:
    """Nothing was measured."""

    def page(
        self, _tenant_id: str, _limit: int, _after: str | None, /
    ) -> tuple[list[Metered], str | None]:
        return [], None


def pages_of(
    measurements: Measurements, tenant_id: str, first: int | None, after: str | None
) -> tuple[list[Metered], str | None]:
    """A page of an organisation's measurements, and the cursor of the next one."""
    limit = cursors.page_size(first)
    day = cursors.decode(after, "day")["day"] if after else None
    found, last = measurements.page(tenant_id, limit, day)
    return found, cursors.encode({"day": last}) if last else None


def page_reply(found: list[Metered], cursor: str | None) -> dict[str, Any]:
    """A page as the APIs show it."""
    return {"items": [_day(each) for each in found], "nextCursor": cursor}


def _day(metered: Metered) -> dict[str, Any]:
    return {
        "day": metered.day.isoformat(),
        "measuredAt": metered.measured_at.isoformat(),
        **_shown(metered.total),
        "areas": [{"name": area.value, **_shown(metered.of(area))} for area in Area],
    }


def _shown(stored: Stored) -> dict[str, int]:
    return {
        "objects": stored.objects,
        "bytes": stored.bytes,
        "oldVersions": stored.old_versions,
        "oldBytes": stored.old_bytes,
    }


class Measuring(BaseModel):
    """A measurement on its way: whoever goes on with it begins where it stopped."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    tenant_id: str
    place: str
    began_at: datetime
    began_with: int = 0
    """What the counter of storage said when it began."""
    passed: int = 0
    """How many bytes had ever had room by then."""
    open: int = 0
    """How many had it then, and were not settled."""
    areas: Mapping[Area, Stored] = {}
    area: Area | None = Area.RAW
    """What is counted now; None when all is."""
    position: str | None = None
    stopped_at: datetime | None = None
    """When somebody last went on with it."""

    def stopped(self, now: datetime) -> Self:
        return self.model_copy(update={"stopped_at": now})

    def counted(self, area: Area, found: Stored, position: str | None) -> Self:
        """With a page more of the area that is counted now."""
        areas = {**self.areas, area: self.areas.get(area, Stored()).plus(found)}
        order = list(Area)
        following = order[order.index(area) + 1 :]
        then = area if position else (following[0] if following else None)
        return self.model_copy(update={"areas": areas, "area": then, "position": position})

    def ended(self, now: datetime) -> Metered:
        return Metered(
            tenant_id=self.tenant_id,
            day=now.date(),
            measured_at=now,
            areas=self.areas,
        )

    def sets(self, counted: int, passed: int) -> int | None:
        """What the counter is to be set to that says `counted` now; None while it may be right.

        While objects were counted, some came and some went. All that came had room by then, or was
        given it since; so no more can lie there than what was found, and that. And what was found
        is no more than what the counter said, and what was given room since. A counter that is
        within both is left alone; another is set to the most that may lie there, so that it never
        says less than that.
        """
        found, given = self._found, passed - self.passed
        most = found + self.open + given
        too_little = found > self.began_with + given and counted < most
        return most if counted > most or too_little else None

    @property
    def _found(self) -> int:
        return sum(stored.bytes for stored in self.areas.values())
