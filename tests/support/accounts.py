"""Accounts, their operations, and what they are made of: as tests need them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from tenantry.accounts.model import (
    Account,
    CloudType,
    Inventory,
    Kind,
    Operation,
    StackEvent,
    planned,
)
from tenantry.accounts.repository import (
    Addressee,
    Client,
    CopiedBodies,
    Leaver,
    Listing,
    Place,
    Stack,
)
from tenantry.errors import (
    LimitExceededError,
    NotFoundError,
    OrganizationMovingError,
    StackFailedError,
)
from tenantry.messaging.event import Event
from tests.support.clock import START


def account(
    cloud_type: str = "private", account_id: str = "a-1", tenant_id: str = "acme"
) -> Account:
    return Account(
        account_id=account_id,
        tenant_id=tenant_id,
        name="Acme's own",
        master_account_name="Acme",
        cloud_type=CloudType(cloud_type),
        region="eu-central-1",
        operation_id=f"op-{account_id}",
        fingerprint="f",
        requested_by="ada",
        created_at=START,
        updated_at=START,
    )


def _stack(its: Account) -> str:
    return f"{its.account_id}/own" if its.has_own_buckets else its.account_id


def operation(of: Account | None = None) -> Operation:
    its = of or account()
    return Operation(
        operation_id=its.operation_id,
        account_id=its.account_id,
        tenant_id=its.tenant_id,
        cloud_type=its.cloud_type,
        own_buckets=its.has_own_buckets,
        steps=planned(Kind.PROVISION, its.cloud_type),
        requested_by="ada",
        created_at=START,
        heartbeat_at=START,
    )


@dataclass
class FakeStacks:
    """Stacks that are made in `looks` looks; `fails` makes the next ones fail with this reason.

    By accounts; buckets beside the shared table are `<account>/own`.
    """

    looks: int = 2
    fails: str | None = None
    made: dict[str, Stack] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    gone: Callable[[Account], None] = lambda _account: None
    _left: dict[str, int] = field(default_factory=dict)

    def create(self, account: Account, token: str) -> None:
        if _stack(account) in self.made:
            return
        self.asked.append(token)
        self.made[_stack(account)] = Stack("CREATE_IN_PROGRESS")
        self._left[_stack(account)] = self.looks

    def find(self, account: Account) -> Stack | None:
        found = self.made.get(_stack(account))
        if found is None:
            return None
        left = self._left[_stack(account)] = self._left.get(_stack(account), 0) - 1
        if left <= 0:
            if found.is_being_made:
                found = (
                    Stack("CREATE_FAILED", self.fails) if self.fails else Stack("CREATE_COMPLETE")
                )
                self.made[_stack(account)] = found
            elif found.is_going:
                del self.made[_stack(account)]
                self.gone(account)
                return None
        return found

    def events(self, account: Account) -> list[StackEvent]:
        found = self.made.get(_stack(account))
        if found is None:
            return []
        return [
            StackEvent(
                event_id=f"e-{found.status}",
                at=START,
                resource="Table",
                type="AWS::DynamoDB::Table",
                status=found.status,
                reason=found.reason,
            )
        ]

    def remove(self, account: Account) -> bool:
        found = self.find(account)
        if found is None:
            return True
        if not found.is_going:
            self.made[_stack(account)] = replace(found, status="DELETE_IN_PROGRESS")
            self._left[_stack(account)] = self.looks
        return False


@dataclass
class FakeEntrance:
    """The doors of AWS accounts, which open after `shut` tries; `is_loose` opens them to all."""

    shut: int = 1
    is_loose: bool = False

    def opens(self, place: Place, external_id: str | None) -> bool:
        assert place.abroad
        return self.is_loose

    def opens_rightly(self, place: Place) -> bool:
        assert place.abroad
        self.shut -= 1
        return self.shut < 0


@dataclass
class FakeExternalIds:
    """By accounts; `new` makes them."""

    new: Callable[[], str]
    kept: dict[str, str] = field(default_factory=dict)

    def made(self, account: Account) -> str:
        return self.kept.setdefault(account.account_id, self.new())

    def remove(self, account: Account) -> None:
        self.kept.pop(account.account_id, None)


@dataclass
class FakeEntranceBus:
    """Has room for `most` accounts, `spare` of which are kept for those on their way."""

    most: int = 10
    spare: int = 0
    inside: dict[str, str] = field(default_factory=dict)

    def has_room(self) -> bool:
        return len(self.inside) + self.spare < self.most

    def let_in(self, account: Account) -> None:
        assert account.aws_account_id
        if account.account_id not in self.inside and len(self.inside) >= self.most:
            raise StackFailedError("The entrance bus lets no more accounts in.")
        self.inside[account.account_id] = account.aws_account_id

    def shut(self, account: Account) -> None:
        self.inside.pop(account.account_id, None)


@dataclass
class FakeTree:
    values: dict[str, str] = field(default_factory=dict)

    def write(self, account: Account, values: Mapping[str, str]) -> None:
        self.values |= {f"{account.account_id}/{name}": value for name, value in values.items()}

    def remove(self, account: Account) -> None:
        for name in [n for n in self.values if n.startswith(f"{account.account_id}/")]:
            del self.values[name]


@dataclass
class FakeMachineClients:
    """The pool's clients by their ids: whose, and which one. It has room for `room`."""

    room: int = 1000
    made: dict[str, tuple[str, int]] = field(default_factory=dict)
    ever: int = 0
    now: Callable[[], datetime] = lambda: START
    times: dict[str, datetime] = field(default_factory=dict)
    """When each was made."""

    def of(self, account: Account) -> list[Client]:
        mine = [
            Client(client_id, number)
            for client_id, (account_id, number) in self.made.items()
            if account_id == account.account_id
        ]
        return sorted(mine, key=lambda its: (its.number, its.client_id))

    def page(self, after: str | None) -> tuple[dict[str, str], str | None]:
        """Two at a time."""
        start = int(after or 0)
        some = dict(list(self.made.items())[start : start + 2])
        more = str(start + 2) if start + 2 < len(self.made) else None
        return {its: account_id for its, (account_id, _) in some.items()}, more

    def made_at(self, client_id: str) -> datetime | None:
        return self.times[client_id] if client_id in self.made else None

    def make(self, account: Account, number: int) -> str:
        if len(self.made) >= self.room:
            raise LimitExceededError("The user pool has no room for another client.")
        self.ever += 1
        client_id = f"client{self.ever}"
        self.made[client_id] = account.account_id, number
        self.times[client_id] = self.now()
        return client_id

    def secret(self, client_id: str) -> str:
        if client_id not in self.made:
            raise NotFoundError("These credentials are gone; ask for new ones.")
        return f"secret-of-{client_id}"

    def remove(self, client_id: str) -> None:
        self.made.pop(client_id, None)


@dataclass
class FakeTenantData:
    """Places by their tables; events arrive after `silent` looks."""

    silent: int = 1
    items: set[tuple[str, str]] = field(default_factory=set)
    _looks: dict[str, int] = field(default_factory=dict)

    def lose(self, table: str) -> None:
        """The table goes, and what was in it."""
        self.items = {item for item in self.items if item[0] != table}

    def identity(self, place: Place) -> str:
        return f"arn:aws:sts::000000000000:assumed-role/TenantData/tenant-{place.tenant_id}"

    def seed(self, place: Place, account: Account, now: datetime, epoch: int) -> None:
        self.items.add((place.table, f"{place.tenant_id}/DEFAULTS"))

    def unseed(self, place: Place) -> None:
        self.items.discard((place.table, f"{place.tenant_id}/DEFAULTS"))

    def probe(self, place: Place, account: Account, event: Event) -> None:
        self.items.add((place.table, f"{place.tenant_id}/PROBE"))

    def has_arrived(self, place: Place, event: Event) -> bool:
        self._looks[event.id] = self._looks.get(event.id, 0) + 1
        return self._looks[event.id] > self.silent

    def unprobe(self, place: Place, account: Account) -> None:
        self.items.discard((place.table, f"{place.tenant_id}/PROBE"))


@dataclass
class FakeExecutions:
    """Executions by their names; the test says how they go."""

    states: dict[str, str] = field(default_factory=dict)
    started: list[Operation] = field(default_factory=list)

    def start(self, operation: Operation) -> None:
        if operation.execution_name not in self.states:
            self.states[operation.execution_name] = "RUNNING"
            self.started.append(operation)

    def status(self, operation: Operation) -> str | None:
        return self.states.get(operation.execution_name)

    def stop(self, operation: Operation, cause: str) -> None:
        if self.states.get(operation.execution_name) == "RUNNING":
            self.states[operation.execution_name] = "ABORTED"


@dataclass
class FakeEstate:
    """Items and objects by tenants; a purge takes `at_once` of them, a page of an export two."""

    at_once: int = 3
    items: dict[str, list[str]] = field(default_factory=dict)
    objects: dict[str, list[str]] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)
    stacks: FakeStacks = field(default_factory=FakeStacks)
    tree: FakeTree = field(default_factory=FakeTree)
    clients: FakeMachineClients = field(default_factory=FakeMachineClients)

    fences: dict[str, int] = field(default_factory=dict)

    planted: list[str] = field(default_factory=list)
    """In the table that all share, where no declaration looks; a page of it has one of them."""

    def fill(self, tenant_id: str, items: int = 8, objects: int = 5) -> None:
        self.items[tenant_id] = [f"{tenant_id}/item-{n}" for n in range(items)]
        self.objects[tenant_id] = [f"{tenant_id}/object-{n}" for n in range(objects)]

    def survey(self, account: Account, most: int | None = None) -> Inventory:
        made = {_stack(each) for each in account.forms} & self.stacks.made.keys()
        stack = [f"stack {name}" for name in sorted(made)]
        items = len(self.items.get(account.tenant_id, []))
        objects = len(self.objects.get(account.tenant_id, []))
        bound = max(items, objects) if most is None else most
        return Inventory(
            items=min(items, bound),
            objects=min(objects, bound),
            is_whole=max(items, objects) <= bound,
            parameters=len(self._parameters(account)),
            resources=(
                *stack,
                *self.orphans,
                *(f"user pool client {c.client_id}" for c in self.clients.of(account)),
            ),
        )

    def fence(self, account: Account, epoch: int) -> None:
        self.fences[account.tenant_id] = max(epoch, self.fences.get(account.tenant_id, 0))

    def write(self, tenant_id: str, epoch: int, item: str) -> None:
        """As a context writes."""
        if self.fences.get(tenant_id, 0) > epoch:
            raise OrganizationMovingError("It has moved.")
        self.items[tenant_id].append(item)

    def export(self, account: Account, after: str | None) -> Listing:
        mine = self.items.get(account.tenant_id, []) + self.objects.get(account.tenant_id, [])
        start = int(after or 0)
        page = tuple({"is": each} for each in mine[start : start + 2])
        items = sum("/item-" in line["is"] for line in page)
        counted = Inventory(items=items, objects=len(page) - items)
        return Listing(page, str(start + 2) if start + 2 < len(mine) else None, counted)

    def sweep(self, account: Account, after: str | None) -> tuple[list[str], str | None]:
        if self.planted:
            return [self.planted[0]], None
        return [], "second" if after is None else None

    def purge(self, account: Account, *, shared_alone: bool = False) -> bool:
        done = True
        for kind in (self.items, self.objects):
            mine = kind.get(account.tenant_id, [])
            kind[account.tenant_id] = mine[self.at_once :]
            done = done and not kind[account.tenant_id]
        self.tree.remove(account)
        for each in self.clients.of(account):
            self.clients.remove(each.client_id)
        return done

    def _parameters(self, account: Account) -> list[str]:
        return [n for n in self.tree.values if n.startswith(f"{account.account_id}/")]


@dataclass
class FakePeople:
    """Members by organisations; those `elsewhere` stay, and `leading` are owners."""

    of: dict[str, list[str]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    leading: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def members(
        self, tenant_id: str, after: str | None, most: int
    ) -> tuple[list[Leaver], str | None]:
        left = [each for each in sorted(self.of.get(tenant_id, [])) if each > (after or "")]
        some = [Leaver(each, each in self.leading) for each in left[:most]]
        return some, left[most - 1] if len(left) > most else None

    def addressee(self, user_id: str) -> Addressee | None:
        if user_id in self.gone:
            return None
        return Addressee(user_id, f"{user_id}@example.com", "de")

    def depart(self, tenant_id: str, user_id: str) -> bool:
        if user_id in self.elsewhere:
            return False
        self.gone.add(user_id)
        return True


@dataclass
class FakeSealKeys:
    dates: dict[str, datetime] = field(default_factory=dict)

    def retire(self, tenant_id: str, at: datetime) -> datetime | None:
        return self.dates.setdefault(tenant_id, at)


@dataclass
class FakeBodies:
    """Copies the objects of an estate into an archive, `at_once` a call."""

    estate: FakeEstate
    archive: "FakeArchive"
    at_once: int = 200
    asked: list[str | None] = field(default_factory=list)
    """Where each call began."""

    def copy(self, account: Account, folder: str, after: str | None) -> CopiedBodies:
        self.asked.append(after)
        start = int(after or 0)
        mine = self.estate.objects.get(account.tenant_id, [])
        some = mine[start : start + self.at_once]
        for each in some:
            self.archive.kept[f"{folder}{each}"] = each.encode()
        size = sum(len(each) for each in some)
        rest = str(start + len(some)) if start + len(some) < len(mine) else None
        return CopiedBodies(len(some), size, rest)


@dataclass
class FakeArchive:
    kept: dict[str, bytes] = field(default_factory=dict)

    def keep(self, name: str, body: bytes) -> None:
        self.kept[name] = body

    def certify(self, name: str, body: bytes) -> bytes:
        return self.kept.setdefault(name, body)


@dataclass
class FakeSigner:
    """Signs by counting: two signatures over the same differ, as those of ECDSA do."""

    key_id: str = "arn:aws:kms:eu-central-1:000000000000:key/k"
    signed: list[bytes] = field(default_factory=list)

    def sign(self, message: bytes) -> str:
        self.signed.append(message)
        return f"signature-{len(self.signed)}"
