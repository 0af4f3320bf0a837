"""Whatever is asked, in whatever order: nobody is told or changes anything of another tenant (2).

Every method of the services and repositories, wired as they are deployed, on tables in memory that
a contract holds equal to DynamoDB's. There is no IAM here: keys and standings alone have to do.
"""

import inspect
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tenantry.audit.dynamodb import (
    DynamoDBActivityRepository,
    DynamoDBAuditLog,
    DynamoDBPeopleNames,
)
from tenantry.audit.dynamodb_exports import DynamoDBJobRepository, DynamoDBPeople
from tenantry.audit.dynamodb_seals import DynamoDBChains
from tenantry.audit.exporting import ExportService, ExportWriter
from tenantry.audit.model import ActivityFilter, span_of
from tenantry.audit.sealing import SealingService
from tenantry.audit.service import ActivityService, AuditLogService, RecordingService
from tenantry.audit.verification import VerificationService
from tenantry.errors import TenantryError
from tenantry.identity.dynamodb import DynamoDBProfileRepository
from tenantry.identity.model import Arrival
from tenantry.identity.service import ArrivalService, ProfileService
from tenantry.invitations.mails import InvitationMails
from tenantry.invitations.service import DoorService, InvitationService
from tenantry.invitations.sweep import InvitationSweep
from tenantry.messaging.stamp import Cause
from tenantry.organizations.dynamodb import (
    DynamoDBAccess,
    DynamoDBDomainRepository,
    DynamoDBMemberRepository,
    DynamoDBOrganizationRepository,
    DynamoDBSupportRepository,
)
from tenantry.organizations.members import MemberCopies, MemberService
from tenantry.organizations.service import OrganizationService
from tenantry.organizations.support import SupportService, SupportSweep
from tenantry.persistence.keys import key, member_key, organization_pk
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import OPERATOR_GROUP
from tenantry.tenancy.tenant_table import ForeignKeyError
from tests.integration.isolation.conftest import (
    ITEMS,
    NOW,
    OPERATOR,
    SEALED_DAYS,
    TENANTS,
    World,
    address,
    canary,
    domain,
    event_of,
    tenant_id,
    user_id,
)

RUNS, STEPS = 300, 40
CANARY, NAMED = re.compile(r"canary-(\d+)-"), re.compile(r"\bt-(\d+)\b")
PERSON = re.compile(r"name of (u-\d+-\d)")
EVENT = re.compile(r"\be-(\d{5})\b")
"""Of an event's id the thousands are its tenant."""
FOUNDED = 1000
"""What a user founds has canaries of its own: this and the number of the user."""


@dataclass(frozen=True)
class Asked:
    """One question: who asks, about which tenant, with which tenant's ids, words and cursors."""

    home: int
    number: int
    about: int
    borrowed: int
    choice: int

    @property
    def user(self) -> str:
        return user_id(self.home, self.number)

    @property
    def tenant(self) -> str:
        """Mostly the tenant as it is; sometimes what could be mistaken for a part of it."""
        odd = ("#AUDIT", "#MEMBER", " ", "\n", "*", "/../t-1")
        named = tenant_id(self.about)
        return f"{named}{odd[self.choice % 6]}" if self.choice % 23 == 0 else named

    @property
    def caller(self) -> Caller:
        return Caller(user_id=self.user, tenant_id=self.tenant)

    @property
    def domain(self) -> str:
        names = domain(self.borrowed), f"open-{domain(self.borrowed)}", f"new-{self.home}.example"
        return names[self.choice % 3]

    @property
    def arrival(self) -> Arrival:
        return Arrival(self.user, self.user, f"a@{domain(self.borrowed)}", email_verified=True)


def _cursors(world: World, asked: Asked) -> str | None:
    """None, or where a list of another tenant's goes on."""
    if asked.choice % 2:
        return None
    owner = Caller(user_id=user_id(asked.borrowed, 0), tenant_id=tenant_id(asked.borrowed))
    try:
        if asked.choice % 4:
            return world.activity.activity(owner, 3, None, None).next_cursor
        guest = user_id(asked.borrowed, 3)
        return world.organizations.memberships(guest, 1, None).next_cursor
    except TenantryError:
        return None


def _filter(asked: Asked) -> dict[str, Any] | None:
    named = {
        0: {"actorId": user_id(asked.borrowed, 0)},
        1: {"entityId": tenant_id(asked.borrowed)},
        2: {"type": "OrganizationUpdated"},
    }
    return named.get(asked.choice % 4)


def _settings(asked: Asked) -> dict[str, Any]:
    values: tuple[dict[str, Any], ...] = (
        {"joinByDomain": bool(asked.choice % 2)},
        {"featureFlags": [{"name": canary(asked.about, "flag"), "enabled": True}]},
        {"branding": {"logoKey": f"orgs/{tenant_id(asked.borrowed)}/branding/logo.png"}},
        {"allowedDomains": [domain(asked.borrowed)]},
    )
    return values[asked.choice % 4]


def _founding(asked: Asked) -> dict[str, Any]:
    number = FOUNDED + asked.home * 5 + asked.number
    return {
        "name": canary(number, "name"),
        # Another's key is a key like any other; another's slug is taken.
        "clientMutationId": f"k-{asked.choice % 2}",
        **({"slug": canary(asked.borrowed)} if asked.choice % 5 == 0 else {}),
    }


def _other(asked: Asked) -> str:
    """A member of the tenant that ids are borrowed from."""
    return user_id(asked.borrowed, asked.choice % 4)


def _offer(world: World, asked: Asked) -> str:
    """An invitation of the tenant that ids are borrowed from; else one that is not there."""
    found = world.inviting.invitations.page(tenant_id(asked.borrowed), None, 1)[0]
    return found[0].invitation_id if found else "i-0"


def _link(world: World, asked: Asked) -> str:
    found = world.inviting.invitations.link_page(tenant_id(asked.borrowed), 1, None)[0]
    return found[0].link_id if found else "l-0"


def _wish(asked: Asked) -> dict[str, Any]:
    """Somebody to be invited, who may be somebody else's colleague."""
    emails = address(_other(asked)), address(asked.user), f"new@{domain(asked.borrowed)}"
    words = canary(asked.about, "words")
    return {"email": emails[asked.choice % 3], "role": "VIEWER", "message": words}


def _export(world: World, asked: Asked) -> str:
    """An export of the tenant that ids are borrowed from; else one that is not there."""
    found, _ = world.jobs.newest(tenant_id(asked.borrowed), 1, None)
    return found[0].job_id if found else "j-0"


def _time(days: int) -> dict[str, Any]:
    return {"from": (NOW - timedelta(days=days)).isoformat(), "to": NOW.isoformat()}


def _exporting(asked: Asked) -> dict[str, Any]:
    chosen = {"actorId": user_id(asked.borrowed, 0)} if asked.choice % 3 == 0 else None
    more = {"clientMutationId": f"k-{asked.choice % 2}"} if asked.choice % 5 == 0 else {}
    return {**_time(40), "format": ("CSV", "JSONL")[asked.choice % 2], "filter": chosen, **more}


def _reporting(asked: Asked) -> dict[str, Any]:
    return {**_time(40), "format": ("CSV", "PDF")[asked.choice % 2]}


type Question = Callable[[World, Asked], Any]

QUESTIONS: dict[str, Question] = {
    "create": lambda w, a: w.organizations.create(a.caller, _founding(a)),
    "found": lambda w, a: w.organizations.found(a.user, _founding(a)["name"], Cause()),
    "read": lambda w, a: w.organizations.read(a.caller),
    "usage": lambda w, a: w.organizations.usage(a.caller),
    "storage": lambda w, a: w.organizations.storage(a.caller, a.choice % 9 + 1, None),
    "update": lambda w, a: w.organizations.update(
        a.caller, {"name": canary(a.about, "name"), "description": canary(a.about, str(a.choice))}
    ),
    "update_settings": lambda w, a: w.organizations.update_settings(a.caller, _settings(a)),
    "suspend": lambda w, a: w.organizations.suspend(a.caller, tenant_id(a.borrowed), "x"),
    "reactivate": lambda w, a: w.organizations.reactivate(a.caller, tenant_id(a.borrowed), "x"),
    "claim_domain": lambda w, a: w.organizations.claim_domain(a.caller, a.domain),
    "verify_domain": lambda w, a: w.organizations.verify_domain(a.caller, a.domain),
    "release_domain": lambda w, a: w.organizations.release_domain(a.caller, a.domain),
    "joinable": lambda w, a: w.organizations.joinable(a.tenant, f"x@{domain(a.borrowed)}"),
    "standing_of": lambda w, a: w.organizations.standing_of(a.user, a.tenant),
    "memberships": lambda w, a: w.organizations.memberships(a.user, 1, _cursors(w, a)),
    "members": lambda w, a: w.members.page(a.caller, 50, _cursors(w, a), None),
    "update_role": lambda w, a: w.members.update_role(
        a.caller, _other(a), ("ADMIN", "MANAGER", "MEMBER")[a.choice % 3]
    ),
    "update_permissions": lambda w, a: w.members.update_permissions(
        a.caller, _other(a), ["activity:read"]
    ),
    "suspend_member": lambda w, a: w.members.suspend(a.caller, _other(a)),
    "reactivate_member": lambda w, a: w.members.reactivate(a.caller, _other(a)),
    "remove_member": lambda w, a: w.members.remove(a.caller, _other(a)),
    "leave": lambda w, a: w.members.leave(a.caller),
    "transfer": lambda w, a: w.members.transfer(a.caller, _other(a)),
    "invite": lambda w, a: w.inviting.invite(a.caller, _wish(a)),
    "invite_many": lambda w, a: w.inviting.invite_many(a.caller, [_wish(a), {"email": "x"}]),
    "invitations": lambda w, a: w.inviting.list(a.caller, 50, _cursors(w, a), None),
    "resend": lambda w, a: w.inviting.resend(a.caller, _offer(w, a)),
    "revoke": lambda w, a: w.inviting.revoke(a.caller, _offer(w, a)),
    "create_link": lambda w, a: w.inviting.create_link(
        a.caller, {"domains": [f"{canary(a.about)}.example"], "maxUses": 3}
    ),
    "links": lambda w, a: w.inviting.links(a.caller, 50, _cursors(w, a)),
    "revoke_link": lambda w, a: w.inviting.revoke_link(a.caller, _link(w, a)),
    "sessions": lambda w, a: w.support.page(a.caller, None, _cursors(w, a)),
    "activity": lambda w, a: w.activity.activity(a.caller, 50, _cursors(w, a), _filter(a)),
    "audit_log": lambda w, a: w.audit_log.audit_log(a.caller, 50, _cursors(w, a), _filter(a)),
    "request_export": lambda w, a: w.exports.request_export(a.caller, _exporting(a)),
    "request_report": lambda w, a: w.exports.request_report(a.caller, _reporting(a)),
    "export": lambda w, a: w.exports.export(a.caller, _export(w, a)),
    "exports": lambda w, a: w.exports.exports(a.caller, 50, _cursors(w, a)),
    "cancel_export": lambda w, a: w.exports.cancel(a.caller, _export(w, a)),
    "verify": lambda w, a: w.verification.verify(a.caller, _time(SEALED_DAYS)),
    "me": lambda w, a: w.people.me(a.caller),
    "update_profile": lambda w, a: w.people.update(
        a.caller,
        {"locale": "de", "avatarKey": f"users/{user_id(a.borrowed, a.number)}/avatars/a.png"},
    ),
    "my_memberships": lambda w, a: w.people.memberships(a.caller, 1, _cursors(w, a)),
    "switch": lambda w, a: w.people.switch(a.caller, a.tenant),
    "suspend_user": lambda w, a: w.people.suspend(a.caller, "p", user_id(a.borrowed, 1), "x"),
    "reactivate_user": lambda w, a: w.people.reactivate(a.caller, user_id(a.borrowed, 1), "x"),
    "ensure_profile": lambda w, a: w.arrivals.ensure_profile(a.arrival, Cause()),
    "signed_in": lambda w, a: w.arrivals.signed_in(a.arrival, Cause()),
    "grant": lambda w, a: w.arrivals.grant(a.arrival, Cause()),
    "access": lambda w, a: w.activity.access.standing(a.caller),
    "get_profile": lambda w, a: w.people.profiles.get(a.user),
}
"""What a user may be told is bounded by what they are a member of, whichever tenant they name."""

LISTING = {"memberships", "my_memberships"}
"""What tells somebody of all organisations that they belong to."""
FOR_ADMINISTRATORS = {
    *("audit_log", "request_export", "request_report", "export", "exports", "cancel_export"),
    "verify",
}
"""What of the audit nobody else is answered, whatever else they may do."""

MOVING = {"suspend_member", "reactivate_member", "remove_member", "leave"}
"""What changes who is an active member."""

READS: dict[str, Question] = {
    "get": lambda w, a: w.organizations.organizations.get(a.tenant),
    "acting": lambda w, a: w.organizations.organizations.acting(a.tenant, a.user),
    "member_page": lambda w, a: w.members.members.page(a.tenant, None, 50),
    "session_page": lambda w, a: w.support.sessions.page(a.tenant, None, 50),
    "invitation": lambda w, a: w.inviting.invitations.get(a.tenant, _offer(w, a)),
    "invitation_page": lambda w, a: w.inviting.invitations.page(a.tenant, None, 50),
    "link": lambda w, a: w.inviting.invitations.get_link(a.tenant, _link(w, a)),
    "link_page": lambda w, a: w.inviting.invitations.link_page(a.tenant, 50, None),
    "overview": lambda w, a: w.people.profiles.overview(a.user, a.tenant).membership,
    "read_claim": lambda w, a: w.organizations.domains.read(a.tenant, a.domain)[0],
    "month": lambda w, a: w.activity.entries.month(a.tenant, f"{NOW:%Y-%m}", _span(), 50),
    "narrowed": lambda w, a: w.activity.entries.narrowed(
        a.tenant, "entity_id", tenant_id(a.borrowed), _span(), 50
    ),
}
"""What a repository is asked for one tenant, it answers of that tenant only."""

DECLARED: dict[type, set[str]] = {
    OrganizationService: {
        *("create", "found", "read", "update", "update_settings", "suspend", "reactivate"),
        *("claim_domain", "verify_domain", "release_domain", "join_by_domain", "joinable"),
        *("standing_of", "memberships", "usage", "storage"),
    },
    MemberService: {
        *("page", "update_role", "update_permissions", "suspend", "reactivate", "remove"),
        *("leave", "transfer", "appoint"),
    },
    MemberCopies: {"refresh"},
    SupportService: {"open", "close", "page"},
    DynamoDBMemberRepository: {"save", "page", "tenants_of", "show"},
    DynamoDBSupportRepository: {"open", "close", "page", "due"},
    SupportSweep: {"run"},
    InvitationSweep: {"run"},
    InvitationMails: {"send"},
    InvitationService: {
        *("invite", "invite_many", "list", "resend", "revoke"),
        *("create_link", "links", "revoke_link"),
    },
    DoorService: {"preview", "accept", "decline", "claim", "join"},
    ActivityService: {"activity"},
    AuditLogService: {"audit_log"},
    ExportService: {"request_export", "request_report", "export", "exports", "cancel"},
    ExportWriter: {"work"},
    VerificationService: {"verify"},
    SealingService: {"seal"},
    DynamoDBJobRepository: {"create", "get", "newest", "work", "end", "prove", "drift"},
    DynamoDBPeople: {"staff"},
    DynamoDBChains: {
        *("position", "entries", "occurred", "stored", "commit", "move", "records", "before"),
    },
    RecordingService: {"record"},
    ProfileService: {"me", "update", "memberships", "switch", "suspend", "reactivate"},
    ArrivalService: {"ensure_profile", "signed_in", "grant"},
    DynamoDBOrganizationRepository: {
        *("create", "get", "acting", "save", "join", "memberships", "is_barred"),
    },
    DynamoDBDomainRepository: {"read", "holder", "claim", "prove", "release"},
    DynamoDBAccess: {"standing"},
    DynamoDBProfileRepository: {"get", "overview", "create", "save"},
    DynamoDBAuditLog: {"add"},
    DynamoDBActivityRepository: {"month", "narrowed"},
    DynamoDBPeopleNames: {"of"},
}
"""Every method that the machine calls, itself or through a service."""


def _span() -> Any:
    return span_of(ActivityFilter(), None, NOW)


# Often the same few, so that what happens to them is asked for afterwards.
numbers = st.integers(0, 2) | st.integers(0, TENANTS - 1)
asking = st.builds(
    Asked,
    home=numbers,
    number=st.integers(0, 4),
    about=numbers,
    borrowed=numbers,
    choice=st.integers(0, 999),
)
# One's own tenant, so that most questions are not refused at the door.
at_home = asking.map(lambda a: replace(a, about=a.home, borrowed=a.home))
borrowing = asking.map(lambda a: replace(a, about=a.home))
as_guest = asking.map(lambda a: replace(a, number=3, about=(a.home + 1) % TENANTS))
anywhere = at_home | borrowing | as_guest | asking


ACTIONS = [
    *(("ask", name) for name in QUESTIONS),
    *(("read", name) for name in READS),
    *[("join", ""), ("record", ""), ("operate", "suspend"), ("operate", "reactivate")],
    ("appoint", "appoint"),
    *[("move", "REMOVED"), ("move", "ACTIVE")] * 2,
    *[("ask", name) for name in sorted(MOVING)] * 2,
    *[("manage", "transfer"), ("manage", "update_permissions")] * 2,
    *[("support", "open"), ("support", "close"), ("support", "read"), ("show", "")],
    *[("expire", "sweep_support"), ("expire", "sweep_invitations")],
    *[("mail", "")] * 2,
    *[("write", ""), ("prove", "")] * 2,
    *[("link", "accept"), ("link", "preview"), ("link", "join")],
    *(("knock", name) for name in ("preview", "accept", "decline", "claim", "join")),
    *[("colleague", name) for name in ("resend", "revoke", "revoke_link")] * 2,
    *[("colleague", name) for name in ("export", "cancel_export")] * 2,
    *(("ended", name) for name in ("read", "update", "activity", "me", "grant", "access")),
]


class Tenants(RuleBasedStateMachine):
    """People of twenty tenants who come and go, and ask for everything."""

    world: ClassVar[World]
    answered: ClassVar[Counter[str]] = Counter()
    steps: ClassVar[Counter[str]] = Counter()

    @initialize()
    def begin(self) -> None:
        self.world.reset()
        self.members = {
            (tenant, user_id(home, number)): True
            for tenant in range(TENANTS)
            for home, number in (
                *((tenant, number) for number in range(4)),
                ((tenant - 1) % TENANTS, 3),
            )
        }
        """Who is a member, with whether they still are one."""
        self.sessions: set[int] = set()
        """The tenants in which the operator has a support session."""
        self.steps["runs"] += 1

    @rule(asked=anywhere, action=st.sampled_from(ACTIONS))
    def act(self, asked: Asked, action: tuple[str, str]) -> None:
        kind, name = action
        getattr(self, f"_{kind}")(asked, name)
        self.steps["all"] += 1

    def _ask(self, asked: Asked, name: str) -> None:
        own = {tenant for (tenant, user), still in self.members.items() if user == asked.user}
        active = {t for (t, user), still in self.members.items() if user == asked.user and still}
        founded = FOUNDED + asked.home * 5 + asked.number
        answered, role = self.answered[name], self._role(asked)
        told = self._told(name, lambda: QUESTIONS[name](self.world, asked))
        if name in FOR_ADMINISTRATORS:
            assert self.answered[name] == answered or role in ("OWNER", "ADMIN"), (name, asked)
            assert _events(told) <= {asked.about}, (name, asked, told)
        shown = self._listed(asked.user) if name in LISTING else active
        assert _canaries(told) <= shown | {founded}, (name, asked, told)
        # A profile names the organisation that one belonged to, a refusal what was asked for.
        assert _ids(told) <= own | {asked.about}, (name, asked, told)
        seen = {person for person in PERSON.findall(told) if not self._meet(person, asked.user)}
        assert not seen, (name, asked, told)
        self._wrote_only_for(active, asked.user, name)
        if name in MOVING:
            self._look_who_is_there(asked.about)

    def _listed(self, user: str) -> set[int]:
        """Where somebody is a member, or is suspended and sees that they are."""
        items = {t: self.world.platform.get(member_key(tenant_id(t), user)) for t in range(TENANTS)}
        return {t for t, item in items.items() if item and item["status"] != MemberStatus.REMOVED}

    def _role(self, asked: Asked) -> str | None:
        """What somebody is, who may be asked no more, in the tenant that they ask about."""
        item = self.world.platform.get(member_key(tenant_id(asked.about), asked.user))
        return str(item["role"]) if item and item["status"] == MemberStatus.ACTIVE else None

    def _prove(self, asked: Asked, _name: str) -> None:
        """A tenant whose log was changed after its seal is told that, and nobody else is."""
        self.world.seal(asked.about)
        self._wrote_only_for({asked.about}, "", "seal")
        for place, body in self.world.seals.bodies.items():
            owner = int(place.split("/", maxsplit=1)[0].removeprefix("t-"))
            assert _ids(body.decode()) == {owner}, place
        before = self.answered["verify"]
        self._ask(asked, "verify")
        if self.answered["verify"] > before:
            verified = QUESTIONS["verify"](self.world, asked)
            assert [finding.kind.value for finding in verified.findings] in ([], ["ALTERED"])

    def _write(self, asked: Asked, _name: str) -> None:
        """As the worker does: what it writes for a tenant is told of that tenant alone.

        A job of another tenant is none, whatever the message says.
        """
        own, founder = tenant_id(asked.about), replace(asked, home=asked.about, number=0)
        self._ask(founder, ("request_export", "request_report")[asked.choice % 2])
        if asked.borrowed != asked.about:
            assert not self.world.writer.work(own, _export(self.world, asked))
            assert self.world.tenants.written == []
        jobs, _ = self.world.jobs.newest(own, 50, None)
        for job in jobs:
            while self.world.writer.work(own, job.job_id):
                pass
            self._count("write", True)
        self._wrote_only_for({asked.about}, "", "write")
        people = {user for tenant, user in self.members if tenant == asked.about}
        for name, content in self.world.results.objects.items():
            if name.startswith(f"{own}/"):
                text = content.decode()
                assert _canaries(text) | _ids(text) | _events(text) <= {asked.about}, (name, text)
                assert set(PERSON.findall(text)) <= people, (name, text)

    def _manage(self, asked: Asked, name: str) -> None:
        """What the founder of a tenant asks there of another member; by chance it is rarely met."""
        home, other = asked.home, 1 + asked.choice % 3
        self._ask(Asked(home, number=0, about=home, borrowed=home, choice=other), name)

    def _colleague(self, asked: Asked, name: str) -> None:
        """What the founder asks of an offer, or an export; by chance there rarely is one."""
        home = asked.home
        own = Asked(home, number=0, about=home, borrowed=asked.borrowed, choice=asked.choice)
        makes = {"revoke_link": "create_link", "export": "request_export"}
        makes["cancel_export"] = "request_export"
        self._ask(replace(own, borrowed=home), makes.get(name, "invite"))
        self._ask(own, name)

    def _knock(self, asked: Asked, name: str) -> None:
        """Who holds a token is told of its tenant alone, and it opens to its address alone."""
        invited = asked.user if asked.choice % 2 else _other(asked)
        token = self.world.mailed(asked.about, invited)
        if token is None:
            return
        doors, caller = self.world.doors, Caller(user_id=asked.user)
        own = address(asked.user)
        ask: dict[str, Callable[[], Any]] = {
            "preview": lambda: doors.preview(token),
            "accept": lambda: doors.accept(caller, token),
            "decline": lambda: doors.decline(token, Cause()),
            "claim": lambda: doors.claim(token, own),
            "join": lambda: doors.join(
                doors.claim(token, address(invited)), asked.user, own, None, Cause()
            ),
        }
        before = self.answered[f"door {name}"]
        # A member's own invitation is over when they accept it: its seat is free again.
        told = self._told(f"door {name}", ask[name], ends=True)
        done = self.answered[f"door {name}"] > before and told != "None"
        assert _canaries(told) | _ids(told) <= {asked.about}, (name, asked, told)
        if name in ("accept", "join", "claim") and done:
            assert invited == asked.user or self.members.get((asked.about, asked.user))
        self._wrote_only_for({asked.about}, asked.user, name)
        if name in ("accept", "join") and done:
            self.members[asked.about, asked.user] = True

    def _read(self, asked: Asked, name: str) -> None:
        told = self._told(f"repository {name}", lambda: READS[name](self.world, asked))
        assert _canaries(told) | _ids(told) <= {asked.about}, (name, asked, told)
        self._wrote_only_for(set(), "", name)

    def _join(self, asked: Asked, _name: str) -> None:
        email = f"{asked.user}@{domain(asked.about)}"
        joined = self.world.organizations.join_by_domain(asked.user, email, Cause())
        self._count("join_by_domain", joined is not None)
        if joined is None:
            self._wrote_only_for(set(), "", "join")
            return
        assert joined == tenant_id(asked.about) or self._moved_domain(joined, asked)
        number = int(joined.removeprefix("t-"))
        assert self.members.get((number, asked.user), True), "an ended membership came back"
        self.members[number, asked.user] = True
        self._wrote_only_for({number}, asked.user, "join")

    def _move(self, asked: Asked, status: str) -> None:
        """As the management of members will: there is no command for it yet."""
        where = member_key(tenant_id(asked.about), asked.user)
        item = self.world.platform.get(where)
        if item:
            self.world.platform.put({**item, "status": status})
            self.members[asked.about, asked.user] = status == MemberStatus.ACTIVE
            self.world.forget_writes()

    def _look_who_is_there(self, tenant: int) -> None:
        """After a command of members, which the assertions before held to one tenant."""
        for about, user in self.members:
            item = self.world.platform.get(member_key(tenant_id(about), user))
            if about == tenant and item:
                self.members[about, user] = item["status"] == MemberStatus.ACTIVE

    def _support(self, asked: Asked, name: str) -> None:
        """An operator reaches those tenants in which they have a session, and no others."""
        own = tenant_id(asked.about)
        root = Caller(user_id=OPERATOR, tenant_id=own, groups=frozenset({OPERATOR_GROUP}))
        ask: dict[str, Callable[[], Any]] = {
            "open": lambda: self.world.support.open(root, own, "a reason", 30),
            "close": lambda: self.world.support.close(root, own),
            "read": lambda: self.world.organizations.read(root),
        }
        if name != "open" and asked.choice % 2 and asked.about not in self.sessions:
            self._support(asked, "open")
        before, opened = self.answered[f"support {name}"], asked.about in self.sessions
        told = self._told(f"support {name}", ask[name])
        done = self.answered[f"support {name}"] > before
        assert _canaries(told) | _ids(told) <= {asked.about}, (name, asked, told)
        if name == "open":
            # Whoever has a session is answered that one; only a new one is written.
            assert done, (asked, told)
            assert bool(self.world.platform.written) is not opened, (asked, told)
            self.sessions.add(asked.about)
        elif name == "close":
            self.sessions.discard(asked.about)
        else:
            assert done is (asked.about in self.sessions), (asked, told)
        self._wrote_only_for({asked.about}, "", name)

    def _expire(self, _asked: Asked, name: str) -> None:
        """As the sweep does, hours later: it closes what is open, and tells nobody anything."""
        if name == "sweep_invitations":
            open_before = self.world.open_offers()
            ended = self.world.invitation_sweep.run()
            self._count(name, ended.expired > 0)
            assert self.world.open_offers() == set()
            self._wrote_only_for(open_before, "", name)
            return
        swept = self.world.support_sweep.run()
        self._count(name, swept.closed > 0)
        assert swept.closed == len(self.sessions)
        self._wrote_only_for(self.sessions, "", name)
        self.sessions = set()

    def _mail(self, asked: Asked, _name: str) -> None:
        """As the consumer of invitations does: a mail is told of its tenant, to its addressee.

        What an event names of another tenant is not there.
        """
        about = asked.about if asked.choice % 3 else asked.borrowed
        self.world.mailed(asked.borrowed, _other(asked))
        offer = self.world.inviting.invitations.get(tenant_id(about), _offer(self.world, asked))
        data = {
            "organization_id": tenant_id(about),
            "invitation_id": _offer(self.world, asked),
            "generation": offer.generation if offer else 1,
        }
        told = event_of(about, 1).model_copy(update={"data": data, "type": "MemberInvited"})
        self.world.mailbox.sent.clear()
        self._count("mail", self.world.mails.send(told))
        for mail in self.world.mailbox.sent:
            assert about == asked.borrowed
            assert _canaries(repr(mail)) <= {about}, (asked, mail)
            assert offer is not None
            assert mail.to == offer.email, (asked, mail)
            assert set(PERSON.findall(repr(mail))) <= {offer.inviter_id}, (asked, mail)
        self._wrote_only_for({about}, "", "mail")

    def _link(self, asked: Asked, name: str) -> None:
        """Who follows a link is told of its tenant alone, and comes in by its domain alone."""
        allowed = "people.example" if asked.choice % 3 else domain(asked.about)
        token = self.world.linked(asked.about, allowed)
        if token is None:
            return
        doors, caller = self.world.doors, Caller(user_id=asked.user)
        ask: dict[str, Callable[[], Any]] = {
            "preview": lambda: doors.preview(token),
            "accept": lambda: doors.accept(caller, token),
            "join": lambda: doors.join(
                doors.claim(token, address(asked.user)),
                asked.user,
                address(asked.user),
                None,
                Cause(),
            ),
        }
        before = self.answered[f"link {name}"]
        told = self._told(f"link {name}", ask[name])
        done = self.answered[f"link {name}"] > before and told != "None"
        assert _canaries(told) | _ids(told) <= {asked.about}, (name, asked, told)
        if name in ("accept", "join") and done:
            assert allowed == "people.example", (name, asked)
            self.members[asked.about, asked.user] = True
        self._wrote_only_for({asked.about}, asked.user, name)

    def _show(self, asked: Asked, _name: str) -> None:
        """As the consumer of profiles' changes does."""
        data = {"user_id": asked.user, "fields": ["name"]}
        told = event_of(asked.about, 1).model_copy(update={"data": data, "type": "ProfileUpdated"})
        self._count("refresh", bool(self.world.copies.refresh(told)))
        own = {tenant for tenant, user in self.members if user == asked.user}
        self._wrote_only_for(own, asked.user, "show")

    def _ended(self, asked: Asked, name: str) -> None:
        """The first thing that is asked after a membership has ended."""
        self._move(asked, "REMOVED")
        self._ask(asked, name)

    def _operate(self, asked: Asked, name: str) -> None:
        """Operators say which tenant; they are told of that one."""
        operator = Caller(user_id=OPERATOR, groups=frozenset({OPERATOR_GROUP}))
        decide = getattr(self.world.organizations, name)
        told = self._told(name, lambda: decide(operator, tenant_id(asked.about), "a reason"))
        assert _canaries(told) | _ids(told) <= {asked.about}
        self._wrote_only_for({asked.about}, "", name)

    def _appoint(self, asked: Asked, name: str) -> None:
        """Somebody of the tenant that ids are borrowed from becomes an owner where they belong."""
        operator = Caller(user_id=OPERATOR, groups=frozenset({OPERATOR_GROUP}))
        own, appoint = tenant_id(asked.about), self.world.members.appoint
        told = self._told(name, lambda: appoint(operator, own, _other(asked), "a reason"))
        assert _canaries(told) | _ids(told) <= {asked.about}
        self._wrote_only_for({asked.about}, "", name)

    def _record(self, asked: Asked, _name: str) -> None:
        event = event_of(asked.about, asked.choice)
        self._count("record", self.world.recording.record(event))
        self._wrote_only_for({asked.about}, "", "record")

    # what is checked

    def _told(self, name: str, ask: Callable[[], Any], *, ends: bool = False) -> str:
        """What was answered or refused; with `ends` a refusal may have ended what it is about."""
        try:
            answer = ask()
        except TenantryError as error:
            self._count(name, False)
            assert ends or [*self.world.platform.written, *self.world.audit.written] == [], name
            return f"{error} {error.details}"
        self._count(name, True)
        return repr(answer)

    def _count(self, name: str, done: bool) -> None:
        self.answered[name] += done

    def _wrote_only_for(self, tenants: set[int], user: str, what: str) -> None:
        """Every write was for one of `tenants`, or of the user's own."""
        world = self.world
        for pk, sk in (*world.platform.written, *world.audit.written, *world.tenants.written):
            owner = re.match(r"ORG#t-(\d+)(?:#|$)", pk)
            if owner:
                assert int(owner.group(1)) in tenants, (what, pk, sk)
            elif pk.startswith("USER#"):
                assert pk == f"USER#{user}", (what, pk, sk)
        self.world.forget_writes()

    def _meet(self, person: str, user: str) -> bool:
        """Whether two people were ever members of one tenant."""
        of = {name: {t for t, member in self.members if member == name} for name in (person, user)}
        return person == user or bool(of[person] & of[user])

    def _moved_domain(self, joined: str, asked: Asked) -> bool:
        """A released domain may have been proven by another tenant since."""
        return self.world.organizations.domains.holder(domain(asked.about)) == joined


def _canaries(told: str) -> set[int]:
    return {int(number) for number in CANARY.findall(told)}


def _ids(told: str) -> set[int]:
    return {int(number) for number in NAMED.findall(told)}


def _events(told: str) -> set[int]:
    return {int(number) // 1000 for number in EVENT.findall(told)}


def run(world: World, runs: int, **more: Any) -> type[Tenants]:
    """Run the machine, anew."""
    bound = type("Bound", (Tenants,), {"world": world, "answered": Counter(), "steps": Counter()})
    run_state_machine_as_test(
        bound,
        settings=settings(
            max_examples=runs,
            stateful_step_count=STEPS,
            suppress_health_check=list(HealthCheck),
            deadline=None,
            **more,
        ),
    )
    return bound


COUNTED_AS = {
    "join": "join_by_domain",
    "show": "refresh",
    "mail": "mail",
    "write": "write",
    "prove": "verify",
    "record": "record",
}
"""What an action that names nothing is counted as."""


def ask_in_order(machine: type[Tenants]) -> None:
    """What chance has left out: everything, until it is answered, by the people of one tenant, and
    by those of another, who alone can come in."""
    for kind, name in dict.fromkeys(ACTIONS):
        prefix = {
            "read": "repository ",
            "support": "support ",
            "knock": "door ",
            "link": "link ",
        }.get(kind, "")
        counted = COUNTED_AS.get(kind, f"{prefix}{name}")
        tenants = machine()
        tenants.begin()
        for choice, number, home in product(range(24), range(4), range(2)):
            if machine.answered[counted]:
                break
            asked = Asked(home=home, number=number, about=0, borrowed=0, choice=choice)
            if kind == "expire":
                tenants.act(asked=asked, action=("support", "open"))
                tenants.act(asked=asked, action=("link", "preview"))
            tenants.act(asked=asked, action=(kind, name))


def test_each_tenant_has_fifty_items(world: World) -> None:
    assert {world.items_of(tenant) for tenant in range(TENANTS)} == {ITEMS}


def test_every_method_there_is_takes_part() -> None:
    for owner, declared in DECLARED.items():
        public = {
            name
            for name, member in inspect.getmembers(owner, inspect.isfunction)
            if not name.startswith("_")
        }
        assert public - {"now", "new_token", "report"} == declared, owner.__name__


def test_nobody_is_told_or_changes_anything_of_another_tenant(world: World) -> None:
    machine = run(world, RUNS)
    assert machine.steps["runs"] >= RUNS
    assert machine.steps["all"] >= RUNS * STEPS * 0.8
    ask_in_order(machine)

    # Each question was answered, not only refused; and there were as many as promised.
    refused_to_users = {"suspend_user", "reactivate_user"}
    acted = {
        "write",
        "appoint",
        "join_by_domain",
        "record",
        "refresh",
        "sweep_support",
        "sweep_invitations",
        "mail",
    }
    acted |= {"link preview", "link accept", "link join"}
    acted |= {"support open", "support close", "support read"}
    expected = {
        *QUESTIONS,
        "join_by_domain",
        "record",
        *acted,
        *(f"repository {name}" for name in READS),
        *(f"door {name}" for name in ("preview", "accept", "decline", "claim", "join")),
    }
    assert expected - set(+machine.answered) <= refused_to_users


def _key_of_the_owner(tenant: str, _user: str) -> dict[str, str]:
    return member_key(tenant, f"u-{tenant.removeprefix('t-')}-0")


def _audit_of_another(_tenant: str, *rest: str) -> str:
    return organization_pk("t-1", *rest)


def _invitation_of_another(_tenant: str, invitation_id: str) -> dict[str, str]:
    return key(organization_pk("t-1"), f"INVITATION#{invitation_id}")


CONTROLS: dict[str, tuple[str, Any]] = {
    "standings are not asked": ("tenantry.tenancy.access.Standing.require", lambda *_: None),
    "the partition of the log is another's": (
        "tenantry.audit.dynamodb.organization_pk",
        _audit_of_another,
    ),
    "memberships are looked up under one name": (
        "tenantry.organizations.dynamodb.user_pk",
        lambda _user: f"USER#{user_id(1, 1)}",
    ),
    "an invitation is looked up wherever it is": (
        "tenantry.invitations.dynamodb._invitation_key",
        _invitation_of_another,
    ),
    "a token opens to whoever has it": (
        "tenantry.invitations.service.DoorService._require_addressee",
        lambda *_: None,
    ),
    "a link opens to whoever has it": (
        "tenantry.invitations.model.InvitationLink.admits",
        lambda *_: True,
    ),
    "an export is looked up wherever it is": (
        "tenantry.audit.dynamodb_exports._key",
        lambda _tenant, job_id: key(organization_pk("t-1", "EXPORTS"), f"EXPORT#{job_id}"),
    ),
    "seals are chained in one place": (
        "tenantry.audit.dynamodb_seals.organization_pk",
        _audit_of_another,
    ),
    "a report is of whoever there is": (
        "tenantry.audit.dynamodb_exports.organization_key",
        lambda _tenant: key(organization_pk("t-1"), "ORGANIZATION"),
    ),
    "members are looked up under one name": (
        "tenantry.organizations.dynamodb.member_key",
        _key_of_the_owner,
    ),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_with_a_control_off_something_would_cross(
    world: World, control: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twins: the same machine, and its assertion fails, or another control steps in."""
    monkeypatch.setattr(*CONTROLS[control])

    with pytest.raises((AssertionError, ForeignKeyError)):
        run(world, RUNS, phases=[Phase.generate], database=None, report_multiple_bugs=False)
