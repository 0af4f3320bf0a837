"""Licences: their days, what they entitle to, when somebody is reminded, and the rules on them.

A licence is of whole days in its contact's time zone: it begins with `start_date` and ends with the
end of `end_date`. What it entitles to follows from these alone.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel

from tenantry.errors import ConflictError, Fault
from tenantry.identity.model import checked_time_zone
from tenantry.organizations.model import checked_email
from tenantry.runtime.inputs import Input, Line
from tenantry.tenancy.roles import ADMINS, EVERYONE, Permission

LICENSES_READ: Final = Permission("licenses:read", ADMINS, writes=False)
LICENSES_ASK: Final = Permission("licenses:ask", EVERYONE, writes=False, scope="entitlements.read")

REMINDED: Final = (30, 7, 1)
"""So many days before the last one somebody is reminded."""
REMINDED_AT: Final = time(9)
"""At this time of the contact's day."""
LONGEST: Final = timedelta(days=3660)
PAST: Final = timedelta(days=366)
"""How far back a licence may begin; what ended longer ago overlaps nothing any more."""


def begins(day: date, time_zone: str) -> datetime:
    """The first instant of a day in a time zone, in UTC.

    Where clocks go forward at midnight that is when they do; where midnight comes twice, the first.
    """
    return datetime.combine(day, time(), ZoneInfo(time_zone)).astimezone(UTC)


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class LicenseState(StrEnum):
    SCHEDULED = "SCHEDULED"
    ACTIVE = "ACTIVE"
    LAPSED = "LAPSED"
    REVOKED = "REVOKED"


class Notice(_Stored):
    """What is to be told of a licence, and when: that `days` are left or, with 0, that it ended."""

    days: int
    at: datetime


class License(_Stored):
    """An organisation's right to a service, for some days; `told` are the reminders behind it."""

    tenant_id: str
    license_id: str
    enterprise_id: str
    product_id: str
    service_id: str
    start_date: date
    end_date: date
    contact_full_name: str
    contact_email: str
    contact_time_zone: str
    told: tuple[int, ...] = ()
    """Of REMINDED, those that were told or whose time had passed when the end was set."""
    lapse_told: bool = False
    revoked_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    entity_version: int = 1

    @property
    def begins_at(self) -> datetime:
        return begins(self.start_date, self.contact_time_zone)

    @property
    def ends_at(self) -> datetime:
        """The first instant that is no longer of the licence."""
        return begins(self.end_date + timedelta(days=1), self.contact_time_zone)

    def entitles(self, at: datetime) -> bool:
        """Whether the licence holds at an instant."""
        if self.revoked_at and at >= self.revoked_at:
            return False
        return self.begins_at <= at < self.ends_at

    def state(self, now: datetime) -> LicenseState:
        if self.revoked_at:
            return LicenseState.REVOKED
        if now < self.begins_at:
            return LicenseState.SCHEDULED
        return LicenseState.ACTIVE if now < self.ends_at else LicenseState.LAPSED

    def scheduled(self, now: datetime) -> Self:
        """With the reminders behind it whose time has passed: they are not made up for."""
        passed = tuple(days for days in REMINDED if self._reminder(days).at <= now)
        return self.model_copy(update={"told": passed})

    @property
    def next_notice(self) -> Notice | None:
        """What is to be told next; None when there is nothing more to tell."""
        if self.revoked_at or self.lapse_told:
            return None
        left = [self._reminder(days) for days in REMINDED if days not in self.told]
        return min((*left, Notice(days=0, at=self.ends_at)), key=lambda notice: notice.at)

    def notice_due(self, now: datetime) -> Notice | None:
        """The latest of what is to be told by now: of reminders that were late, one is enough."""
        if (due := self.next_notice) is None or due.at > now:
            return None
        if self.ends_at <= now:
            return Notice(days=0, at=self.ends_at)
        passed = [self._reminder(days) for days in REMINDED if days not in self.told]
        return max((n for n in passed if n.at <= now), key=lambda notice: notice.at)

    def noticed(self, notice: Notice, now: datetime) -> Self:
        """The next version, with the notice behind it."""
        told = tuple(days for days in REMINDED if days >= notice.days)
        return self._next(now, told=told, lapse_told=notice.days == 0)

    def renewed(self, end_date: date, now: datetime) -> Self:
        """The next version, with a later last day; ConflictError when it has ended."""
        if self.state(now) in (LicenseState.LAPSED, LicenseState.REVOKED):
            raise ConflictError("The licence has ended; create a new one.")
        if end_date <= self.end_date:
            raise ConflictError(f"The licence holds until {self.end_date} already.")
        return self._next(now, end_date=end_date).scheduled(now)

    def revoked(self, now: datetime) -> Self:
        """The next version, which entitles to nothing from now on; itself when it is revoked."""
        if self.revoked_at:
            return self
        if self.state(now) is LicenseState.LAPSED:
            raise ConflictError("The licence has ended by itself.")
        return self._next(now, revoked_at=now)

    def _reminder(self, days: int) -> Notice:
        day = self.end_date - timedelta(days=days)
        local = datetime.combine(day, REMINDED_AT, ZoneInfo(self.contact_time_zone))
        return Notice(days=days, at=local.astimezone(UTC))

    def _next(self, now: datetime, **fields: Any) -> Self:
        return self.model_copy(
            update={**fields, "updated_at": now, "entity_version": self.entity_version + 1}
        )


class Period(_Stored):
    """The days of a licence, the last one included."""

    start_date: date
    end_date: date

    def overlaps(self, other: "Period") -> bool:
        return self.start_date <= other.end_date and other.start_date <= self.end_date


class ServiceLedger(_Stored):
    """Which days of a service an organisation's licences hold, by the licence's id.

    Every licence of the service is written together with it, so no two hold the same day.
    """

    tenant_id: str
    service_id: str
    periods: dict[str, Period] = {}
    entity_version: int = 0
    """0 while there is none."""

    def held(self, period: Period, license_id: str) -> Period | None:
        """The days of another licence that `period` overlaps."""
        others = (kept for other, kept in self.periods.items() if other != license_id)
        return next((kept for kept in others if kept.overlaps(period)), None)

    def holding(self, license_id: str, period: Period, today: date) -> Self:
        """The next version, in which the licence holds `period`; what ended long ago is dropped."""
        kept = {
            other: days for other, days in self.periods.items() if days.end_date >= today - 2 * PAST
        }
        return self._next(kept | {license_id: period})

    def without(self, license_id: str) -> Self:
        """The next version, in which the licence holds no days."""
        return self._next({o: days for o, days in self.periods.items() if o != license_id})

    def _next(self, periods: dict[str, Period]) -> Self:
        version = self.entity_version + 1
        return self.model_copy(update={"periods": periods, "entity_version": version})


class Entitlement(_Stored):
    """Whether an organisation may use a product, and if so, until when the licence says so."""

    entitled: bool
    license_id: str | None = None
    ends_at: datetime | None = None


# what comes in


_DATE: Final = re.compile(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}")
"""Python reads other forms of ISO 8601 too, such as weeks. Of this millennium: the day after the
last one of the calendar cannot be told, and a licence ends with the day after its last."""


def _day(value: Any) -> Any:
    """A date as the API writes it, and nothing else that could be read as one."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a date such as 2026-03-01")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError("must be a date such as 2026-03-01") from error


class _CamelInput(Input):
    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)


OrganizationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""Of a licence, an enterprise, a product or a service."""
Day = Annotated[date, BeforeValidator(_day)]


class CreateLicenseInput(_CamelInput):
    organization_id: OrganizationId
    enterprise_id: Identifier
    product_id: Identifier
    service_id: Identifier
    start_date: Day
    end_date: Day
    contact_full_name: Line
    contact_email: Annotated[str, StringConstraints(max_length=254), AfterValidator(checked_email)]
    contact_time_zone: Annotated[str, AfterValidator(checked_time_zone)] = "UTC"
    reason: Line

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_date < self.start_date:
            raise ValueError("endDate must not be before startDate")
        if self.end_date - self.start_date > LONGEST:
            raise ValueError(f"a licence is of at most {LONGEST.days} days")
        return self

    def faults(self, today: date) -> list[Fault]:
        """What is wrong today."""
        if self.start_date >= today - PAST:
            return []
        return [Fault(field="startDate", message=f"must be within the last {PAST.days} days")]


class RenewLicenseInput(_CamelInput):
    organization_id: OrganizationId
    license_id: Identifier
    end_date: Day
    reason: Line

    def faults(self, start_date: date) -> list[Fault]:
        if self.end_date - start_date <= LONGEST:
            return []
        return [Fault(field="endDate", message=f"a licence is of at most {LONGEST.days} days")]


class RevokeLicenseInput(_CamelInput):
    organization_id: OrganizationId
    license_id: Identifier
    reason: Line


class LicenseFilter(_CamelInput):
    """Every condition that is given must hold."""

    product_id: Identifier | None = None
    service_id: Identifier | None = None
    state: Annotated[LicenseState, Field(strict=False)] | None = None

    def takes(self, found: License, now: datetime) -> bool:
        return (
            self.product_id in (None, found.product_id)
            and self.service_id in (None, found.service_id)
            and self.state in (None, found.state(now))
        )


class EntitledInput(_CamelInput):
    product_id: Identifier
    at: Annotated[AwareDatetime, Field(strict=False)] | None = None
