"""An organisation's log, sealed and verified on tables in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tenantry.audit.completeness import CompletenessService
from tenantry.audit.dynamodb import DynamoDBAuditLog
from tenantry.audit.dynamodb_gaps import (
    DynamoDBGaps,
    DynamoDBItems,
    DynamoDBLatest,
    DynamoDBLedgers,
)
from tenantry.audit.dynamodb_seals import DynamoDBChains, DynamoDBSealedOrganizations
from tenantry.audit.sealing import Sealed, SealingService, SealTask
from tenantry.audit.service import RecordingService
from tenantry.audit.verification import Verification, VerificationService
from tenantry.messaging.event import Actor, Envelope
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import Table
from tenantry.tenancy.access import MemberStatus, OrganizationStatus, Standing
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.support.clock import FakeClock, FakeIds
from tests.support.fakes.seals import InMemorySealStore, LocalSealKeys, LocalSigner, Replays
from tests.support.fakes.table import InMemoryTable

DAY = date(2026, 3, 2)
MORNING = datetime(2026, 3, 2, 9, tzinfo=UTC)
ADA = Caller(user_id="ada", tenant_id="t-1")


def envelope(number: int, at: datetime = MORNING, **more: Any) -> Envelope:
    """The `number`-th event of one entity, which so far has had as many."""
    return Envelope(
        **{
            "id": f"e-{number:05}",
            "type": "OrganizationUpdated",
            "context": "organizations",
            "occurred_at": at + timedelta(seconds=number),
            "actor": Actor(id="ada"),
            "data": {"number": number},
            "tenant_id": "t-1",
            "entity_type": "Organization",
            "entity_id": "t-1",
            "entity_version": number,
            **more,
        }
    )


class Stands:
    """Access that knows one standing."""

    def __init__(self, **more: Any) -> None:
        self._more = more

    def standing(self, caller: Caller) -> Standing:
        fields: dict[str, Any] = {
            "tenant_id": caller.organization_id,
            "user_id": caller.user_id,
            "role": Role.ADMIN,
            "member_status": MemberStatus.ACTIVE,
            "organization_status": OrganizationStatus.ACTIVE,
            "plan": "FREE",
        }
        return Standing(**{**fields, **self._more})


@dataclass(repr=False)  # thousands of entries, which a test that fails would tell for minutes
class SealedLog:
    """Records, seals and verifies; `clock` says when."""

    table: Table = field(default_factory=lambda: InMemoryTable("audit"))
    platform: Table = field(default_factory=lambda: InMemoryTable("platform"))
    store: Any = field(default_factory=InMemorySealStore)
    keys: Any = field(default_factory=LocalSealKeys)
    signer: Any = field(default_factory=LocalSigner)
    archive: Replays = field(default_factory=Replays)
    clock: FakeClock = field(default_factory=lambda: FakeClock(MORNING))
    ids: FakeIds = field(default_factory=FakeIds)
    gaps: int = 0
    aside: list[tuple[str, str]] = field(default_factory=list)
    forgotten: str | None = None

    @property
    def recording(self) -> RecordingService:
        return RecordingService(
            DynamoDBAuditLog(self.table), DynamoDBSealedOrganizations(self.table), self.clock
        )

    @property
    def completeness(self) -> CompletenessService:
        def report(count: int) -> None:
            self.gaps += count

        return CompletenessService(
            ledgers=DynamoDBLedgers(self.table),
            gaps=DynamoDBGaps(self.platform),
            items=DynamoDBItems(self.platform),
            latest=DynamoDBLatest(self.platform, self.table, self._left_aside),
            archive=self.archive,
            log=self.recording,
            stamp=Stamp(now=self.clock, new_id=self.ids),
            report=report,
            left_aside=self._left_aside,
        )

    def _left_aside(self, what: str, tenant_id: str) -> None:
        self.aside.append((tenant_id, what))

    def sealing(self, **more: Any) -> SealingService:
        parts: dict[str, Any] = {
            "chains": DynamoDBChains(self.table),
            "organizations": DynamoDBSealedOrganizations(self.table),
            "store": self.store,
            "keys": self.keys,
            "signer": self.signer,
            "signatures": self.signer,
            "completeness": self.completeness,
            "now": self.clock,
            "report": self._left_aside,
        }
        return SealingService(**{**parts, **more})

    def verification(self, **more: Any) -> VerificationService:
        parts: dict[str, Any] = {
            "access": Stands(),
            "chains": lambda _tenant: DynamoDBChains(self.table),
            "store": lambda _tenant: self.store,
            "keys": lambda _tenant: self.keys,
            "signatures": self.signer,
            "forgotten_through": lambda _tenant: self.forgotten,
            "now": self.clock,
        }
        return VerificationService(**{**parts, **more})

    def record(self, *envelopes: Envelope) -> None:
        service = self.recording
        for each in envelopes:
            service.record(each)

    def at(self, moment: datetime) -> None:
        self.clock.advance(moment - self.clock())

    def after(self, day: date) -> None:
        """Move on to when `day` can be sealed."""
        self.at(datetime(day.year, day.month, day.day, 2, 30, tzinfo=UTC) + timedelta(days=1))

    def seal(self, day: date = DAY, tenant_id: str = "t-1", **more: Any) -> Sealed:
        self.after(day)
        return self.sealing(**more).seal(SealTask(tenant_id=tenant_id, day=day))

    def verify(self, days: Iterable[date] = (DAY,), **more: Any) -> Verification:
        """The verification of whole days, all pages of it in one."""
        chosen = list(days)
        given = {
            "from": f"{min(chosen).isoformat()}T00:00:00Z",
            "to": f"{(max(chosen) + timedelta(days=1)).isoformat()}T00:00:00Z",
        }
        service = self.verification(**more)
        page = service.verify(ADA, given)
        pages = [page]
        while page.next_cursor:
            page = service.verify(ADA, given, page.next_cursor)
            pages.append(page)
        return Verification(
            through=page.through,
            seals=sum(each.seals for each in pages),
            entries=sum(each.entries for each in pages),
            unsealed=sum(each.unsealed for each in pages),
            expired=sum(each.expired for each in pages),
            finding_count=sum(each.finding_count for each in pages),
            findings=tuple(found for each in pages for found in each.findings),
            sealed_through=page.sealed_through,
        )
