"""Ports: the accounts and their ledger, the organisations, and what accounts are made of."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from tenantry.accounts.model import (
    Account,
    Differences,
    Inventory,
    Operation,
    StackEvent,
    Sums,
)
from tenantry.messaging.event import Event
from tenantry.organizations.hosting import Hosted
from tenantry.organizations.machines import Machine
from tenantry.organizations.model import Organization
from tenantry.persistence.writes import Write
from tenantry.tenancy.caller import Caller

if TYPE_CHECKING:
    from tenantry.tenancy.sessions import Abroad


class Operators(Protocol):
    def require_active(self, caller: Caller) -> None:
        """Return for an operator who is not suspended; ForbiddenError otherwise."""


class Hosting(Protocol):
    """Organisations, as far as their hosting goes; their own context makes the writes."""

    def find(self, tenant_id: str) -> Hosted | None:
        """The organisation, strongly consistent."""

    def routed(self, hosted: Hosted, route: Mapping[str, str]) -> Write:
        """Its next route, under the next epoch; refused unless `hosted` still stands."""

    def cancelled(self, hosted: Hosted, route: Mapping[str, str], event: Event) -> Write:
        """Its end, once, with its next route."""

    def opened(self, hosted: Hosted, route: Mapping[str, str]) -> Write:
        """Its route under the same epoch, for a state that keeps nobody's earlier write out."""


@dataclass(frozen=True)
class Advance:
    """What changes together: an operation, and with it the account, a place in the line, a route.

    `slots` is +1 for an operation that starts to run and -1 for one that ends, or goes back into
    the line. `releases` gives the organisation free for another account. ValueError for an account
    that moves on without an event: the audit counts its versions.
    """

    operation: tuple[Operation, Operation]
    account: tuple[Account, Account] | None = None
    event: Event | None = None
    slots: int = 0
    releases: bool = False
    also: tuple[Write, ...] = ()

    def __post_init__(self) -> None:
        if self.account and self.event is None:
            raise ValueError("an account's next version tells an event")


class AccountRepository(Protocol):
    def request(
        self, account: Account, operation: Operation, event: Event
    ) -> tuple[Account, Operation]:
        """Store both and hold the organisation for them, all or none.

        Answers what stands at the account's id: the very ones given, or those that came first.
        AccountExistsError when the organisation has another account.
        """

    def get(self, account_id: str) -> Account | None: ...

    def of(self, tenant_id: str) -> Account | None:
        """The account that holds the organisation, if one does."""

    def read(self, account_id: str, operation_id: str) -> tuple[Account | None, Operation | None]:
        """Both, strongly consistent, in one round trip."""

    def advance(self, step: Advance) -> None:
        """Store all of it or none.

        ConflictError when something has changed since, LimitExceededError when no place is free.
        """

    def begin(self, account: tuple[Account, Account], operation: Operation, event: Event) -> None:
        """Store another operation of an account; ConflictError when the account has changed."""

    def handed_out(self, account: Account, number: int) -> Write:
        """That credentials are, those of its `number`th program. Refused unless the account is
        active, and none were since `account` was read: of all who hand some out, one does."""

    def reroute(self, write: Write) -> None:
        """Make one write of another context; ConflictError when it is refused."""

    def tenants(self, account_ids: Collection[str]) -> dict[str, str]:
        """Whose accounts these are, of those that there are; strongly consistent."""

    def page(self, limit: int, after: str | None) -> tuple[list[Account], str | None]:
        """Accounts, newest first, after the position `after`; with them the position to go on
        from. As of a moment ago."""

    def operations(self, account_id: str, limit: int) -> list[Operation]: ...

    def waiting(self, limit: int, until: datetime | None = None) -> list[Operation]:
        """Operations in the queue, those that wait longest first; with `until`, without those
        whose time comes later. As of a moment ago."""

    def parked(self, limit: int, until: datetime) -> list[Operation]:
        """Operations that are back in the line and may ask again by then, those first that may
        for longest. As of a moment ago."""

    def silent(self, since: datetime, limit: int) -> list[Operation]:
        """Open operations that have not been heard of since then. As of a moment ago."""

    def retiring(self, until: datetime, limit: int) -> list[Operation]:
        """Moves whose old copy may be removed by then, the longest kept first. As of a moment
        ago."""

    def note(self, operation: Operation, events: Sequence[StackEvent]) -> None:
        """Keep what CloudFormation told; the same event once."""

    def noted(self, operation: Operation, limit: int) -> list[StackEvent]:
        """What was kept, in the order in which it happened."""


class Executions(Protocol):
    """Runs of the state machine, each under the name of its operation's run."""

    def start(self, operation: Operation) -> None:
        """Start the operation's run, once: a run that has been started is left alone."""

    def status(self, operation: Operation) -> str | None:
        """RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; None when it never started."""

    def stop(self, operation: Operation, cause: str) -> None:
        """Stop the run if it runs."""


@dataclass(frozen=True)
class Stack:
    """A stack as it stands."""

    status: str
    reason: str | None = None

    @property
    def is_ready(self) -> bool:
        return self.status == "CREATE_COMPLETE"

    @property
    def is_being_made(self) -> bool:
        return self.status in ("CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS")

    @property
    def is_going(self) -> bool:
        return self.status in ("DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS")


class Stacks(Protocol):
    """CloudFormation, for the stacks of accounts."""

    def create(self, account: Account, token: str) -> None:
        """Begin to make the account's stack; one that is there already is left alone."""

    def find(self, account: Account) -> Stack | None:
        """None when there is none, or it has been deleted."""

    def events(self, account: Account) -> list[StackEvent]:
        """What happened to the stack that is there, in that order."""

    def remove(self, account: Account) -> bool:
        """Go on with deleting the stack and all it made; True when nothing of it is left."""


class ExternalIds(Protocol):
    """The external ids of organisations' own AWS accounts, each known to the platform alone."""

    def made(self, account: Account) -> str:
        """The account's, made if there is none: the same however often it is asked for."""

    def remove(self, account: Account) -> None:
        """Nobody gets in by it any more; what is gone is fine."""


class Entrance(Protocol):
    """Where what organisations' own AWS accounts tell comes in."""

    def has_room(self) -> bool:
        """Whether more accounts can be let in, with some to spare for those on their way."""

    def let_in(self, account: Account) -> None:
        """StackFailedError when there is no room for another account."""

    def shut(self, account: Account) -> None:
        """What is not let in is fine."""


@dataclass(frozen=True)
class Client:
    """A client of the user pool's, made for an account: its id, and which one of the account's."""

    client_id: str
    number: int


class MachineClients(Protocol):
    """Clients of the user pool with which programs sign in; the pool alone keeps their secrets."""

    def of(self, account: Account) -> list[Client]:
        """Those with the account's names, as the pool has them: it is looked through as a whole,
        so nobody asks for this while somebody waits."""

    def page(self, after: str | None) -> tuple[dict[str, str], str | None]:
        """A part of all that have names of accounts: their ids, with the accounts' ids; and
        where the next part begins."""

    def made_at(self, client_id: str) -> datetime | None:
        """None of one that is gone."""

    def make(self, account: Account, number: int) -> str:
        """Another one, which is nobody's yet: its id.

        LimitExceededError when the pool has no room for it.
        """

    def secret(self, client_id: str) -> str:
        """NotFoundError when it is gone."""

    def remove(self, client_id: str) -> None:
        """What is gone is fine."""


class Machines(Protocol):
    """Programs that act for organisations, as those's own context keeps them."""

    def of(self, tenant_id: str) -> list[Machine]:
        """An organisation's, ended ones too, by their numbers."""

    def those(self, who: Collection[tuple[str, str]]) -> list[Machine]:
        """Which of these there are, each by its organisation's id and its own; ended ones too,
        strongly consistent."""

    def bound(self, machine: Machine, event: Event) -> Write: ...

    def changed(self, before: Machine, after: Machine, event: Event) -> Write: ...

    def save(self, *writes: Write) -> None:
        """All or none; ConflictError when something has changed since."""


class ParameterTree(Protocol):
    """What other systems read of an account."""

    def write(self, account: Account, values: Mapping[str, str]) -> None:
        """Set these values, by their path below the account's; others stay."""

    def remove(self, account: Account) -> None:
        """Remove what was written; what is not there is fine."""


@dataclass(frozen=True)
class Place:
    """A tenant's table and buckets."""

    tenant_id: str
    table: str
    raw: str
    processed: str
    region: str = ""
    abroad: "Abroad | None" = None
    """The way into the organisation's own AWS account, and that one's region."""


class TenantData(Protocol):
    """A tenant's data in its place, reached under the tenant's own session."""

    def identity(self, place: Place) -> str:
        """Who the session is, as STS tells."""

    def seed(self, place: Place, account: Account, now: datetime, epoch: int) -> None:
        """Write what every tenant begins with, in a table of its own behind a fence at `epoch`."""

    def unseed(self, place: Place) -> None: ...

    def probe(self, place: Place, account: Account, event: Event) -> None:
        """Write and read an item that carries `event`, and put and get an object.

        ProbeFailedError when something else comes back than was written.
        """

    def has_arrived(self, place: Place, event: Event) -> bool:
        """Whether the event came through the table's stream to the audit log."""

    def unprobe(self, place: Place, account: Account) -> None: ...


@dataclass(frozen=True)
class Copied:
    """A page of a pass: where the next one begins, None at the end, and what had differed."""

    next: str | None
    differed: int = 0


class TenantCopies(Protocol):
    """A tenant's items and objects, from one place to another; nobody is told of a copy."""

    def fence(self, place: Place, epoch: int) -> None:
        """Keep out of the place, from now on, who knows an older route than `epoch`."""

    def copy(self, source: Place, target: Place, epoch: int, position: str | None) -> Copied:
        """One page of making the target equal to the source.

        A page may come again. OrganizationMovingError when the target's fence has passed `epoch`.
        """

    def clear(self, place: Place, epoch: int, position: str | None) -> str | None:
        """Remove a page of what the tenant has in a place, and where to go on; None when but its
        fence is left."""

    def sums(self, place: Place, found: Sums, lasting: datetime) -> Sums:
        """What was found so far, and one page more, of what lasts beyond `lasting`: what ends by
        then DynamoDB deletes in its own time, in one place before the other."""


class Comparisons(Protocol):
    """Two places of a tenant's held against each other, and neither touched."""

    def compare(self, old: Place, new: Place, found: Differences, lasting: datetime) -> Differences:
        """What was found so far, and a page more, of what lasts beyond `lasting`; InvalidInputError
        for a place to go on from that is none."""


@dataclass(frozen=True)
class Listing:
    """A page of what is exported, each in plain values, and where the next one begins."""

    lines: tuple[Mapping[str, Any], ...]
    next: str | None = None
    counted: Inventory = field(default_factory=Inventory)
    """What the lines tell of, in numbers."""


class Estate(Protocol):
    """What there is of an account, as the services say it: never as our own ledger does."""

    def survey(self, account: Account, most: int | None = None) -> Inventory:
        """Everything, by the account's names, tags, keys and prefixes; counts up to `most`."""

    def fence(self, account: Account, epoch: int) -> None:
        """Keep out of the tables it has, from now on, who knows an older route than `epoch`."""

    def export(self, account: Account, after: str | None) -> Listing:
        """The tenant's items, what the administration has of it, then its objects, page by page."""

    def sweep(self, account: Account, after: str | None) -> tuple[list[str], str | None]:
        """A page of all that tenants share, looked through whole: what is this tenant's and was
        to be gone, and where the next page begins."""

    def purge(self, account: Account, *, shared_alone: bool = False) -> bool:
        """Delete a bounded part of the tenant's items, objects and parameters; True when nothing
        of them is left. What is gone is fine; `shared_alone` asks nothing of what was its own."""


@dataclass(frozen=True)
class Addressee:
    """Somebody who is told by mail, at an address that the user pool vouches for."""

    user_id: str
    email: str
    locale: str | None = None


@dataclass(frozen=True)
class Leaver:
    """A member of an organisation that ends; `leads` is one of its owners."""

    user_id: str
    leads: bool = False


class People(Protocol):
    """The members of an organisation that ends, as their own context sees them off."""

    def members(
        self, tenant_id: str, after: str | None, most: int
    ) -> tuple[list[Leaver], str | None]:
        """Users who are members, and after whom the next page begins."""

    def addressee(self, user_id: str) -> Addressee | None:
        """Where mail reaches a user; None for whom none does, or who is gone."""

    def depart(self, tenant_id: str, user_id: str) -> bool:
        """Delete a user who belongs nowhere else; True when they are gone."""


class Farewells(Protocol):
    """Whom the certificate of a teardown is mailed to: by then they may be gone."""

    def keep(self, operation: Operation, addressee: Addressee, until: datetime) -> None:
        """Keep who led the organisation until they are told, or until then; the same again is
        the same."""

    def kept(self, operation: Operation) -> list[Addressee]: ...

    def forget(self, operation: Operation, addressee: Addressee) -> None:
        """They are told; who is forgotten already is fine."""


class Audience(Protocol):
    """Who is told of what becomes of an organisation, and what it is called."""

    def organization(self, tenant_id: str) -> Organization | None:
        """As it stands, also after its end."""

    def name(self, user_id: str) -> str | None:
        """What a person calls themselves; None where nobody knows."""

    def owners(self, tenant_id: str) -> list[Addressee]:
        """Those who lead the organisation and are let in."""

    def person(self, user_id: str) -> Addressee | None:
        """Whoever it is; None where no mail reaches them."""

    def operators(self) -> list[Addressee]:
        """Those of the platform who are let in."""


class SealKeys(Protocol):
    """The organisations' own keys of the seals of their audit logs."""

    def retire(self, tenant_id: str, at: datetime) -> datetime | None:
        """Have the key destroyed at a time; answers the time that stands, None without a key."""


class Archive(Protocol):
    """A place that outlives accounts."""

    def keep(self, name: str, body: bytes) -> None:
        """Store it; the same again changes nothing that matters."""

    def certify(self, name: str, body: bytes) -> bytes:
        """Store it unless something stands there; answers what stands there."""


@dataclass(frozen=True)
class CopiedBodies:
    """What a call has copied, and where the next one goes on; None at the end."""

    objects: int
    bytes: int
    next: str | None


class Bodies(Protocol):
    """Copies of a tenant's objects in the archive: the latest version of each."""

    def copy(self, account: Account, folder: str, after: str | None) -> CopiedBodies:
        """Copy a bounded part of them below `folder`; the same part again changes nothing that
        matters, and what is gone since it was listed is left out."""


class Signer(Protocol):
    key_id: str

    def sign(self, message: bytes) -> str: ...
