"""Adapter: invitations in the platform table.

ORG#<id>  INVITATION#<invitation>   the invitation; GSI2 while it is pending: when it is due
ORG#<id>  INVITEE#<id of e-mail>    the latest invitation of an address
ORG#<id>  INVITELINK#<link>         a link
ORG#<id>  INVITES#<yyyy-mm-dd>      how many mails went out that day, until purge_at
ORG#<id>  INVITES#EVER              how many ever
ORG#<id>  ORGANIZATION, MEMBER#<user>; USER#<user> PROFILE   read only: who invites, who comes
"""

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta

from pydantic import ValidationError

from tenantry.errors import (
    AlreadyMemberError,
    ConflictError,
    CorruptDataError,
    InvitationInvalidError,
    InvitationQuotaError,
    LimitExceededError,
    OrganizationSuspendedError,
)
from tenantry.invitations.model import (
    HASHES,
    KEPT,
    SHARDS,
    Invitation,
    InvitationLink,
    InvitationStatus,
    Kind,
    LinkStatus,
    Quota,
)
from tenantry.invitations.repository import Due, Entry, Host, Knock, Person, Seats, Sender
from tenantry.messaging.event import Event
from tenantry.organizations.model import Member, Organization
from tenantry.persistence.items import Item
from tenantry.persistence.keys import (
    Key,
    key,
    member_key,
    organization_key,
    organization_pk,
    part,
    profile_key,
)
from tenantry.persistence.table import ConditionFailedError, Page, Table
from tenantry.persistence.writes import Assign, Change, Count, Create, Write
from tenantry.runtime.identifiers import derived_id
from tenantry.tenancy.access import MemberStatus, OrganizationStatus
from tenantry.tenancy.roles import Role

_INVITATION, _LINK, _MEMBER = "INVITATION#", "INVITELINK#", "MEMBER#"
_MEMBERS_PAGE = 250
_DUE_PAGE = 50
_DAYS_COUNTED = timedelta(days=3)


class DynamoDBInvitationRepository:
    def __init__(self, table: Table, seats: Seats) -> None:
        self._table = table
        self._seats = seats

    # inviting

    def host(self, tenant_id: str, emails: Sequence[str]) -> Host | None:
        """One round trip per 100 addresses, and one for the invitations there are of them."""
        unique = list(dict.fromkeys(emails))
        keys = [organization_key(tenant_id), *(_invitee_key(tenant_id, each) for each in unique)]
        organization, *pointers = self._table.get_all(keys)
        if organization is None:
            return None
        pointed: dict[str, str] = {
            email: pointer["invitation_id"]
            for email, pointer in zip(unique, pointers, strict=True)
            if pointer
        }
        found = self._table.get_all([_invitation_key(tenant_id, i) for i in pointed.values()])
        latest = {e: _invitation(item) for e, item in zip(pointed, found, strict=True) if item}
        return Host(_valid(Organization, organization), latest, pointed)

    def member_emails(self, tenant_id: str) -> frozenset[str]:
        found: set[str] = set()
        start: Key | None = None
        while True:
            page = self._table.query(
                organization_pk(tenant_id), prefix=_MEMBER, limit=_MEMBERS_PAGE, start=start
            )
            for item in page.items:
                if item.get("email") and item.get("status") != MemberStatus.REMOVED:
                    found.add(item["email"])
            start = page.next_key
            if start is None:
                return frozenset(found)

    def create(
        self,
        invitation: Invitation,
        organization: Organization,
        previous_id: str | None,
        quota: Quota,
        event: Event,
    ) -> None:
        """Five items, one transaction."""
        tenant_id = invitation.tenant_id
        as_read = _as_read(organization)
        where = _invitee_key(tenant_id, invitation.email)
        pointer = {
            "entity_type": "Invitee",
            "tenant_id": tenant_id,
            "invitation_id": invitation.invitation_id,
        }
        before = {"invitation_id": previous_id} if previous_id else {}
        try:
            self._table.transact(
                (
                    Create(_key_of(invitation), _item(invitation), (event,)),
                    Create(where, pointer, replace_if=before),
                    self._seats.reserve(
                        tenant_id, limit=organization.limits.max_users, require=as_read
                    ),
                    *_counted(tenant_id, quota, event.occurred_at),
                )
            )
        except ConditionFailedError as failure:
            organization_at, counted_from = 2, 3
            if organization_at in failure.failures:
                stored = failure.items.get(organization_at, {})
                if any(stored.get(n) != v for n, v in as_read.items()):
                    raise _changed() from failure
                raise LimitExceededError("The organisation has no free seat.") from failure
            _refuse_quota(failure, counted_from, event.occurred_at)
            raise _changed() from failure

    def send_again(self, before: Invitation, after: Invitation, quota: Quota, event: Event) -> None:
        counted = _counted(before.tenant_id, quota, event.occurred_at)
        try:
            self._table.transact((_change(before, after, event), *counted))
        except ConditionFailedError as failure:
            _refuse_quota(failure, 1, event.occurred_at)
            raise _changed() from failure

    def get(self, tenant_id: str, invitation_id: str) -> Invitation | None:
        item = self._table.get(_invitation_key(tenant_id, invitation_id))
        return _invitation(item) if item else None

    def page(self, tenant_id: str, after: str | None, limit: int) -> tuple[list[Invitation], bool]:
        """Ids are ordered by time, so the newest come first."""
        start = _invitation_key(tenant_id, after) if after else None
        page = self._newest(tenant_id, _INVITATION, limit, start)
        return [_invitation(item) for item in page.items], page.next_key is not None

    # ending

    def remind(self, before: Invitation, after: Invitation, event: Event) -> None:
        try:
            self._table.write(_change(before, after, event))
        except ConditionFailedError as failure:
            raise _changed() from failure

    def end(self, before: Invitation, after: Invitation, event: Event) -> None:
        try:
            self._table.transact(
                (_change(before, after, event), self._seats.release(before.tenant_id))
            )
        except ConditionFailedError as failure:
            raise _changed() from failure

    # links

    def create_link(self, link: InvitationLink, quota: Quota, event: Event) -> None:
        counted = _counted(link.tenant_id, quota, event.occurred_at)
        try:
            self._table.transact((Create(_key_of(link), _item(link), (event,)), *counted))
        except ConditionFailedError as failure:
            _refuse_quota(failure, 1, event.occurred_at)
            raise _changed() from failure

    def get_link(self, tenant_id: str, link_id: str) -> InvitationLink | None:
        item = self._table.get(_link_key(tenant_id, link_id))
        return _link(item) if item else None

    def link_page(
        self, tenant_id: str, limit: int, after: str | None
    ) -> tuple[list[InvitationLink], str | None]:
        start = _link_key(tenant_id, after) if after else None
        page = self._newest(tenant_id, _LINK, limit, start)
        links = [_link(item) for item in page.items]
        return links, links[-1].link_id if page.next_key else None

    def end_link(self, before: InvitationLink, after: InvitationLink, event: Event) -> None:
        try:
            self._table.write(_change(before, after, event))
        except ConditionFailedError as failure:
            raise _changed() from failure

    # tokens

    def add_hash(self, of: Invitation | InvitationLink, token_hash: str) -> bool:
        """The newest HASHES are kept. Another one that came between is no reason to give up."""
        where, current = _key_of(of), of
        while True:
            known = current.token_hashes
            hashes = [*known, token_hash][-HASHES:]
            require: Item = {"status": of.status.value, "token_hashes": list(known) or None}
            if isinstance(of, Invitation):
                require["generation"] = of.generation
            try:
                self._table.transact([Assign(where, {"token_hashes": hashes}, require)])
            except ConditionFailedError as failure:
                item = failure.items.get(0)
                if not item:
                    return False
                current = _invitation(item) if isinstance(of, Invitation) else _link(item)
                if not _same_offer(of, current):
                    return False
            else:
                return True

    # accepting

    def knock(self, kind: Kind, tenant_id: str, invitation_id: str, user_id: str | None) -> Knock:
        mailed = kind is Kind.MAIL
        where = (_invitation_key if mailed else _link_key)(tenant_id, invitation_id)
        own = [member_key(tenant_id, user_id), profile_key(user_id)] if user_id else []
        organization, offer, *rest = self._table.get_all([organization_key(tenant_id), where, *own])
        member, profile = rest or (None, None)
        return Knock(
            organization=_valid(Organization, organization) if organization else None,
            invitation=_invitation(offer) if offer and mailed else None,
            link=_link(offer) if offer and not mailed else None,
            member=_member(member) if member else None,
            person=_person(profile) if profile else None,
        )

    def voucher(self, tenant_id: str, user_id: str) -> Member | None:
        item = self._table.get(member_key(tenant_id, user_id))
        return _member(item) if item else None

    def accept(
        self,
        before: Invitation,
        after: Invitation,
        accepted: Event,
        entry: Entry,
        vouching: Collection[Role],
    ) -> None:
        """Four items: the seat is taken since the invitation was made."""
        tenant_id = before.tenant_id
        self._let_in(
            _change(before, after, accepted),
            entry,
            tenant_id,
            self._seats.admit(tenant_id, entry.role),
            self._seats.vouch(tenant_id, before.inviter_id, vouching),
        )

    def accept_link(
        self,
        link: InvitationLink,
        organization: Organization,
        entry: Entry,
        vouching: Collection[Role],
    ) -> None:
        """Four items."""
        use = Count(
            _key_of(link),
            "uses",
            1,
            limit=link.max_uses,
            require={"status": LinkStatus.ACTIVE.value},
        )
        limit = organization.limits.max_users
        self._let_in(
            use,
            entry,
            link.tenant_id,
            self._seats.reserve(link.tenant_id, limit=limit, require=_as_read(organization)),
            self._seats.vouch(link.tenant_id, link.creator_id, vouching),
        )

    def _let_in(
        self, used: Change | Count, entry: Entry, tenant_id: str, admitted: Write, vouched: Write
    ) -> None:
        member = self._seats.join(
            tenant_id,
            entry.user_id,
            entry.role,
            entry.at,
            entry.joined,
            name=entry.name,
            email=entry.email,
            after=entry.after,
        )
        try:
            self._table.transact((used, member, admitted, vouched))
        except ConditionFailedError as failure:
            raise _kept_out(failure, admitted) from failure

    # sweeping and mailing

    def due(self, now: datetime, most: int) -> Iterator[Due]:
        left = most
        for shard in range(SHARDS):
            start: Key | None = None
            while left > 0:
                page = self._table.query(
                    _due_pk(shard),
                    index="GSI2",
                    between=("0", _due_sk(now)),
                    limit=min(left, _DUE_PAGE),
                    start=start,
                )
                left -= len(page.items)
                for item in page.items:
                    mailed = item["entity_type"] == "Invitation"
                    kind = Kind.MAIL if mailed else Kind.LINK
                    yield Due(kind, item["tenant_id"], item["entity_id"])
                start = page.next_key
                if start is None:
                    break

    def sender(self, tenant_id: str, user_id: str) -> Sender:
        keys = [
            organization_key(tenant_id),
            profile_key(user_id),
            member_key(tenant_id, user_id),
        ]
        organization, profile, member = self._table.get_all(keys)
        return Sender(
            _valid(Organization, organization) if organization else None,
            _person(profile) if profile else None,
            _member(member) if member else None,
        )

    def _newest(self, tenant_id: str, prefix: str, limit: int, start: Key | None) -> Page:
        return self._table.query(
            organization_pk(tenant_id), prefix=prefix, limit=limit, start=start, newest_first=True
        )


def _kept_out(failure: ConditionFailedError, admitted: Write) -> Exception:
    """Which of the four writes was refused, the weightiest reason first."""
    used_at, member_at, organization_at, vouched_at = range(4)
    if vouched_at in failure.failures:
        return InvitationInvalidError(
            "Whoever invited you may no longer do so; ask for a new invitation."
        )
    if organization_at in failure.failures:
        stored = failure.items.get(organization_at, {})
        if stored.get("status") != OrganizationStatus.ACTIVE:
            return OrganizationSuspendedError("This organisation takes no new members now.")
        if isinstance(admitted, Count) and stored.get("plan") == admitted.require.get("plan"):
            return LimitExceededError("The organisation has no free seat.")
        return _changed()
    if member_at in failure.failures and used_at not in failure.failures:
        stored = failure.items.get(member_at, {})
        if stored.get("status") in (MemberStatus.ACTIVE, MemberStatus.SUSPENDED):
            return AlreadyMemberError("You are a member of this organisation already.")
    return _changed()


def _change(
    before: Invitation | InvitationLink, after: Invitation | InvitationLink, event: Event
) -> Change:
    old, new = _item(before), _item(after)
    differing = {
        name: new.get(name)
        for name in old.keys() | new.keys()
        if old.get(name) != new.get(name) and name != "uses"
    }
    # Hashes move without a version, so they are named whenever what follows has none.
    differing |= {"token_hashes": None} if not after.token_hashes else {}
    require = {"status": before.status.value}
    return Change(_key_of(before), before.entity_version, differing, (event,), require=require)


def _counted(tenant_id: str, quota: Quota, at: datetime) -> tuple[Count, Count]:
    day = at.date().isoformat()
    of_a_day = {
        "entity_type": "Invites",
        "tenant_id": tenant_id,
        "purge_at": int((at + _DAYS_COUNTED).timestamp()),
    }
    ever = {"entity_type": "Invites", "tenant_id": tenant_id}
    return (
        Count(_invites_key(tenant_id, day), "mailed", 1, limit=quota.a_day, makes=of_a_day),
        Count(_invites_key(tenant_id, "EVER"), "mailed", 1, limit=quota.ever, makes=ever),
    )


def _refuse_quota(failure: ConditionFailedError, first: int, at: datetime) -> None:
    """InvitationQuotaError when one of the two counters from `first` on is what refused."""
    if first in failure.failures:
        raise InvitationQuotaError(
            "Your organisation has sent all invitations of a day; go on tomorrow (UTC).",
            datetime.combine(at.date() + timedelta(days=1), time.min, UTC),
        ) from failure
    if first + 1 in failure.failures:
        raise InvitationQuotaError(
            "Your organisation has sent all invitations of its plan; choose a paid one."
        ) from failure


def _same_offer(of: Invitation | InvitationLink, stored: Invitation | InvitationLink) -> bool:
    if isinstance(of, Invitation) and isinstance(stored, Invitation):
        return (of.status, of.generation) == (stored.status, stored.generation)
    return of.status == stored.status


def _as_read(organization: Organization) -> Mapping[str, str]:
    return {"status": organization.status.value, "plan": organization.plan.value}


def _item(of: Invitation | InvitationLink) -> Item:
    """As it is stored; while it is open, an index says when it is due."""
    values = of.model_dump(mode="json", exclude_none=True, exclude={"entity_version"})
    if not of.token_hashes:
        values.pop("token_hashes")
    if isinstance(of, Invitation):
        kind, identity, is_open = "Invitation", of.invitation_id, of.status
        due, pending = of.due_at, is_open is InvitationStatus.PENDING
    else:
        kind, identity = "InvitationLink", of.link_id
        due, pending = of.expires_at, of.status is LinkStatus.ACTIVE
    values |= {"entity_type": kind, "entity_id": identity}
    if pending:
        shard = zlib.crc32(identity.encode()) % SHARDS
        where = f"{_due_sk(due)}#{of.tenant_id}#{identity}"
        return values | {"GSI2PK": _due_pk(shard), "GSI2SK": where}
    ended = of.ended_at or of.expires_at
    return values | {"purge_at": int((ended + KEPT).timestamp())}


def _key_of(of: Invitation | InvitationLink) -> Key:
    if isinstance(of, Invitation):
        return _invitation_key(of.tenant_id, of.invitation_id)
    return _link_key(of.tenant_id, of.link_id)


def _invitation_key(tenant_id: str, invitation_id: str) -> Key:
    return key(organization_pk(tenant_id), f"{_INVITATION}{part(invitation_id)}")


def _link_key(tenant_id: str, link_id: str) -> Key:
    return key(organization_pk(tenant_id), f"{_LINK}{part(link_id)}")


def _invitee_key(tenant_id: str, email: str) -> Key:
    """By an id, as an address may hold what a key may not."""
    return key(organization_pk(tenant_id), f"INVITEE#{derived_id('invitee', tenant_id, email)}")


def _invites_key(tenant_id: str, of: str) -> Key:
    return key(organization_pk(tenant_id), f"INVITES#{of}")


def _due_pk(shard: int) -> str:
    return f"DUE#INVITATIONS#{shard}"


def _due_sk(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def _person(item: Item) -> Person:
    try:
        email = str(item["email"])
        return Person(
            user_id=item["user_id"],
            email=email,
            proven_email=email if item.get("email_proven") else None,
            name=item.get("name"),
            locale=item.get("locale"),
            is_suspended=item.get("status") == "SUSPENDED",
        )
    except KeyError as error:
        raise CorruptDataError("a stored profile breaks its schema") from error


def _member(item: Item) -> Member:
    renamed = {"user_id": item.get("entity_id"), "joined_at": item.get("created_at")}
    return _valid(Member, {**item, **renamed})


def _invitation(item: Item) -> Invitation:
    return _valid(Invitation, item)


def _link(item: Item) -> InvitationLink:
    return _valid(InvitationLink, item)


def _changed() -> ConflictError:
    return ConflictError("This has changed since; read it again.")


def _valid[T: (Organization, Member, Invitation, InvitationLink)](model: type[T], item: Item) -> T:
    try:
        return model.model_validate(item)
    except ValidationError as error:
        raise CorruptDataError(f"a stored {model.__name__} breaks its schema") from error
