"""Adapters: people in the platform table, and the older system's users in a table of their own.

USER#<sub>               PROFILE    the person
SIGNUP#<userName>        WISHES     what a sign-up asked for, until purge_at
MIGRATION#<id of e-mail> MARK       that the address came over from the older system, until purge_at
ORG#<id> ORGANIZATION, MEMBER#<sub>  read only, and only to show a person their membership
"""

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from tenantry.errors import ConflictError, CorruptDataError
from tenantry.identity.model import InvitationClaim, LegacyUser, Membership, Profile, Wishes
from tenantry.identity.passwords import pretend, verified
from tenantry.identity.repository import Kept, Overview
from tenantry.messaging.event import Event
from tenantry.persistence.items import Item
from tenantry.persistence.keys import (
    Key,
    key,
    member_key,
    organization_key,
    part,
    profile_key,
    user_pk,
)
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Change, Create
from tenantry.runtime.identifiers import derived_id
from tenantry.tenancy.access import MemberStatus, OrganizationStatus
from tenantry.tenancy.roles import Role

if TYPE_CHECKING:
    pass


_OF_A_PERSON = 100
"""More items than a person has: a profile, and how many organisations they have founded."""


class DynamoDBProfileRepository:
    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, user_id: str) -> Profile | None:
        item = self._table.get(profile_key(user_id))
        return _profile(item) if item else None

    def overview(self, user_id: str, organization_id: str | None) -> Overview:
        keys = [profile_key(user_id)]
        if organization_id:
            keys += [organization_key(organization_id), member_key(organization_id, user_id)]
        profile, *rest = self._table.get_all(keys)
        membership = _membership(*rest) if rest else None
        return Overview(_profile(profile) if profile else None, membership)

    def create(self, profile: Profile, events: tuple[Event, ...]) -> Profile:
        attributes = {
            "entity_type": "User",
            "entity_id": profile.user_id,
            **_stored(profile),
        }
        try:
            self._table.write(Create(profile_key(profile.user_id), attributes, events))
        except ConditionFailedError as failure:
            return _profile(failure.items[0])
        return profile

    def save(self, before: Profile, after: Profile, events: tuple[Event, ...]) -> None:
        old, new = _stored(before), _stored(after)
        differing = {
            name: new.get(name)
            for name in old.keys() | new.keys()
            if old.get(name) != new.get(name)
        }
        where = profile_key(before.user_id)
        try:
            self._table.write(Change(where, before.entity_version, differing, events))
        except ConditionFailedError as failure:
            raise ConflictError("The profile has changed since; read it again.") from failure


class DynamoDBDepartures(DynamoDBProfileRepository):
    def belongs_elsewhere(self, user_id: str, tenant_id: str) -> bool:
        start: Key | None = None
        while True:
            page = self._table.query(
                user_pk(user_id), index="GSI1", prefix="ORG#", limit=100, start=start
            )
            for item in page.items:
                if item.get("status") != MemberStatus.REMOVED and item["tenant_id"] != tenant_id:
                    return True
            if page.next_key is None:
                return False
            start = page.next_key

    def erase(self, user_id: str) -> None:
        page = self._table.query(user_pk(user_id), limit=_OF_A_PERSON)
        for item in page.items:
            self._table.delete({"PK": item["PK"], "SK": item["SK"]})


class DynamoDBHomes:
    """From the index of memberships, which begins with the person."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, user_id: str, limit: int) -> tuple[str, ...]:
        page = self._table.query(user_pk(user_id), index="GSI1", prefix="ORG#", limit=limit)
        belongs = (item for item in page.items if item.get("status") != MemberStatus.REMOVED)
        return tuple(str(item["tenant_id"]) for item in belongs)


class DynamoDBSignUpRepository:
    """Both kinds of item mean the same when written twice, so they are put unconditionally."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def keep(
        self,
        user_name: str,
        wishes: Wishes,
        purge_at: datetime,
        claim: InvitationClaim | None = None,
    ) -> None:
        invitation = {"invitation": claim.model_dump()} if claim else {}
        item = {
            "entity_type": "SignUp",
            **wishes.given,
            **invitation,
            "purge_at": _seconds(purge_at),
        }
        self._table.put({**_wishes_key(user_name), **item})

    def mark_migrated(self, email: str, purge_at: datetime) -> None:
        item = {"entity_type": "Migration", "purge_at": _seconds(purge_at)}
        self._table.put({**_migration_key(email), **item})

    def comes_over(self, email: str, now: datetime) -> bool:
        return _current(self._table.get(_migration_key(email)), now) is not None

    def kept(self, user_name: str | None, email: str, now: datetime) -> Kept:
        keys = [_migration_key(email), *([_wishes_key(user_name)] if user_name else [])]
        mark, *rest = (_current(item, now) for item in self._table.get_all(keys))
        item = rest[0] if rest else None
        try:
            wishes = Wishes.model_validate(item or {})
            stored = (item or {}).get("invitation")
            claim = InvitationClaim.model_validate(stored) if stored else None
        except ValidationError as error:
            raise CorruptDataError("stored wishes break their schema") from error
        return Kept(wishes, migrated=mark is not None, claim=claim)


class DynamoDBLegacyDirectory:
    """A table of the older system: `email` (lower case), `password_hash`, `name`, `locale`.

    An unknown address takes as long as a wrong password: a hash is verified for it too.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def sign_in(self, email: str, password: str) -> LegacyUser | None:
        item = self._item(email)
        if item is None:
            pretend(password)
            return None
        if not verified(password, str(item.get("password_hash", ""))):
            return None
        return _legacy_user(item)

    def find(self, email: str) -> LegacyUser | None:
        item = self._item(email)
        return _legacy_user(item) if item else None

    def _item(self, email: str) -> Item | None:
        from botocore.exceptions import BotoCoreError, ClientError

        from tenantry.errors import UnavailableError

        try:
            return self._table.get({"email": email})
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("The older system's table does not answer.") from error


def _current(item: Item | None, now: datetime) -> Item | None:
    """The item while it counts: what is past its time may be there still."""
    return item if item and item["purge_at"] > now.timestamp() else None


def _legacy_user(item: Item) -> LegacyUser:
    try:
        return LegacyUser.model_validate(item)
    except ValidationError as error:
        raise CorruptDataError("a user of the older system breaks the schema") from error


def _stored(profile: Profile) -> Item:
    """What is kept of a profile; the address is the pool's, kept to be shown."""
    return profile.model_dump(mode="json", exclude_none=True, exclude={"entity_version"})


def _profile(item: Item) -> Profile:
    try:
        return Profile.model_validate(item)
    except ValidationError as error:
        raise CorruptDataError("a stored profile breaks its schema") from error


def _membership(organization: Item | None, member: Item | None) -> Membership | None:
    if organization is None or member is None:
        return None
    try:
        return Membership(
            organization_id=organization["tenant_id"],
            name=organization["name"],
            slug=organization["slug"],
            role=Role(member["role"]),
            status=MemberStatus(member["status"]),
            plan=organization["plan"],
            organization_status=OrganizationStatus(organization["status"]),
            joined_at=datetime.fromisoformat(member["created_at"]),
        )
    except (KeyError, ValueError) as error:
        raise CorruptDataError("a stored membership breaks its schema") from error


def _wishes_key(user_name: str) -> Key:
    return key(f"SIGNUP#{part(user_name)}", "WISHES")


def _migration_key(email: str) -> Key:
    """By an id, as an address may hold what a key may not."""
    return key(f"MIGRATION#{derived_id('migration', email)}", "MARK")


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
