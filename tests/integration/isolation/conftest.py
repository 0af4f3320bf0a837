"""Twenty tenants of fifty items with canaries, behind the real services and adapters, in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tenantry.audit.bootstrap import activity as audit
from tenantry.audit.bootstrap import recording
from tenantry.audit.dynamodb import (
    DynamoDBActivityRepository,
    DynamoDBAuditLog,
    DynamoDBPeopleNames,
)
from tenantry.audit.dynamodb_exports import DynamoDBJobRepository, DynamoDBPeople
from tenantry.audit.dynamodb_seals import DynamoDBChains, DynamoDBSealedOrganizations
from tenantry.audit.exporting import ExportService, ExportWriter
from tenantry.audit.model import Entry
from tenantry.audit.reporting import Reporting
from tenantry.audit.sealing import SealingService, SealTask
from tenantry.audit.service import ActivityService, AuditLogService, RecordingService
from tenantry.audit.verification import VerificationService
from tenantry.errors import TenantryError
from tenantry.identity.bootstrap import people as identity
from tenantry.identity.bootstrap.invitations import InvitationDoors
from tenantry.identity.dynamodb import DynamoDBProfileRepository, DynamoDBSignUpRepository
from tenantry.identity.model import Profile
from tenantry.identity.service import ArrivalService, ProfileService
from tenantry.invitations.bootstrap import doors, inviting
from tenantry.invitations.bootstrap.repository import invitations_in
from tenantry.invitations.mails import InvitationMails
from tenantry.invitations.model import Kind, Token
from tenantry.invitations.service import DoorService, InvitationService
from tenantry.invitations.sweep import InvitationSweep
from tenantry.mail.model import Brand
from tenantry.mail.rendering import rendered
from tenantry.messaging.event import Envelope
from tenantry.messaging.once import Once
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations import bootstrap as organizations
from tenantry.organizations.dynamodb import (
    DynamoDBDomainRepository,
    DynamoDBOrganizationRepository,
    DynamoDBSupportRepository,
)
from tenantry.organizations.events import MemberJoined
from tenantry.organizations.members import MemberCopies, MemberService
from tenantry.organizations.model import (
    Branding,
    DomainClaim,
    Member,
    Organization,
    PlanName,
    Settings,
)
from tenantry.organizations.service import OrganizationService
from tenantry.organizations.support import SupportService, SupportSweep
from tenantry.persistence.items import Item
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.integration.audit.conftest import envelope
from tests.support.clock import FakeClock, FakeIds
from tests.support.fakes.audit import InMemoryResults
from tests.support.fakes.billing import InMemoryMarkers
from tests.support.fakes.identity import FakeUserDirectory
from tests.support.fakes.mail import Mailbox
from tests.support.fakes.organizations import FakeDns, InMemoryCalls
from tests.support.fakes.seals import InMemorySealStore, LocalSealKeys, LocalSigner
from tests.support.fakes.table import InMemoryTable, Place
from tests.support.invocations import wire
from tests.support.tables import in_shared

TENANTS = 20
ITEMS = 50
ROLES = (Role.OWNER, Role.ADMIN, Role.MANAGER, Role.MEMBER)
"""Of the users 0 to 3 of each tenant; user 3 is a guest of the next tenant too, 4 of none."""
OPERATOR = "root"
NOW = datetime(2026, 4, 20, 12, tzinfo=UTC)
SEALED_DAYS = 5
"""Before NOW: what is sealed, and verified."""


def tenant_id(tenant: int) -> str:
    return f"t-{tenant}"


def user_id(tenant: int, number: int) -> str:
    return f"u-{tenant}-{number}"


def canary(tenant: int, what: str = "x") -> str:
    """What must never be shown to another tenant."""
    return f"canary-{tenant}-{what}"


def address(user: str) -> str:
    """A person's own."""
    return f"{user}@people.example"


def domain(tenant: int) -> str:
    """The tenant's proven domain."""
    return f"d{tenant}.example"


@dataclass
class World:
    """The services as they are wired, on tables whose contents can be set back."""

    platform: InMemoryTable = field(default_factory=InMemoryTable, repr=False)
    calls: InMemoryCalls = field(default_factory=InMemoryCalls, repr=False)
    audit: InMemoryTable = field(default_factory=lambda: InMemoryTable("audit"), repr=False)
    tenants: InMemoryTable = field(default_factory=lambda: InMemoryTable("tenant"), repr=False)
    results: InMemoryResults = field(default_factory=InMemoryResults, repr=False)
    seals: InMemorySealStore = field(default_factory=InMemorySealStore, repr=False)
    seal_keys: LocalSealKeys = field(default_factory=LocalSealKeys, repr=False)
    signer: LocalSigner = field(default_factory=LocalSigner, repr=False)
    then: Stamp = field(default_factory=lambda: Stamp(now=lambda: NOW, new_id=FakeIds("e")))
    dns: FakeDns = field(default_factory=FakeDns, repr=False)
    pool: FakeUserDirectory = field(default_factory=FakeUserDirectory)
    mailbox: Mailbox = field(default_factory=Mailbox, repr=False)
    _at_first: tuple[dict[Place, Item], dict[Place, Item]] = field(
        default_factory=lambda: ({}, {}), repr=False
    )

    def table(self, _client: Any, name: str) -> InMemoryTable:
        """In place of `Table` in the wiring."""
        return {"platform": self.platform, "audit": self.audit}[name]

    @property
    def organizations(self) -> OrganizationService:
        return organizations.organization_service()

    @property
    def members(self) -> MemberService:
        return organizations.member_service()

    @property
    def support(self) -> SupportService:
        return organizations.support_service()

    @property
    def support_sweep(self) -> SupportSweep:
        """Of hours later, when every session is over."""
        later = _later(self.support.stamp, timedelta(hours=9))
        return SupportSweep(DynamoDBSupportRepository(self.platform), later)

    @property
    def inviting(self) -> InvitationService:
        return inviting.invitation_service()

    @property
    def doors(self) -> DoorService:
        return doors.invitation_doors()

    def mailed(self, tenant: int, user: str) -> str | None:
        """A token as it is mailed to somebody whom the founder invites; None when refused."""
        owner = self._founder(tenant)
        try:
            offer = self.inviting.invite(owner, {"email": address(user)})
        except TenantryError:
            return None
        return self._token(offer, Token.minted(Kind.MAIL, offer.tenant_id, offer.invitation_id))

    def linked(self, tenant: int, of_domain: str) -> str | None:
        """A link of a tenant's, for people of a domain; None when its founder may make none."""
        owner = self._founder(tenant)
        try:
            link = self.inviting.create_link(owner, {"domains": [of_domain], "maxUses": 3})
        except TenantryError:
            return None
        return self._token(link, Token.minted(Kind.LINK, link.tenant_id, link.link_id))

    @staticmethod
    def _founder(tenant: int) -> Caller:
        return Caller(user_id=user_id(tenant, 0), tenant_id=tenant_id(tenant))

    def _token(self, offer: Any, token: Token) -> str:
        """Of what was offered, as nobody else sees it."""
        self.inviting.invitations.add_hash(offer, token.hash)
        self.forget_writes()
        return token.text

    @property
    def invitation_sweep(self) -> InvitationSweep:
        """Of nine days later, when every invitation and link is over."""
        later = _later(self.inviting.stamp, timedelta(days=9))
        return InvitationSweep(invitations_in(self.platform), later)

    @property
    def mails(self) -> InvitationMails:
        """What is mailed is kept in `mailbox`; each event is new."""
        return InvitationMails(
            invitations=self.inviting.invitations,
            mailer=self.mailbox,
            brand=Brand("Tenantry", "https://app.example"),
            rendered=rendered,
            once=Once(InMemoryMarkers(), "mails", timedelta(seconds=60), self.inviting.stamp.now),
            now=self.inviting.stamp.now,
        )

    def open_offers(self) -> set[int]:
        """The tenants that have an invitation or a link which is open."""
        return {
            int(pk.removeprefix("ORG#t-"))
            for (pk, sk), item in self.platform.items.items()
            if sk.startswith(("INVITATION#", "INVITELINK#"))
            and item["status"] in ("PENDING", "ACTIVE")
        }

    @property
    def copies(self) -> MemberCopies:
        return organizations.member_copies()

    @property
    def activity(self) -> ActivityService:
        return audit.activity_service()

    @property
    def recording(self) -> RecordingService:
        return recording.recording_service()

    @property
    def audit_log(self) -> AuditLogService:
        return audit.audit_log_service()

    @property
    def exports(self) -> ExportService:
        return ExportService(
            access=self.activity.access,
            jobs=lambda _standing, writes: self.jobs,  # noqa: ARG005 - all are in one place
            results=self.results,
            stamp=self.then,
        )

    @property
    def writer(self) -> ExportWriter:
        """A PDF is what it would show."""
        entries = DynamoDBActivityRepository(lambda _tenant: self.audit)
        reporting = Reporting(
            entries=entries,
            people=DynamoDBPeople(self.platform),
            names=DynamoDBPeopleNames(self.platform),
            pdf=lambda document: repr(document).encode(),
        )
        return ExportWriter(self.jobs, entries, self.results, reporting, self.then)

    @property
    def jobs(self) -> DynamoDBJobRepository:
        return DynamoDBJobRepository(in_shared(self.tenants))

    @property
    def verification(self) -> VerificationService:
        return VerificationService(
            access=self.activity.access,
            chains=lambda _tenant: DynamoDBChains(self.audit),
            store=lambda _tenant: self.seals,
            keys=lambda _tenant: self.seal_keys,
            signatures=self.signer,
            forgotten_through=lambda _tenant: None,
            now=self.then.now,
        )

    @property
    def sealing(self) -> SealingService:
        return SealingService(
            chains=DynamoDBChains(self.audit),
            organizations=DynamoDBSealedOrganizations(self.audit),
            store=self.seals,
            keys=self.seal_keys,
            signer=self.signer,
            signatures=self.signer,
            # Of each entity a few versions are seeded, which would be nothing but gaps.
            completeness=SimpleNamespace(
                check=lambda *_: None, settle=lambda _: None, look=lambda *_: None
            ),
            now=self.then.now,
            report=lambda *_: None,
        )

    def seal(self, tenant: int) -> None:
        """The last days of a tenant, once; then one of its entries is changed."""
        first, last = (NOW - timedelta(days=SEALED_DAYS)).date(), (NOW - timedelta(days=1)).date()
        DynamoDBSealedOrganizations(self.audit).add(tenant_id(tenant), first)
        if self.sealing.seal(SealTask(tenant_id=tenant_id(tenant), day=last)).seals:
            place = next(
                (pk, sk)
                for pk, sk in self.audit.items
                if pk.startswith(f"ORG#t-{tenant}#AUDIT#") and sk > first.isoformat()
            )
            self.audit.items[place] = {**self.audit.items[place], "correlation_id": "changed"}

    @property
    def people(self) -> ProfileService:
        return identity.people()

    @property
    def arrivals(self) -> ArrivalService:
        return ArrivalService(
            profiles=self.people.profiles,
            sign_ups=DynamoDBSignUpRepository(self.platform),
            organizations=self.organizations,
            invitations=InvitationDoors(),
            stamp=self.people.stamp,
        )

    def seed(self) -> None:
        """Make the tenants; what there is then is what `reset` goes back to."""
        stamp = Stamp(now=FakeClock(NOW - timedelta(days=60)), new_id=FakeIds())
        for tenant in range(TENANTS):
            self._seed(tenant, stamp)
        profile = _profile(OPERATOR, None, stamp.now())
        DynamoDBProfileRepository(self.platform).create(profile, ())
        self._at_first = dict(self.platform.items), dict(self.audit.items)

    def reset(self) -> None:
        """Everything as it was seeded."""
        self.platform.items, self.audit.items = (dict(items) for items in self._at_first)
        self.tenants.items, self.results.objects, self.seals.bodies = {}, {}, {}
        self.forget_writes()

    def forget_writes(self) -> None:
        self.platform.written.clear()
        self.audit.written.clear()
        self.tenants.written.clear()

    def items_of(self, tenant: int) -> int:
        """How many items were seeded for a tenant, and for its people."""
        owned = {tenant_id(tenant), canary(tenant), domain(tenant)}
        owned |= {user_id(tenant, number) for number in range(5)}
        return sum(pk.split("#")[1] in owned for items in self._at_first for pk, _ in items)

    def _seed(self, tenant: int, stamp: Stamp) -> None:
        own, now = tenant_id(tenant), stamp.now()
        organization = Organization(
            tenant_id=own,
            name=canary(tenant, "name"),
            slug=canary(tenant),
            description=canary(tenant, "description"),
            industry=canary(tenant, "industry"),
            plan=PlanName.STARTER,
            settings=Settings(
                allowed_domains=(domain(tenant), f"{canary(tenant)}.example", "people.example"),
                join_by_domain=True,
                branding=Branding(support_email=f"{canary(tenant)}@{domain(tenant)}"),
                feature_flags={canary(tenant, "flag"): True},
            ),
            used_users=1,
            owners=1,
            founder_id=user_id(tenant, 0),
            created_at=now,
            updated_at=now,
        )
        joined = stamp.event(
            MemberJoined(organization_id=own, user_id="x", role=Role.MEMBER, how="founder"), Cause()
        )
        repository = DynamoDBOrganizationRepository(self.platform)
        repository.create(organization, _member(tenant, tenant, 0, now), joined, joined, 1)
        guests = [(tenant, 1), (tenant, 2), (tenant, 3), ((tenant - 1) % TENANTS, 3)]
        for home, number in guests:
            repository.join(_member(tenant, home, number, now), organization, joined)
        for number in range(5):
            DynamoDBProfileRepository(self.platform).create(
                _profile(user_id(tenant, number), own if number < len(ROLES) else None, now), ()
            )
        domains = DynamoDBDomainRepository(self.platform)
        for name in (domain(tenant), f"open-{domain(tenant)}"):
            claim = DomainClaim(
                tenant_id=own, domain=name, token=canary(tenant, "token"), created_at=now
            )
            domains.claim(None, claim, joined)
            self.dns.records.setdefault(claim.record_name, []).append(claim.record_value)
            if name == domain(tenant):
                domains.prove(claim, claim.verified(now), joined.model_copy(update={"id": "p"}))
        log = DynamoDBAuditLog(self.audit)
        for number in range(ITEMS - 16):
            log.add(Entry.of(event_of(tenant, number)))


def event_of(tenant: int, number: int) -> Envelope:
    """One of a tenant's events; its canary is in its data."""
    return envelope(
        tenant * 1000 + number,
        NOW - timedelta(hours=30 * number + 1),
        tenant_id=tenant_id(tenant),
        entity_id=tenant_id(tenant),
        actor={"id": user_id(tenant, number % 4)},
        data={"canary": canary(tenant, "event")},
    )


def _later(stamp: Stamp, by: timedelta) -> Stamp:
    return Stamp(now=lambda: stamp.now() + by, new_id=FakeIds())


def _member(tenant: int, home: int, number: int, at: datetime) -> Member:
    return Member(
        tenant_id=tenant_id(tenant),
        user_id=user_id(home, number),
        role=ROLES[number],
        joined_at=at,
    )


def _profile(user: str, active: str | None, at: datetime) -> Profile:
    return Profile(
        user_id=user,
        user_name=user,
        email=address(user),
        name=f"name of {user}",
        active_organization_id=active,
        created_at=at,
        updated_at=at,
    )


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setattr("tenantry.bootstrap.Table", made.table)
        patch.setattr("tenantry.audit.bootstrap.activity.Table", made.table)
        patch.setattr("tenantry.audit.bootstrap.recording.Table", made.table)
        no_session = SimpleNamespace(client=lambda _tenant: None)
        patch.setattr("tenantry.audit.bootstrap.activity.sessions", lambda: no_session)
        patch.setattr("tenantry.audit.bootstrap.activity.now", lambda: NOW)
        patch.setattr("tenantry.organizations.bootstrap.DnspythonResolver", lambda _: made.dns)
        # Calls are counted whether or not they are refused; here every other write is looked at.
        patch.setattr("tenantry.organizations.bootstrap.DynamoDBCallStore", lambda _: made.calls)
        patch.setattr(
            "tenantry.identity.bootstrap.people.CognitoUserDirectory", lambda _: made.pool
        )
        wire(patch, PLATFORM_TABLE="platform", AUDIT_TABLE="audit", EMAIL_SENDING="true")
        made.seed()
        yield made
