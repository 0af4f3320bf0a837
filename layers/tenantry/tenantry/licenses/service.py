"""Use cases on licences: create, renew, revoke, list, ask; and tell that they end."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tenantry.errors import (
    ConflictError,
    CorruptDataError,
    InvalidInputError,
    LicenseOverlapError,
    NotFoundError,
)
from tenantry.licenses.events import (
    LicenseCreated,
    LicenseExpiring,
    LicenseLapsed,
    LicenseRenewed,
    LicenseRevoked,
)
from tenantry.licenses.model import (
    LICENSES_ASK,
    LICENSES_READ,
    CreateLicenseInput,
    EntitledInput,
    Entitlement,
    License,
    LicenseFilter,
    Notice,
    Period,
    RenewLicenseInput,
    RevokeLicenseInput,
    ServiceLedger,
)
from tenantry.licenses.repository import SHARDS, LicenseRepository, Operators
from tenantry.messaging.event import EventData
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.persistence import cursors
from tenantry.persistence.keys import part
from tenantry.runtime.inputs import parse
from tenantry.tenancy.access import Access
from tenantry.tenancy.caller import Caller

_TRIES = 8
"""How often a command looks again when another licence of the service was written meanwhile."""
_PAGE = 100
_PAGES = 10
"""Of licences that a filter leaves out, at most so many pages are read for one answer."""


@dataclass(frozen=True)
class LicenseList:
    items: tuple[License, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class LicenseService:
    licenses: LicenseRepository
    access: Access
    operators: Operators
    stamp: Stamp

    # by operators of the platform, who sell them

    def create(self, caller: Caller, values: dict[str, Any]) -> License:
        """License a service to an organisation; operators only; emits LicenseCreated.

        LicenseOverlapError when another licence of the service holds one of the days.
        """
        self.operators.require_active(caller)
        given = parse(CreateLicenseInput, values)
        now = self.stamp.now()
        if faults := given.faults(now.date()):
            raise InvalidInputError(faults)
        made = License(
            **given.model_dump(exclude={"organization_id", "reason"}),
            tenant_id=given.organization_id,
            license_id=self.stamp.new_id(),
            created_at=now,
            updated_at=now,
        ).scheduled(now)
        event = self.stamp.event(
            LicenseCreated(**_about(made), reason=given.reason), caller.operator_cause
        )
        self._in_ledger(
            made, lambda before, after: self.licenses.create(made, before, after, event)
        )
        return made

    def renew(self, caller: Caller, values: dict[str, Any]) -> License:
        """Give a licence that has not ended a later last day; operators only; emits
        LicenseRenewed. Errors as in `create`, and ConflictError once it has ended.
        """
        self.operators.require_active(caller)
        given = parse(RenewLicenseInput, values)
        before = self._existing(given.organization_id, given.license_id)
        if before.end_date == given.end_date and not before.revoked_at:
            return before
        if faults := given.faults(before.start_date):
            raise InvalidInputError(faults)
        after = before.renewed(given.end_date, self.stamp.now())
        data = LicenseRenewed(
            **_about(after), previous_end_date=before.end_date, reason=given.reason
        )
        event = self.stamp.event(data, caller.operator_cause)
        self._in_ledger(
            after, lambda was, is_: self.licenses.change(before, after, (was, is_), event)
        )
        return after

    def revoke(self, caller: Caller, values: dict[str, Any]) -> License:
        """End a licence at once, and give its days free; operators only; emits LicenseRevoked."""
        self.operators.require_active(caller)
        given = parse(RevokeLicenseInput, values)
        before = self._existing(given.organization_id, given.license_id)
        after = before.revoked(self.stamp.now())
        if after is before:
            return before
        data = LicenseRevoked(**_about(after), reason=given.reason)
        event = self.stamp.event(data, caller.operator_cause)
        for attempt in range(_TRIES):
            ledger = self._ledger(after)
            try:
                moved = ledger, ledger.without(after.license_id)
                self.licenses.change(before, after, moved, event)
            except ConflictError:
                if attempt == _TRIES - 1 or self._moved_on(after):
                    raise
            else:
                break
        return after

    # by members

    def listed(
        self,
        caller: Caller,
        first: int | None = None,
        after: str | None = None,
        filter_: dict[str, Any] | None = None,
    ) -> LicenseList:
        """The organisation's licences that the filter takes, oldest first.

        A page may hold fewer than `first` and still have a cursor to go on from.
        """
        limit = cursors.page_size(first)
        wanted = parse(LicenseFilter, filter_)
        position = part(cursors.decode(after, "license")["license"]) if after else None
        self.access.standing(caller).require(LICENSES_READ)
        now, found = self.stamp.now(), list[License]()
        for _ in range(_PAGES):
            page, position = self.licenses.page(
                caller.organization_id, limit - len(found), position
            )
            found += [each for each in page if wanted.takes(each, now)]
            if position is None or len(found) >= limit:
                break
        return LicenseList(
            tuple(found), cursors.encode({"license": position}) if position else None
        )

    def entitled(self, caller: Caller, product_id: str, at: str | None = None) -> Entitlement:
        """Whether the caller's organisation may use a product at an instant, by default now."""
        given = parse(EntitledInput, {"productId": product_id, "at": at})
        standing = self.access.standing(caller)
        standing.require(LICENSES_ASK)
        return self.entitlement(standing.tenant_id, given.product_id, given.at)

    # for other contexts

    def entitlement(
        self, tenant_id: str, product_id: str, at: datetime | None = None
    ) -> Entitlement:
        """Whether an organisation may use a product at an instant; the one that holds longest."""
        instant, position = at or self.stamp.now(), None
        holding: list[License] = []
        while True:
            page, position = self.licenses.page(tenant_id, _PAGE, position)
            holding += [
                each for each in page if each.product_id == product_id and each.entitles(instant)
            ]
            if position is None:
                break
        if not holding:
            return Entitlement(entitled=False)
        longest = max(holding, key=lambda each: each.ends_at)
        return Entitlement(entitled=True, license_id=longest.license_id, ends_at=longest.ends_at)

    # inside

    def _in_ledger(
        self, wanted: License, write: Callable[[ServiceLedger, ServiceLedger], None]
    ) -> None:
        """Write a licence with its days; looks again when another of the service was written."""
        period = Period(start_date=wanted.start_date, end_date=wanted.end_date)
        for attempt in range(_TRIES):
            ledger = self._ledger(wanted)
            if held := ledger.held(period, wanted.license_id):
                raise LicenseOverlapError(
                    f"A licence of this service holds {held.start_date} to {held.end_date}."
                )
            after = ledger.holding(wanted.license_id, period, self.stamp.now().date())
            try:
                write(ledger, after)
            except ConflictError:
                if attempt == _TRIES - 1 or self._moved_on(wanted):
                    raise
            else:
                return

    def _moved_on(self, wanted: License) -> bool:
        """Whether the licence itself is no longer as it was read, so that trying again is vain."""
        stored = self.licenses.get(wanted.tenant_id, wanted.license_id)
        return stored is not None and stored.entity_version >= wanted.entity_version

    def _ledger(self, of: License) -> ServiceLedger:
        ledger = self.licenses.ledger(of.tenant_id, of.service_id)
        if ledger is None:
            raise NotFoundError("There is no such organisation.")
        return ledger

    def _existing(self, tenant_id: str, license_id: str) -> License:
        found = self.licenses.get(tenant_id, license_id)
        if found is None:
            raise NotFoundError("There is no such licence.")
        return found


@dataclass(frozen=True)
class LicenseReminders:
    """Tells, each once, that licences end soon and that they ended."""

    licenses: LicenseRepository
    stamp: Stamp
    report: Callable[[str, str], None] = lambda _what, _tenant_id: None
    """Told of a licence that cannot be dealt with, and of which organisation."""

    def run(self, may_go_on: Callable[[], bool]) -> int:
        """Tell what is due, as far as there is time; the rest is due in the next run.

        Answers how much was told. Emits LicenseExpiring and LicenseLapsed.
        """
        now, told = self.stamp.now(), 0
        for shard in range(SHARDS):
            position: str | None = None
            while may_go_on():
                due, position = self.licenses.due(shard, now, _PAGE, position)
                told += sum(self._tell(*each, now) for each in due)
                if position is None:
                    break
        return told

    def _tell(self, tenant_id: str, license_id: str, now: datetime) -> bool:
        try:
            due = self.licenses.get(tenant_id, license_id)
        except CorruptDataError:
            self.report("a licence cannot be read, and nobody is told of its end", tenant_id)
            return False
        notice = due.notice_due(now) if due else None
        if due is None or notice is None:
            return False
        event = self.stamp.event(_told(due, notice), Cause())
        try:
            self.licenses.notice(due, due.noticed(notice, now), event)
        except ConflictError:
            return False  # renewed, revoked or told by another run meanwhile; still due, if at all
        return True


def _told(due: License, notice: Notice) -> EventData:
    if notice.days == 0:
        return LicenseLapsed(**_about(due))
    return LicenseExpiring(**_about(due), days=notice.days)


def _about(of: License) -> dict[str, Any]:
    """What every event says of a licence: nothing of its contact."""
    return {
        "organization_id": of.tenant_id,
        "license_id": of.license_id,
        "enterprise_id": of.enterprise_id,
        "product_id": of.product_id,
        "service_id": of.service_id,
        "start_date": of.start_date,
        "end_date": of.end_date,
    }
