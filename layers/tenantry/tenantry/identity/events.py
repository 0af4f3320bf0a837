"""What happens to people. Ids only: no addresses, no names."""

from typing import ClassVar, Literal

from tenantry.messaging.event import EventData


class _IdentityEvent(EventData):
    context: ClassVar[str] = "identity"

    user_id: str


class UserRegistered(_IdentityEvent):
    """A person has a profile; `organization_id` is the organisation they came with or joined."""

    type: ClassVar[str] = "UserRegistered"

    locale: str
    organization_id: str | None = None


class UserMigrated(_IdentityEvent):
    """The person came over from the older system."""

    type: ClassVar[str] = "UserMigrated"


class ProfileUpdated(_IdentityEvent):
    """`fields` names what changed."""

    type: ClassVar[str] = "ProfileUpdated"

    fields: tuple[str, ...]


class UserSignedIn(_IdentityEvent):
    type: ClassVar[str] = "UserSignedIn"


class ActiveOrganizationSwitched(_IdentityEvent):
    type: ClassVar[str] = "ActiveOrganizationSwitched"

    organization_id: str
    previous_organization_id: str | None = None


class UserSuspended(_IdentityEvent):
    type: ClassVar[str] = "UserSuspended"

    reason: str


class UserReactivated(_IdentityEvent):
    type: ClassVar[str] = "UserReactivated"

    reason: str


class SignInRefused(_IdentityEvent):
    """A suspended person tried to sign in; of several attempts within an hour, the first.

    `organization_ids` are the organisations that the person belongs to: it is told to these.
    """

    type: ClassVar[str] = "SignInRefused"

    reason: Literal["suspended"]
    organization_ids: tuple[str, ...] = ()
