"""Adapter: accounts and the ledger of their operations, in the platform table.

ACCOUNT#<id>   ACCOUNT                     GSI1: ACCOUNTS / <created>#<id>
ACCOUNT#<id>   OPERATION#<operation>       GSI2: OPERATIONS#WAITING / <since>#<operation>
                                           or    OPERATIONS#PARKED / <asks again at>#<operation>
                                           or    OPERATIONS#OPEN#<shard> / <heartbeat>#<operation>
                                           or    OPERATIONS#RETIRING / <retire at>#<operation>
ACCOUNT#<id>   EVENT#<operation>#<time>#<event>   what CloudFormation told
ORG#<id>       ACCOUNT                     whose account holds the organisation (HELD, RELEASED)
OPERATIONS     PLACES                      how many operations run, of how many may

The ledger is kept short, times as milliseconds: its item is written twice a step.
"""

import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from tenantry.accounts.model import (
    Account,
    Operation,
    OperationStatus,
    ProvisioningStatus,
    StackEvent,
    Step,
)
from tenantry.accounts.repository import Advance
from tenantry.errors import (
    AccountExistsError,
    ConflictError,
    CorruptDataError,
    LimitExceededError,
)
from tenantry.messaging.event import Event
from tenantry.persistence.items import Item
from tenantry.persistence.keys import Key, key, organization_pk, part
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Assign, Change, Count, Create, Write

SHARDS: Final = 8
_PAGES: Final = 4
"""Of a line, where what cannot be read is passed over."""
EVENTS_KEPT: Final = timedelta(days=90)
_LIST: Final = "ACCOUNTS"
_WAITING: Final = "OPERATIONS#WAITING"
_PARKED: Final = "OPERATIONS#PARKED"
_RETIRING: Final = "OPERATIONS#RETIRING"
_PLACES: Final = key("OPERATIONS", "PLACES")
_LEFT_OUT: Final = frozenset({"passes", "differed", "own_buckets"})
"""Of an operation, where it says nothing."""
_STEP: Final = {"state": "s", "attempts": "n", "error": "x", "started_at": "b", "ended_at": "e"}


class DynamoDBAccountRepository:
    def __init__(
        self,
        table: Table,
        places: int,
        report: Callable[[str, str], None] = lambda _what, _tenant_id: None,
    ) -> None:
        """`places` is how many operations may run at a time; `report` is told of an operation in
        a line that cannot be read, and of which organisation: the others are not to wait for it.
        """
        self._table = table
        self._places = places
        self._report = report

    def request(
        self, account: Account, operation: Operation, event: Event
    ) -> tuple[Account, Operation]:
        held = {
            "entity_type": "AccountReservation",
            "tenant_id": account.tenant_id,
            "account_id": account.account_id,
            "status": "HELD",
        }
        writes = (
            Create(_account_key(account.account_id), _account_item(account), (event,)),
            Create(_operation_key(operation), _operation_item(operation)),
            Create(_reservation_key(account.tenant_id), held, replace_if={"status": "RELEASED"}),
        )
        try:
            self._table.transact(writes)
        except ConditionFailedError as failure:
            if 0 in failure.failures:
                stored = _account(failure.items[0])
                found, its = self.read(stored.account_id, stored.operation_id)
                if found and its:
                    return found, its
            raise AccountExistsError("The organisation has an account already.") from failure
        return account, operation

    def get(self, account_id: str) -> Account | None:
        item = self._table.get(_account_key(account_id))
        return _account(item) if item else None

    def of(self, tenant_id: str) -> Account | None:
        held = self._table.get(_reservation_key(tenant_id))
        if held is None or held.get("status") != "HELD":
            return None
        return self.get(str(held["account_id"]))

    def read(self, account_id: str, operation_id: str) -> tuple[Account | None, Operation | None]:
        account, operation = self._table.get_all(
            [
                _account_key(account_id),
                key(_account_pk(account_id), f"OPERATION#{part(operation_id)}"),
            ]
        )
        return (
            _account(account) if account else None,
            _operation(operation) if operation else None,
        )

    def advance(self, step: Advance) -> None:
        """One write where the operation moves alone; one transaction otherwise."""
        before, after = step.operation
        writes: list[Write] = [_operation_change(before, after)]
        if step.account:
            events = (step.event,) if step.event else ()
            writes.append(_account_change(*step.account, events))
        if step.releases:
            free = {
                "entity_type": "AccountReservation",
                "tenant_id": after.tenant_id,
                "account_id": after.account_id,
                "status": "RELEASED",
            }
            own = {"account_id": after.account_id, "status": "HELD"}
            writes.append(Create(_reservation_key(after.tenant_id), free, replace_if=own))
        writes += step.also
        if step.slots:
            writes.append(self._place(step.slots))
        try:
            if len(writes) == 1:
                self._table.write(_operation_change(before, after))
            else:
                self._table.transact(writes)
        except ConditionFailedError as failure:
            if step.slots > 0 and failure.failures == (len(writes) - 1,):
                raise LimitExceededError("As many operations run as may.") from failure
            raise ConflictError("The operation has changed since.") from failure

    def begin(self, account: tuple[Account, Account], operation: Operation, event: Event) -> None:
        writes = (
            _account_change(*account, (event,)),
            Create(_operation_key(operation), _operation_item(operation)),
        )
        try:
            self._table.transact(writes)
        except ConditionFailedError as failure:
            raise ConflictError("The account has changed since.") from failure

    def handed_out(self, account: Account, number: int) -> Write:
        """No version of the account's: it is no state of it, and the program's event tells it."""
        as_read = {"credentials": account.credentials, "status": ProvisioningStatus.ACTIVE.value}
        return Assign(_account_key(account.account_id), {"credentials": number}, as_read)

    def reroute(self, write: Write) -> None:
        try:
            self._table.transact([write])
        except ConditionFailedError as failure:
            raise ConflictError("The organisation has changed since.") from failure

    def page(self, limit: int, after: str | None) -> tuple[list[Account], str | None]:
        start = None
        if after:
            account_id = after.rpartition("#")[2]
            start = {**_account_key(account_id), "GSI1PK": _LIST, "GSI1SK": after}
        page = self._table.query(_LIST, index="GSI1", limit=limit, start=start, newest_first=True)
        found = self._table.get_all([key(item["PK"], item["SK"]) for item in page.items])
        accounts = [_account(item) for item in found if item]
        return accounts, page.next_key["GSI1SK"] if page.next_key else None

    def tenants(self, account_ids: Collection[str]) -> dict[str, str]:
        found = self._table.get_all([_account_key(each) for each in account_ids])
        return {item["account_id"]: item["tenant_id"] for item in found if item}

    def operations(self, account_id: str, limit: int) -> list[Operation]:
        page = self._table.query(_account_pk(account_id), prefix="OPERATION#", limit=limit)
        return [_operation(item) for item in page.items]

    def waiting(self, limit: int, until: datetime | None = None) -> list[Operation]:
        between = ("0", f"{until.isoformat()}~") if until else None
        return self._indexed(_WAITING, between, limit)

    def parked(self, limit: int, until: datetime) -> list[Operation]:
        return self._indexed(_PARKED, ("0", f"{until.isoformat()}~"), limit)

    def silent(self, since: datetime, limit: int) -> list[Operation]:
        """One query a shard: what is open is written often, and spread for it."""
        found: list[Operation] = []
        for shard in range(SHARDS):
            until = ("0", since.isoformat())
            found += self._indexed(f"OPERATIONS#OPEN#{shard}", until, limit)
        return sorted(found, key=lambda operation: operation.heartbeat_at)[:limit]

    def retiring(self, until: datetime, limit: int) -> list[Operation]:
        return self._indexed(_RETIRING, ("0", f"{until.isoformat()}~"), limit)

    def _indexed(self, pk: str, between: tuple[str, str] | None, limit: int) -> list[Operation]:
        how: dict[str, Any] = {"between": between} if between else {}
        found: list[Operation] = []
        for _ in range(_PAGES):
            page = self._table.query(pk, index="GSI2", limit=limit, **how)
            found += self._readable([key(item["PK"], item["SK"]) for item in page.items])
            if len(found) >= limit or page.next_key is None:
                break
            how["start"] = page.next_key
        return found[:limit]

    def _readable(self, keys: list[Key]) -> Iterator[Operation]:
        for item in self._table.get_all(keys):
            if item is None:
                continue
            try:
                yield _operation(item)
            except CorruptDataError:
                self._report("an operation cannot be read", str(item.get("tenant_id")))

    def note(self, operation: Operation, events: Sequence[StackEvent]) -> None:
        for event in events:
            self._table.add(
                {
                    **key(
                        _account_pk(operation.account_id),
                        f"{_events(operation)}{event.at.isoformat()}#{part(event.event_id)}",
                    ),
                    "entity_type": "StackEvent",
                    "tenant_id": operation.tenant_id,
                    "purge_at": int((event.at + EVENTS_KEPT).timestamp()),
                    **event.model_dump(mode="json", exclude_none=True),
                }
            )

    def noted(self, operation: Operation, limit: int) -> list[StackEvent]:
        page = self._table.query(
            _account_pk(operation.account_id), prefix=_events(operation), limit=limit
        )
        return [_valid(StackEvent, item) for item in page.items]

    def _place(self, by: int) -> Write:
        if by > 0:
            # The counter is an item like others: it is made with the first one who takes a place.
            self._table.add({**_PLACES, "entity_type": "Places", "taken": 0})
        return Count(_PLACES, "taken", by, limit=self._places)


def _account_pk(account_id: str) -> str:
    return f"ACCOUNT#{part(account_id)}"


def _account_key(account_id: str) -> Key:
    return key(_account_pk(account_id), "ACCOUNT")


def _operation_key(operation: Operation) -> Key:
    return key(_account_pk(operation.account_id), f"OPERATION#{part(operation.operation_id)}")


def _reservation_key(tenant_id: str) -> Key:
    return key(organization_pk(tenant_id), "ACCOUNT")


def _events(operation: Operation) -> str:
    return f"EVENT#{part(operation.operation_id)}#"


def _account_item(account: Account) -> Item:
    item = account.model_dump(
        mode="json", exclude_none=True, exclude={"entity_version"}, exclude_defaults=False
    )
    item["options"] = account.options.model_dump(mode="json", exclude_defaults=True)
    created = account.created_at.isoformat()
    return {
        **{name: value for name, value in item.items() if value not in ({}, [])},
        "entity_type": "Account",
        "entity_id": account.account_id,
        "GSI1PK": _LIST,
        "GSI1SK": f"{created}#{account.account_id}",
    }


def _account_change(before: Account, after: Account, events: tuple[Event, ...]) -> Change:
    old, new = _account_item(before), _account_item(after)
    differing = {n: new.get(n) for n in old.keys() | new.keys() if old.get(n) != new.get(n)}
    return Change(_account_key(before.account_id), before.entity_version, differing, events)


def _account(item: Item) -> Account:
    return _valid(Account, item)


def _operation_item(operation: Operation) -> Item:
    item = operation.model_dump(mode="json", exclude_none=True, exclude={"entity_version", "steps"})
    return {
        **{name: value for name, value in item.items() if value or name not in _LEFT_OUT},
        "steps": {step.name.value: _step_item(step) for step in operation.steps},
        "entity_type": "AccountOperation",
        "entity_id": operation.operation_id,
        **_listed(operation),
    }


def _listed(operation: Operation) -> Item:
    """Where the line of those who wait, or a sweep, finds it; nowhere once all of it has ended."""
    at = operation.heartbeat_at
    if operation.is_parked and operation.asks_again_at:
        again = f"{operation.asks_again_at.isoformat()}#{operation.operation_id}"
        return {"GSI2PK": _PARKED, "GSI2SK": again}
    if operation.status is OperationStatus.PENDING:
        at = max(at, operation.not_before or at)
    since = f"{at.isoformat()}#{operation.operation_id}"
    if operation.status is OperationStatus.PENDING:
        return {"GSI2PK": _WAITING, "GSI2SK": since}
    if operation.is_open:
        shard = zlib.crc32(operation.operation_id.encode()) % SHARDS
        return {"GSI2PK": f"OPERATIONS#OPEN#{shard}", "GSI2SK": since}
    if operation.status is OperationStatus.SUCCEEDED and operation.retire_at:
        kept = f"{operation.retire_at.isoformat()}#{operation.operation_id}"
        return {"GSI2PK": _RETIRING, "GSI2SK": kept}
    return {}


def _operation_change(before: Operation, after: Operation) -> Change:
    old, new = _operation_item(before), _operation_item(after)
    differing = {n: new.get(n) for n in old.keys() | new.keys() if old.get(n) != new.get(n)}
    return Change(_operation_key(before), before.entity_version, differing, ())


def _step_item(step: Step) -> Item:
    values: dict[str, Any] = {"s": step.state.value}
    if step.attempts:
        values["n"] = step.attempts
    if step.error:
        values["x"] = step.error
    for name in ("started_at", "ended_at"):
        if at := getattr(step, name):
            values[_STEP[name]] = round(at.timestamp() * 1000)
    return values


def _step(name: str, item: Item) -> dict[str, Any]:
    values = {full: item[short] for full, short in _STEP.items() if short in item}
    for at in ("started_at", "ended_at"):
        if at in values:
            values[at] = datetime.fromtimestamp(values[at] / 1000, UTC)
    return {"name": name, **values}


def _operation(item: Item) -> Operation:
    try:
        kept: dict[str, Item] = item["steps"]
        by_name = {name: Step.model_validate(_step(name, kept[name])) for name in kept}
        found = Operation.model_validate({**item, "steps": tuple(by_name.values())})
        return found.model_copy(
            update={"steps": tuple(by_name[n] for n in found.course.steps if n in by_name)}
        )
    except (ValidationError, LookupError, TypeError, ValueError) as error:
        raise CorruptDataError("a stored Operation breaks its schema") from error


def _valid[T: (Account, StackEvent)](model: type[T], item: Item) -> T:
    try:
        return model.model_validate(item)
    except ValidationError as error:
        raise CorruptDataError(f"a stored {model.__name__} breaks its schema") from error
