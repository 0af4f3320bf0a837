"""An organisation that invites, on any table: who is in it, the services over it, its mailbox."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tenantry.errors import NotAMemberError
from tenantry.identity.addresses import checked_address
from tenantry.invitations.bootstrap.repository import invitations_in
from tenantry.invitations.dynamodb import DynamoDBInvitationRepository
from tenantry.invitations.mails import InvitationMails
from tenantry.invitations.model import Invitation
from tenantry.invitations.service import DoorService, InvitationService
from tenantry.invitations.sweep import InvitationSweep
from tenantry.mail.model import Brand
from tenantry.mail.rendering import rendered
from tenantry.messaging.changes import envelopes
from tenantry.messaging.event import Envelope
from tenantry.messaging.once import Once
from tenantry.messaging.stamp import Stamp
from tenantry.organizations import seats
from tenantry.organizations.model import Member, Organization, PlanName
from tenantry.persistence.items import Item, to_wire
from tenantry.persistence.keys import key, member_key, organization_key, organization_pk
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Create
from tenantry.tenancy.access import MemberStatus, Standing
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.support.clock import FakeClock
from tests.support.fakes.mail import Mailbox

ACME = "acme"
BOB = "bob@example.com"
_LEASE = timedelta(seconds=60)
_TOKEN = re.compile(r"/invitation#(\S+)")


class EveryMarker:
    """Markers that let each event through once."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def begin(self, consumer: str, event_id: str, now: Any, lease: Any) -> bool:
        return event_id not in self.seen

    def done(self, consumer: str, event_id: str, now: Any) -> None:
        self.seen.add(event_id)


@dataclass
class Acme:
    """Ada, owner of the organisation `acme`, and everything that has to do with its invitations."""

    table: Table
    clock: FakeClock
    stamp: Stamp
    plan: PlanName = PlanName.STARTER
    mailbox: Mailbox = field(default_factory=Mailbox)
    reported: list[tuple[str, str]] = field(default_factory=list)
    delivered: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        now = self.clock()
        organization = Organization(
            tenant_id=ACME,
            name="Acme & Söhne",
            slug="acme",
            plan=self.plan,
            used_users=1,
            owners=1,
            founder_id="ada",
            created_at=now,
            updated_at=now,
        )
        item = organization.model_dump(mode="json", exclude_none=True, exclude={"entity_version"})
        item |= {"entity_type": "Organization", "entity_id": ACME}
        self.table.write(Create(organization_key(ACME), item))
        self.add_member("ada", Role.OWNER, counted=False)
        self.add_person("ada", "ada@acme.example", name="Ada", locale="en")
        self.repository: DynamoDBInvitationRepository = invitations_in(self.table)
        self.service = InvitationService(
            self.repository, self, checked_address, sends_mail=True, stamp=self.stamp
        )
        self.doors = DoorService(
            self.repository, seats, self.stamp, lambda *what: self.reported.append(what)
        )
        self.sweep = InvitationSweep(self.repository, self.stamp)
        self.markers = EveryMarker()

    # people

    def add_member(
        self,
        user_id: str,
        role: Role,
        status: MemberStatus = MemberStatus.ACTIVE,
        *,
        counted: bool = True,
        email: str | None = None,
    ) -> Caller:
        member = Member(
            tenant_id=ACME,
            user_id=user_id,
            role=role,
            status=status,
            email=email,
            joined_at=self.clock(),
        )
        self.table.write(Create(member_key(ACME, user_id), seats.member_item(member)))
        if counted:
            self.table.transact([seats.reserve(ACME, limit=None, require={})])
        return Caller(user_id=user_id, tenant_id=ACME)

    def change_member(self, user_id: str, **values: Any) -> None:
        """As other contexts change it."""
        self.put(member_key(ACME, user_id), **values)

    def change_organization(self, **values: Any) -> None:
        self.put(organization_key(ACME), **values)

    def put(self, where: dict[str, str], **values: Any) -> None:
        item = self.table.get(where)
        assert item is not None
        self.table.put({**item, **values})

    def add_person(self, user_id: str, email: str, *, proven: bool = True, **more: str) -> Caller:
        """Somebody with an account, signed in."""
        profile = {"user_id": user_id, "user_name": user_id, "email": email, **more}
        self.table.put({**key(f"USER#{user_id}", "PROFILE"), **profile, "email_proven": proven})
        return Caller(user_id=user_id)

    @property
    def ada(self) -> Caller:
        return Caller(user_id="ada", tenant_id=ACME)

    def standing(self, caller: Caller) -> Standing:
        """As the `Access` port."""
        organization = self.table.get(organization_key(ACME))
        member = self.table.get(member_key(ACME, caller.user_id))
        assert organization is not None
        if member is None:
            raise NotAMemberError("not a member")
        renamed = {"user_id": member["entity_id"], "joined_at": member["created_at"]}
        found = Member.model_validate({**member, **renamed})
        return found.standing_in(Organization.model_validate(organization))

    # what is done and what became of it

    def invite(self, email: str = BOB, caller: Caller | None = None, **more: Any) -> Invitation:
        return self.service.invite(caller or self.ada, {"email": email, **more})

    def token(self, email: str = BOB) -> str:
        """The token of the newest mail to an address, once all mails have gone out."""
        self.deliver()
        return self.tokens(email)[-1]

    def tokens(self, email: str = BOB) -> list[str]:
        return [found[1] for mail in self.mailbox.to(email) if (found := _TOKEN.search(mail.text))]

    @property
    def mails(self) -> InvitationMails:
        return InvitationMails(
            invitations=self.repository,
            mailer=self.mailbox,
            brand=Brand("Tenantry", "https://app.example"),
            rendered=rendered,
            once=Once(self.markers, "mails", _LEASE, self.clock),
            now=self.clock,
        )

    def deliver(self, times: int = 1) -> None:
        """Send the mails that follow from all events so far, each event `times` times."""
        for envelope in self.envelopes():
            if envelope.id not in self.delivered and envelope.type in MAILED:
                for _ in range(times):
                    self.mails.send(envelope)
                self.delivered.add(envelope.id)

    def envelopes(self) -> list[Envelope]:
        """The latest events of everything that is stored, in the order of their ids."""
        records = (
            {"eventName": "INSERT", "dynamodb": {"NewImage": to_wire(item)}}
            for item in self.items()
        )
        found = [envelope for record in records for envelope in envelopes(record)]
        return sorted(found, key=lambda envelope: envelope.id)

    def told(self) -> list[str]:
        return [envelope.type for envelope in self.envelopes()]

    def items(self, prefix: str = "") -> list[Item]:
        page = self.table.query(organization_pk(ACME), prefix=prefix or None, limit=10_000)
        return page.items

    def stored(self, invitation: Invitation) -> Invitation:
        found = self.repository.get(ACME, invitation.invitation_id)
        assert found is not None
        return found

    def members(self) -> dict[str, str]:
        return {item["entity_id"]: item["status"] for item in self.items("MEMBER#")}

    @property
    def seats(self) -> int:
        item = self.table.get(organization_key(ACME))
        assert item is not None
        return int(item["used_users"])

    def seats_by_rows(self) -> int:
        """Members and pending invitations, counted."""
        current = [s for s in self.members().values() if s in ("ACTIVE", "SUSPENDED")]
        pending = [i for i in self.items("INVITATION#") if i["status"] == "PENDING"]
        return len(current) + len(pending)


MAILED = frozenset(
    {
        "MemberInvited",
        "InvitationRenewed",
        "InvitationReminded",
        "InvitationAccepted",
        "InvitationLinkCreated",
    }
)
