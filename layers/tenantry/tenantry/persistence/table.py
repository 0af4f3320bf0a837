"""A DynamoDB table as the adapters use it: conditional writes, consistent reads, pages.

Writes recognise themselves: when an answer is lost and the SDK's retry meets the condition, the
stored item shows the id of the very event it carries, and the write counts as done.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from tenantry.errors import UnavailableError
from tenantry.persistence.items import (
    Item,
    from_wire,
    recent_event_ids,
    slot,
    stamped,
    to_wire,
)
from tenantry.persistence.keys import Key
from tenantry.persistence.writes import Change, Check, Count, Create, Write
from tenantry.runtime.identifiers import derived_id

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

_BATCH_GET = 100
_ATTEMPTS = 8
_CONDITION = "ConditionalCheckFailed"
_PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_BUSY = frozenset(
    {
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "TransactionConflictException",
        "TransactionInProgressException",
        "InternalServerError",
        "ServiceUnavailable",
    }
)


class ConditionFailedError(Exception):
    """A condition did not hold; `failures` are the positions of the writes that were refused.

    Adapters turn it into the error it means there; `items` holds what stood in the way.
    """

    def __init__(self, failures: Sequence[int], items: Mapping[int, Item]) -> None:
        super().__init__(f"condition failed for {list(failures)}")
        self.failures = tuple(failures)
        self.items = dict(items)


@dataclass(frozen=True)
class Page:
    """Some items of a list, and the key to go on from, None at its end."""

    items: list[Item]
    next_key: Key | None


class Table:
    """One table; `sleep` and `jitter` are the waits between attempts, injected for tests."""

    def __init__(
        self,
        client: "DynamoDBClient",
        name: str,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client: Any = client
        self.name = name
        self._sleep = sleep
        self._jitter = jitter

    # reading

    def get(self, key: Key) -> Item | None:
        """The item, strongly consistent; None when there is none."""
        found = self._retried(
            self._client.get_item, TableName=self.name, Key=to_wire(key), ConsistentRead=True
        )
        return from_wire(found["Item"]) if "Item" in found else None

    def get_all(self, keys: Sequence[Key]) -> list[Item | None]:
        """The items at `keys` in that order, in one strongly consistent round trip per 100."""
        found: dict[tuple[str, str], Item] = {}
        unique = list({(key["PK"], key["SK"]): key for key in keys}.values())
        for start in range(0, len(unique), _BATCH_GET):
            for item in self._batch_get(unique[start : start + _BATCH_GET]):
                found[item["PK"], item["SK"]] = item
        return [found.get((key["PK"], key["SK"])) for key in keys]

    def query(
        self,
        pk: str,
        *,
        index: str | None = None,
        prefix: str | None = None,
        between: tuple[str, str] | None = None,
        limit: int,
        start: Key | None = None,
        newest_first: bool = False,
    ) -> Page:
        """Up to `limit` items of a partition, in the order of their sort key.

        `prefix` or `between` (inclusive) narrows the sort key. Consistent unless on an index.
        """
        pk_name, sk_name = (f"{index}PK", f"{index}SK") if index else ("PK", "SK")
        condition, values = "#pk = :pk", {":pk": pk}
        names = {"#pk": pk_name}
        if prefix is not None:
            condition += " AND begins_with(#sk, :prefix)"
            values[":prefix"] = prefix
        if between is not None:
            condition += " AND #sk BETWEEN :low AND :high"
            values[":low"], values[":high"] = between
        if prefix is not None or between is not None:
            names["#sk"] = sk_name
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": to_wire(values),
            "Limit": limit,
            "ScanIndexForward": not newest_first,
            "ConsistentRead": index is None,
        }
        if index:
            request["IndexName"] = index
        if start:
            request["ExclusiveStartKey"] = to_wire(start)
        answer = self._retried(self._client.query, **request)
        last = answer.get("LastEvaluatedKey")
        return Page(
            [from_wire(item) for item in answer["Items"]], from_wire(last) if last else None
        )

    # writing

    def put(self, item: Mapping[str, Any]) -> None:
        """Store `item` whatever stands there: only for what has one writer, or no meaning twice."""
        self._retried(self._client.put_item, TableName=self.name, Item=to_wire(item))

    def add(self, item: Mapping[str, Any]) -> bool:
        """Store `item` unless its key is taken: False says that it is there.

        After a lost answer that may be by this very call: only for what is the same each time.
        """
        try:
            self._retried(
                self._client.put_item,
                TableName=self.name,
                Item=to_wire(item),
                ConditionExpression="attribute_not_exists(PK)",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def write(self, write: Create | Change) -> None:
        """One conditional write; ConditionFailedError when it is refused."""
        operation, request = self._request(write)
        call = self._client.put_item if operation == "Put" else self._client.update_item
        try:
            self._retried(call, **request)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            stored = from_wire(cast("Item", error.response.get("Item", {})))
            if not _is_own(stored, write):
                raise ConditionFailedError([0], {0: stored}) from error

    def transact(self, writes: Sequence[Write]) -> None:
        """All writes or none; ConditionFailedError names those whose conditions did not hold.

        The request's token is made of the events it carries, so that a lost answer counts once.
        Conflicts with other transactions and throttling are waited out, with jitter.
        """
        items = [{operation: request} for operation, request in map(self._request, writes)]
        request: dict[str, Any] = {"TransactItems": items}
        events = [event.id for write in writes for event in _events(write)]
        if events:
            request["ClientRequestToken"] = derived_id("transaction", *events)
        for wait in self._waits():
            try:
                self._retried(self._client.transact_write_items, **request)
            except ClientError as error:
                if error.response["Error"]["Code"] != "TransactionCanceledException":
                    raise
                reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
                codes = {reason["Code"] for reason in reasons} - {"None"}
                failed = [i for i, reason in enumerate(reasons) if reason["Code"] == _CONDITION]
                stored = {i: from_wire(reasons[i].get("Item", {})) for i in failed}
                if any(_is_own(item, writes[i]) for i, item in stored.items()):
                    return
                if failed:
                    raise ConditionFailedError(failed, stored) from error
                if not codes or not codes <= _PASSING:
                    raise
                self._sleep(wait)
            else:
                return
        raise UnavailableError("The data is busy right now; try again in a moment.")

    # inside

    def _request(self, write: Write) -> tuple[str, dict[str, Any]]:
        match write:
            case Create():
                return "Put", self._create(write)
            case Change():
                return "Update", self._change(write)
            case Count():
                return "Update", self._count(write)
            case Check():
                return "ConditionCheck", self._check(write)

    def _create(self, write: Create) -> dict[str, Any]:
        item = {**stamped(write.attributes, 1, write.events), **write.key}
        if not write.events:
            del item["events"], item["event_ids"]
        expressions = _Expressions()
        condition = "attribute_not_exists(PK)"
        if write.replace_if:
            condition += f" OR ({expressions.equal(write.replace_if)})"
        return {
            "TableName": self.name,
            "Item": to_wire(item),
            "ConditionExpression": condition,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **expressions.parameters(),
        }

    def _change(self, write: Change) -> dict[str, Any]:
        version = write.expected_version + 1
        expressions = _Expressions()
        stored = [event.stored() for event in write.events]
        removed = write.remove | {name for name, value in write.set.items() if value is None}
        values = {name: value for name, value in write.set.items() if value is not None}
        assignments = [
            *(f"{expressions.name(n)} = {expressions.value(v)}" for n, v in values.items()),
            f"{expressions.name('entity_version')} = {expressions.value(version)}",
            f"{expressions.name('events')} = {expressions.value(stored)}",
            f"{expressions.name('event_ids')}.{expressions.name(slot(version))}"
            f" = {expressions.value([e.id for e in write.events])}",
        ]
        update = "SET " + ", ".join(assignments)
        if removed:
            update += " REMOVE " + ", ".join(expressions.name(name) for name in sorted(removed))
        require = {"entity_version": write.expected_version, **write.require}
        return self._update(write.key, update, expressions.equal(require), expressions)

    def _count(self, write: Count) -> dict[str, Any]:
        expressions = _Expressions()
        counter, by = expressions.name(write.attribute), expressions.value(write.by)
        conditions = ["attribute_exists(PK)"]
        if write.by > 0 and write.limit is not None:
            conditions.append(f"{counter} <= {expressions.value(write.limit - write.by)}")
        if write.by < 0:
            conditions.append(f"{counter} >= {expressions.value(-write.by)}")
        if write.require:
            conditions.append(expressions.equal(write.require))
        update = f"SET {counter} = {counter} + {by}"
        return self._update(write.key, update, " AND ".join(conditions), expressions)

    def _check(self, write: Check) -> dict[str, Any]:
        expressions = _Expressions()
        condition = "attribute_exists(PK)"
        if write.require:
            condition += f" AND {expressions.equal(write.require)}"
        return {
            "TableName": self.name,
            "Key": to_wire(write.key),
            "ConditionExpression": condition,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **expressions.parameters(),
        }

    def _update(
        self, key: Key, update: str, condition: str, expressions: "_Expressions"
    ) -> dict[str, Any]:
        return {
            "TableName": self.name,
            "Key": to_wire(key),
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **expressions.parameters(),
        }

    def _batch_get(self, keys: Sequence[Key]) -> Iterator[Item]:
        pending: Any = {self.name: {"Keys": [to_wire(key) for key in keys], "ConsistentRead": True}}
        for wait in self._waits():
            answer = self._retried(self._client.batch_get_item, RequestItems=pending)
            yield from (from_wire(item) for item in answer["Responses"].get(self.name, []))
            pending = answer.get("UnprocessedKeys")
            if not pending:
                return
            self._sleep(wait)
        raise UnavailableError("The data cannot be read right now; try again in a moment.")

    def _retried(self, call: Callable[..., Any], **request: Any) -> Any:
        """`call`, tried again with growing jittered waits while the table says it is busy."""
        for wait in self._waits():
            try:
                return call(**request)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _BUSY:
                    raise
            self._sleep(wait)
        raise UnavailableError("The data is busy right now; try again in a moment.")

    def _waits(self) -> Iterator[float]:
        for attempt in range(_ATTEMPTS):
            yield self._jitter() * min(1.0, 0.02 * 2**attempt)


class _Expressions:
    """Placeholders of one request."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def name(self, attribute: str) -> str:
        return self._names.setdefault(attribute, f"#n{len(self._names)}")

    def value(self, value: Any) -> str:
        placeholder = f":v{len(self._values)}"
        self._values[placeholder] = value
        return placeholder

    def equal(self, values: Mapping[str, Any]) -> str:
        """Each attribute equals its value; None: it is absent."""
        return " AND ".join(
            f"attribute_not_exists({self.name(n)})"
            if v is None
            else f"{self.name(n)} = {self.value(v)}"
            for n, v in values.items()
        )

    def parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = {}
        if self._names:
            parameters["ExpressionAttributeNames"] = {p: n for n, p in self._names.items()}
        if self._values:
            parameters["ExpressionAttributeValues"] = to_wire(self._values)
        return parameters


def _events(write: Write) -> tuple[Any, ...]:
    return write.events if isinstance(write, Create | Change) else ()


def _is_own(stored: Item, write: Write) -> bool:
    """Whether the item that stands in the way is this very write, whose answer was lost."""
    ids = {event.id for event in _events(write)}
    return bool(ids) and ids <= recent_event_ids(stored)
