"""Adapters: organisations in the platform table.

ORG#<id>       ORGANIZATION       the organisation, its counters and settings
ORG#<id>       MEMBER#<user_id>   GSI1: USER#<user_id> / ORG#<id>
ORG#<id>       MACHINE#<client>   GSI1: CLIENT#<client> / ORG#<id>
ORG#<id>       SUPPORT#<session>  a support session, kept for good; GSI2 until it is closed:
                                  SUPPORT_DUE / <when it expires>#<session>
ORG#<id>       OPERATOR#<user_id> that operator's latest session, to be read with the member
ORG#<id>       DOMAIN#<domain>    the claim of an e-mail domain
SLUG#<slug>    SLUG               whose slug it is
USER#<id>      FOUNDED            how many organisations the user has founded
DOMAIN#<domain> CLAIM             who has proven the domain (HELD, RELEASED)
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from tenantry.errors import (
    ConflictError,
    CorruptDataError,
    DomainTakenError,
    ForbiddenError,
    LastOwnerError,
    LimitExceededError,
    NotAMemberError,
    SlugTakenError,
)
from tenantry.messaging.event import Event
from tenantry.organizations.machines import Appearing, Machine, client_pk
from tenantry.organizations.model import (
    FOUNDED_AT_MOST,
    DomainClaim,
    Member,
    Membership,
    Organization,
    SupportSession,
)
from tenantry.organizations.repository import Acting, Card, MemberChange, Unreadable
from tenantry.organizations.seats import COUNTERS, member_item, moved, reserve, vouch
from tenantry.persistence.items import Item
from tenantry.persistence.keys import (
    Key,
    key,
    machine_key,
    member_key,
    organization_key,
    organization_pk,
    part,
    profile_key,
    user_pk,
)
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Assign, Change, Copy, Count, Create, Write
from tenantry.tenancy.access import ACCOUNT_SUSPENDED, MemberStatus, Standing
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.metering import Batch, Meter
from tenantry.tenancy.roles import OWNERS

RELEASED_KEPT = timedelta(days=90)
_TRIES = 3
_AT_ONCE = 100
_SUPPORT_DUE = "SUPPORT_DUE"
_SHOWN_AS_OF = "profile_version"
"""The version of the profile that a member's copies were made of."""


class DynamoDBOrganizationRepository:
    def __init__(self, table: Table) -> None:
        self._table = table

    def create(
        self,
        organization: Organization,
        owner: Member,
        created: Event,
        joined: Event,
        at_most: int = FOUNDED_AT_MOST,
    ) -> Organization:
        """Four items, one transaction; what stands in the way tells which case it is."""
        tenant_id = organization.tenant_id
        writes = (
            Create(organization_key(tenant_id), _organization_item(organization), (created,)),
            Create(member_key(tenant_id, owner.user_id), member_item(owner), (joined,)),
            Create(_slug_key(organization.slug), {"tenant_id": tenant_id, "entity_type": "Slug"}),
            Count(
                _founded_key(owner.user_id),
                "founded",
                1,
                limit=at_most,
                makes={"entity_type": "Founded"},
            ),
        )
        try:
            self._table.transact(writes)
        except ConditionFailedError as failure:
            if 0 in failure.failures:
                return _organization(failure.items[0])
            if failure.items.get(2, {}).get("tenant_id") == tenant_id:
                stored = self.get(tenant_id)
                if stored:
                    return stored
            if 3 in failure.failures:  # noqa: PLR2004 - the place of the count
                raise LimitExceededError(
                    f"You have founded {at_most} organisations; no more can be founded."
                ) from failure
            raise SlugTakenError("This slug is taken; choose another one.") from failure
        return organization

    def get(self, tenant_id: str) -> Organization | None:
        item = self._table.get(organization_key(tenant_id))
        return _organization(item) if item else None

    def is_barred(self, user_id: str) -> bool:
        """Their profile is the identity context's: whether it is suspended is all we look at."""
        profile = self._table.get(profile_key(user_id))
        return profile is not None and profile.get("status") == "SUSPENDED"

    def acting(
        self, tenant_id: str, user_id: str, *, operator: bool = False, other: str | None = None
    ) -> Acting:
        keys = {
            "organization": organization_key(tenant_id),
            "member": member_key(tenant_id, user_id),
        }
        if operator:
            # Their profile is the identity context's; that it is active is all we look at.
            keys["support"] = _operator_key(tenant_id, user_id)
            keys["profile"] = profile_key(user_id)
        if other:
            keys["other"] = member_key(tenant_id, other)
        found = self._table.get_all(list(keys.values()))
        items = {name: item for name, item in zip(keys, found, strict=True) if item}
        in_good_standing = items.get("profile", {}).get("status") == "ACTIVE"
        return Acting(
            _organization(items["organization"]) if "organization" in items else None,
            _member(items["member"]) if "member" in items else None,
            _session(items["support"]) if "support" in items and in_good_standing else None,
            _member(items["other"]) if "other" in items else None,
        )

    def save(self, before: Organization, after: Organization, event: Event) -> None:
        """One conditional write of what differs; counters are left to those who move them."""
        change = OrganizationItems().change(before, after, (event,))
        _changed(self._table, change, "The organisation has changed since; read it again.")

    def join(self, member: Member, organization: Organization, joined: Event) -> None:
        tenant_id = organization.tenant_id
        as_read = {"status": organization.status.value, "plan": organization.plan.value}
        writes: tuple[Write, ...] = (
            Create(member_key(tenant_id, member.user_id), member_item(member), (joined,)),
            reserve(tenant_id, limit=organization.limits.max_users, require=as_read),
        )
        try:
            self._table.transact(writes)
        except ConditionFailedError as failure:
            stored = failure.items.get(1, {})
            if 0 in failure.failures or any(stored.get(n) != v for n, v in as_read.items()):
                raise ConflictError("The organisation has changed since.") from failure
            raise LimitExceededError("The organisation has no free seat.") from failure

    def memberships(
        self, user_id: str, limit: int, after: str | None
    ) -> tuple[list[Membership], str | None]:
        """One index query and one BatchGet; another round while a page held only ended ones.

        The person's profile is the identity context's: whether it is suspended is all we look at.
        """
        start = _membership_position(user_id, after) if after else None
        while True:
            page = self._table.query(
                user_pk(user_id), index="GSI1", prefix="ORG#", limit=limit, start=start
            )
            members = [_member(item) for item in page.items]
            current = [m for m in members if m.status is not MemberStatus.REMOVED]
            keys = [profile_key(user_id), *(organization_key(m.tenant_id) for m in current)]
            profile, *found = self._table.get_all(keys)
            if profile and profile.get("status") == "SUSPENDED":
                raise ForbiddenError(ACCOUNT_SUSPENDED)
            items = [
                Membership(member, _organization(item))
                for member, item in zip(current, found, strict=True)
                if item
            ]
            last = members[-1].tenant_id if members and page.next_key else None
            if items or last is None:
                return items, last
            start = page.next_key


class OrganizationItems:
    """The organisation's item, for other contexts that read or change it with items of theirs."""

    def key(self, tenant_id: str) -> Key:
        return organization_key(tenant_id)

    def read(self, item: Item) -> Organization:
        return _organization(item)

    def change(self, before: Organization, after: Organization, events: Sequence[Event]) -> Change:
        """What differs, on condition that `before` still stands; counters are left alone."""
        old, new = _organization_item(before), _organization_item(after)
        differing = {
            name: new.get(name)
            for name in old.keys() | new.keys()
            if old.get(name) != new.get(name) and name not in COUNTERS
        }
        key = organization_key(before.tenant_id)
        return Change(key, before.entity_version, differing, tuple(events))


class DynamoDBDomainRepository:
    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, tenant_id: str, domain: str) -> tuple[DomainClaim | None, str | None]:
        claim, held = self._table.get_all([_claim_key(tenant_id, domain), _domain_key(domain)])
        return (_claim(claim) if claim else None), _holder(held)

    def holder(self, domain: str) -> str | None:
        return _holder(self._table.get(_domain_key(domain)))

    def claim(self, before: DomainClaim | None, after: DomainClaim, event: Event) -> None:
        where = _claim_key(after.tenant_id, after.domain)
        if before is None:
            write: Create | Change = Create(where, _claim_item(after), (event,))
        else:
            values = {**_claim_item(after), "verified_at": None, "purge_at": None}
            write = Change(where, before.entity_version, values, (event,))
        _changed(self._table, write, "The claim has changed since; try again.")

    def prove(self, before: DomainClaim, after: DomainClaim, event: Event) -> None:
        held = {"tenant_id": after.tenant_id, "entity_type": "Domain", "status": "HELD"}
        writes: tuple[Write, ...] = (
            _claim_change(before, after, event),
            Create(_domain_key(after.domain), held, replace_if={"status": "RELEASED"}),
        )
        try:
            self._table.transact(writes)
        except ConditionFailedError as failure:
            if failure.items.get(1, {}).get("tenant_id", after.tenant_id) != after.tenant_id:
                raise DomainTakenError(
                    "Another organisation has proven that it owns this domain."
                ) from failure
            raise ConflictError("The claim has changed since; try again.") from failure

    def release(self, before: DomainClaim, after: DomainClaim, event: Event) -> None:
        purge_at = int((event.occurred_at + RELEASED_KEPT).timestamp())
        change = _claim_change(before, after, event, purge_at=purge_at)
        if before.verified_at is None:
            _changed(self._table, change, "The claim has changed since; try again.")
            return
        released = {"tenant_id": after.tenant_id, "entity_type": "Domain", "status": "RELEASED"}
        own = {"tenant_id": after.tenant_id, "status": "HELD"}
        given_up = Create(
            _domain_key(after.domain), {**released, "purge_at": purge_at}, replace_if=own
        )
        try:
            self._table.transact((change, given_up))
        except ConditionFailedError as failure:
            raise ConflictError("The claim has changed since; try again.") from failure


class DynamoDBMemberRepository:
    def __init__(self, table: Table) -> None:
        self._table = table

    def save(self, *changes: MemberChange, heir: str | None = None) -> None:
        """One conditional write; a transaction where seats or owners move, or several change."""
        writes: list[Change] = [_member_change(change) for change in changes]
        count = moved(*((change.before, change.after) for change in changes))
        more: list[Write] = [count] if count else []
        if heir:
            more.append(vouch(changes[0].before.tenant_id, heir, OWNERS))
        try:
            if len(writes) + len(more) == 1:
                self._table.write(writes[0])
            else:
                self._table.transact([*writes, *more])
        except ConditionFailedError as failure:
            if count is None or min(failure.failures) != len(writes):
                raise ConflictError("The member has changed since; read them again.") from failure
            if failure.items[len(writes)].get("owners", 0) <= 1:
                raise LastOwnerError(
                    "The organisation would be without an owner; make somebody else one first."
                ) from failure
            raise CorruptDataError("an organisation counts fewer seats than members") from failure

    def page(self, tenant_id: str, after: str | None, limit: int) -> tuple[list[Member], bool]:
        page = self._table.query(
            organization_pk(tenant_id),
            prefix="MEMBER#",
            limit=limit,
            start=member_key(tenant_id, after) if after else None,
        )
        return [_member(item) for item in page.items], page.next_key is not None

    def tenants_of(self, user_id: str) -> Iterator[str]:
        start: Key | None = None
        while True:
            page = self._table.query(
                user_pk(user_id), index="GSI1", prefix="ORG#", limit=_AT_ONCE, start=start
            )
            yield from (str(item["tenant_id"]) for item in page.items)
            start = page.next_key
            if start is None:
                return

    def show(self, tenant_id: str, user_id: str, card: Card) -> bool:
        shown = {"name": card.name, "email": card.email, "barred": card.is_suspended or None}
        where, ended = member_key(tenant_id, user_id), {"status": MemberStatus.REMOVED.value}
        return self._table.copy(Copy(where, shown, _SHOWN_AS_OF, card.entity_version, ended))


class DynamoDBSupportRepository:
    """A session is two items: itself, and its operator's latest, which says who acts now."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def open(
        self,
        session: SupportSession,
        opened: Event,
        last: SupportSession | None,
        expired: Event | None,
    ) -> None:
        writes: list[Write] = [
            Create(_session_key(session), {**_session_item(session), **_due(session)}, (opened,)),
            _latest(session, instead_of=last),
        ]
        if last and expired:
            writes.append(_session_change(last, last.closed(expired.occurred_at), expired))
        self._together(writes)

    def close(self, before: SupportSession, after: SupportSession, event: Event) -> None:
        self._together([_session_change(before, after, event), _latest(after, instead_of=before)])

    def due(self, now: datetime, most: int) -> Iterator[SupportSession | Unreadable]:
        """A Query and a BatchGetItem a page; the index tells where, not how it stands."""
        start: Key | None = None
        while most > 0:
            page = self._table.query(
                _SUPPORT_DUE,
                index="GSI2",
                between=("0", f"{now.isoformat()}~"),
                limit=min(most, _AT_ONCE),
                start=start,
            )
            most -= len(page.items)
            found = self._table.get_all([key(str(i["PK"]), str(i["SK"])) for i in page.items])
            yield from (_readable(item) for item in found if item)
            start = page.next_key
            if start is None:
                return

    def page(
        self, tenant_id: str, before: str | None, limit: int
    ) -> tuple[list[SupportSession], bool]:
        pk = organization_pk(tenant_id)
        page = self._table.query(
            pk,
            prefix="SUPPORT#",
            limit=limit,
            start=key(pk, f"SUPPORT#{part(before)}") if before else None,
            newest_first=True,
        )
        return [_session(item) for item in page.items], page.next_key is not None

    def _together(self, writes: list[Write]) -> None:
        try:
            self._table.transact(writes)
        except ConditionFailedError as failure:
            raise ConflictError("The session has changed since; try again.") from failure


class DynamoDBMachineRepository:
    def __init__(self, table: Table) -> None:
        self._table = table

    def appearing(self, tenant_id: str, client_id: str) -> Appearing:
        keys = [organization_key(tenant_id), machine_key(tenant_id, client_id)]
        organization, machine = self._table.get_all(keys)
        return Appearing(
            _organization(organization) if organization else None,
            _valid(Machine, machine) if machine else None,
        )

    def organization_of(self, client_id: str) -> str | None:
        page = self._table.query(client_pk(client_id), index="GSI1", prefix="ORG#", limit=1)
        return str(page.items[0]["tenant_id"]) if page.items else None

    def of(self, tenant_id: str) -> list[Machine]:
        found: list[Machine] = []
        start: Key | None = None
        while True:
            page = self._table.query(
                organization_pk(tenant_id), prefix="MACHINE#", limit=_AT_ONCE, start=start
            )
            found += [_valid(Machine, item) for item in page.items]
            start = page.next_key
            if start is None:
                return sorted(found, key=lambda each: each.number)

    def those(self, who: Collection[tuple[str, str]]) -> list[Machine]:
        found = self._table.get_all([machine_key(*each) for each in who])
        return [_valid(Machine, item) for item in found if item]

    def save(self, *writes: Write) -> None:
        try:
            self._table.transact(writes)
        except ConditionFailedError as failure:
            raise ConflictError("The credentials have changed since; try again.") from failure


class DynamoDBAccess:
    """Standings, for every context: member and organisation in one consistent round trip.

    An operator's support session is read in the same one, for operators only. A program that does
    not name its organisation is looked up first, which takes another one.
    """

    def __init__(self, table: Table, meter: Meter, now: Callable[[], datetime]) -> None:
        self._organizations = DynamoDBOrganizationRepository(table)
        self._machines = DynamoDBMachineRepository(table)
        self._meter = meter
        self._now = now

    def standing(self, caller: Caller) -> Standing:
        if caller.machine is not None:
            tenant_id = caller.tenant_id or self._machines.organization_of(caller.user_id)
            if tenant_id is None:
                raise NotAMemberError("These credentials act for no organisation.")
            appearing = self._machines.appearing(tenant_id, caller.user_id)
            return appearing.found(caller.machine, self._now(), self._meter)
        acting = self._organizations.acting(
            caller.organization_id, caller.user_id, operator=caller.is_operator
        )
        return acting.found(self._now(), self._meter)[1]


class DynamoDBCallStore:
    """API calls, added up on the organisation's item."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, batch: Batch) -> None:
        """One write; two more for the first batch of a month, which begins the count at zero.

        A transaction of one, for its token: what was added is not added again.
        """
        where = organization_key(batch.tenant_id)
        calls = Count(where, "used_api_calls", batch.calls, require={"api_month": batch.month})
        for _ in range(_TRIES):
            try:
                self._table.transact([calls], batch.token)
            except ConditionFailedError as failure:
                stored = failure.items.get(0)
                if not stored or stored.get("api_month", "") > batch.month:
                    return  # the organisation is gone, or the month
                as_read = {"api_month": stored.get("api_month")}
                begun = {"api_month": batch.month, "used_api_calls": 0}
                with suppress(ConditionFailedError):  # another process was first
                    self._table.transact([Assign(where, begun, as_read)])
            else:
                return


def _changed(table: Table, write: Create | Change, refused: str) -> None:
    try:
        table.write(write)
    except ConditionFailedError as failure:
        raise ConflictError(refused) from failure


def _claim_change(before: DomainClaim, after: DomainClaim, event: Event, **more: Any) -> Change:
    verified_at = after.verified_at.isoformat() if after.verified_at else None
    return Change(
        _claim_key(before.tenant_id, before.domain),
        before.entity_version,
        {"status": after.status.value, "verified_at": verified_at, **more},
        (event,),
    )


def _member_change(change: MemberChange) -> Change:
    old, new = member_item(change.before), member_item(change.after)
    differing = {name: value for name, value in new.items() if value != old[name]}
    if not change.after.is_current:
        differing[_SHOWN_AS_OF] = None
    where = member_key(change.before.tenant_id, change.before.user_id)
    return Change(where, change.before.entity_version, differing, change.events)


def _session_change(before: SupportSession, after: SupportSession, event: Event) -> Change:
    ended = {"closed_at": _session_item(after)["closed_at"], "GSI2PK": None, "GSI2SK": None}
    return Change(_session_key(before), before.entity_version, ended, (event,))


def _due(session: SupportSession) -> Item:
    """Where a session is found when its time is over; few are open at once, so one part does."""
    return {
        "GSI2PK": _SUPPORT_DUE,
        "GSI2SK": f"{session.expires_at.isoformat()}#{session.session_id}",
    }


def _latest(session: SupportSession, *, instead_of: SupportSession | None) -> Create:
    last = instead_of and {
        "session_id": instead_of.session_id,
        "closed_at": _session_item(instead_of).get("closed_at"),
    }
    where = _operator_key(session.tenant_id, session.operator_id)
    item = {**_session_item(session), "entity_type": "SupportAccess"}
    return Create(where, item, replace_if=last or {})


def _session_key(session: SupportSession) -> Key:
    return key(organization_pk(session.tenant_id), f"SUPPORT#{part(session.session_id)}")


def _operator_key(tenant_id: str, user_id: str) -> Key:
    return key(organization_pk(tenant_id), f"OPERATOR#{part(user_id)}")


def _founded_key(user_id: str) -> Key:
    return key(user_pk(user_id), "FOUNDED")


def _slug_key(slug: str) -> Key:
    return key(f"SLUG#{part(slug)}", "SLUG")


def _domain_key(domain: str) -> Key:
    return key(f"DOMAIN#{part(domain)}", "CLAIM")


def _claim_key(tenant_id: str, domain: str) -> Key:
    return key(organization_pk(tenant_id), f"DOMAIN#{part(domain)}")


def _membership_position(user_id: str, tenant_id: str) -> Key:
    index = {"GSI1PK": user_pk(user_id), "GSI1SK": organization_pk(tenant_id)}
    return {**member_key(tenant_id, user_id), **index}


def _organization_item(organization: Organization) -> Item:
    item = organization.model_dump(mode="json", exclude_none=True, exclude={"entity_version"})
    item["settings"] = organization.settings.model_dump(
        mode="json", exclude_none=True, exclude_defaults=True
    )
    item |= {"entity_type": "Organization", "entity_id": organization.tenant_id}
    item["on_trial"] = organization.on_trial or None
    return {name: value for name, value in item.items() if value not in ({}, [], None)}


def _organization(item: Item) -> Organization:
    return _valid(Organization, item)


def _member(item: Item) -> Member:
    renamed = {"user_id": item.get("entity_id"), "joined_at": item.get("created_at")}
    return _valid(Member, {**item, **renamed})


def _readable(item: Item) -> SupportSession | Unreadable:
    try:
        return _session(item)
    except CorruptDataError:
        return Unreadable(str(item["PK"]).removeprefix("ORG#"))


def _session_item(session: SupportSession) -> Item:
    return {
        "entity_type": "SupportSession",
        "entity_id": session.session_id,
        **session.model_dump(mode="json", exclude_none=True, exclude={"entity_version"}),
    }


def _session(item: Item) -> SupportSession:
    return _valid(SupportSession, item)


def _claim_item(claim: DomainClaim) -> Item:
    return {
        "entity_type": "DomainClaim",
        "entity_id": claim.domain,
        **claim.model_dump(mode="json", exclude_none=True, exclude={"entity_version"}),
    }


def _claim(item: Item) -> DomainClaim:
    return _valid(DomainClaim, item)


def _holder(item: Item | None) -> str | None:
    return str(item["tenant_id"]) if item and item.get("status") == "HELD" else None


def _valid[T: (Organization, Member, Machine, DomainClaim, SupportSession)](
    model: type[T], item: Item
) -> T:
    try:
        return model.model_validate(item)
    except ValidationError as error:
        raise CorruptDataError(f"a stored {model.__name__} breaks its schema") from error
