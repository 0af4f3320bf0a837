"""What calls cost: DynamoDB's capacity units, by AWS's published rules, and round trips.

"Read and write operations" (.../amazondynamodb/latest/developerguide/read-write-operations.html),
"Item sizes and formats" and "Transactions: capacity": a write is one unit per KB begun, of the
larger of the item before and after, doubled in a transaction; a strongly consistent read one unit
per 4 KB begun, an eventually consistent one half, a transactional one two; a batch rounds up each
item, a query their sum; what is not there costs the least. Each index costs by what it carries:
nothing when that did not change, two writes when its key did.
"""

import base64
import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.faults import Answer, Call, Calls, Send, injected

type WireItem = Mapping[str, Any]

_READS = ("GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems")
_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")


@dataclass
class Cost:
    """What a piece of work took; retries count, as they do on the bill."""

    read_units: float = 0
    write_units: float = 0
    index_write_units: float = 0
    calls: Calls = field(default_factory=Calls)

    @property
    def round_trips(self) -> int:
        return len(self.calls)

    @property
    def operations(self) -> list[str]:
        return self.calls.operations


@contextmanager
def measured(client: Any) -> Iterator[Cost]:
    """The cost of what runs inside, on the cloud of `client`; to be read when it is done.

    For one thread at a time: the items are weighed before and after each call.
    """
    meter = _Meter(client)
    with injected(meter) as calls:
        meter.cost.calls = calls
        yield meter.cost
        calls.all[:] = [call for call in calls.all if call.request not in meter.own]


def item_size(item: WireItem) -> int:
    """Bytes of an item in DynamoDB's form."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def write_units(size: int, *, transactional: bool = False) -> int:
    units = max(1, math.ceil(size / 1024))
    return 2 * units if transactional else units


def read_units(size: int, *, consistent: bool, transactional: bool = False) -> float:
    blocks = max(1, math.ceil(size / 4096))
    return blocks * (2 if transactional else 1 if consistent else 0.5)


def _value_size(value: Mapping[str, Any]) -> int:  # noqa: PLR0911 - one for each type
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return _number_size(content)
        case "B":
            return len(base64.b64decode(content)) if isinstance(content, str) else len(content)
        case "BOOL" | "NULL":
            return 1
        case "SS":
            return sum(len(each.encode()) for each in content)
        case "NS":
            return sum(_number_size(each) for each in content)
        case "L":
            return 3 + sum(1 + _value_size(each) for each in content)
        case "M":
            return 3 + sum(
                1 + len(name.encode()) + _value_size(each) for name, each in content.items()
            )
        case _:
            raise AssertionError(f"a size for {kind} is not written down")


def _number_size(number: str) -> int:
    digits = number.lstrip("-").replace(".", "").strip("0")
    return math.ceil(len(digits) / 2) + 1 + number.startswith("-")


def index_units(index: Mapping[str, Any], old: WireItem | None, new: WireItem | None) -> int:
    """Write units that an index takes for one change of an item."""
    before, after = _entry(index, old), _entry(index, new)
    if before == after:
        return 0
    if before is not None and after is not None:
        keys = [key["AttributeName"] for key in index["KeySchema"]]
        if all(before[key] == after[key] for key in keys):
            return write_units(max(item_size(before), item_size(after)))
    return sum(write_units(item_size(entry)) for entry in (before, after) if entry is not None)


def _entry(index: Mapping[str, Any], item: WireItem | None) -> WireItem | None:
    keys = [key["AttributeName"] for key in index["KeySchema"]]
    if item is None or any(key not in item for key in keys):
        return None
    if index["Projection"]["ProjectionType"] == "ALL":
        return item
    carried = {*keys, "PK", "SK", *index["Projection"].get("NonKeyAttributes", ())}
    return {name: value for name, value in item.items() if name in carried}


class _Meter:
    """A fault that does no harm: it weighs the items before and after each call."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._tables: dict[str, Any] = {}
        self._looking = threading.local()
        self.own: list[Any] = []
        self.cost = Cost()

    def __call__(self, call: Call, send: Send) -> Answer:
        if getattr(self._looking, "now", False):
            self.own.append(call.request)
            return send()
        if call.service != "dynamodb" or call.operation not in (*_READS, *_WRITES):
            return send()
        keys = list(self._written(call)) if call.operation in _WRITES else []
        before = [self._look(table, key) for table, key in keys]
        answer = send()
        if answer[0] is not None and call.operation in _READS:
            self._read(call, answer[0][1])
        after = [self._look(table, key) for table, key in keys]
        transactional = call.operation == "TransactWriteItems"
        for (table, _), old, new in zip(keys, before, after, strict=True):
            size = max(item_size(old or {}), item_size(new or {}))
            self.cost.write_units += write_units(size, transactional=transactional)
            for index in self._described(table).get("GlobalSecondaryIndexes", []):
                self.cost.index_write_units += index_units(index, old, new)
        return answer

    def _read(self, call: Call, answer: Mapping[str, Any]) -> None:
        asked = call.parameters
        match call.operation:
            case "GetItem":
                size = item_size(answer.get("Item", {}))
                consistent = asked.get("ConsistentRead", False)
                self.cost.read_units += read_units(size, consistent=consistent)
            case "BatchGetItem":
                for table, wanted in asked["RequestItems"].items():
                    consistent = wanted.get("ConsistentRead", False)
                    found = answer.get("Responses", {}).get(table, [])
                    left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
                    missing = len(wanted["Keys"]) - len(left) - len(found)
                    for item in [*found, *({} for _ in range(missing))]:
                        self.cost.read_units += read_units(item_size(item), consistent=consistent)
            case "TransactGetItems":
                for found in answer.get("Responses", []):
                    size = item_size(found.get("Item", {}))
                    self.cost.read_units += read_units(size, consistent=True, transactional=True)
            case _:
                size = sum(item_size(item) for item in answer.get("Items", []))
                consistent = asked.get("ConsistentRead", False)
                self.cost.read_units += read_units(size, consistent=consistent)

    def _written(self, call: Call) -> Iterator[tuple[str, WireItem]]:
        asked = call.parameters
        if call.operation == "TransactWriteItems":
            for action in asked["TransactItems"]:
                for write in action.values():
                    yield write["TableName"], self._key(write["TableName"], write)
        elif call.operation == "BatchWriteItem":
            for table, writes in asked["RequestItems"].items():
                for write in writes:
                    yield table, self._key(table, next(iter(write.values())))
        else:
            yield asked["TableName"], self._key(asked["TableName"], asked)

    def _key(self, table: str, write: Mapping[str, Any]) -> WireItem:
        item = write.get("Key") or write["Item"]
        names = [key["AttributeName"] for key in self._described(table)["KeySchema"]]
        return {name: item[name] for name in names}

    def _described(self, table: str) -> Any:
        if table not in self._tables:
            with self._aside():
                self._tables[table] = self._client.describe_table(TableName=table)["Table"]
        return self._tables[table]

    def _look(self, table: str, key: WireItem) -> WireItem | None:
        with self._aside():
            answer = self._client.get_item(TableName=table, Key=key, ConsistentRead=True)
        item: WireItem | None = answer.get("Item")
        return item

    @contextmanager
    def _aside(self) -> Iterator[None]:
        self._looking.now = True
        try:
            yield
        finally:
            self._looking.now = False
