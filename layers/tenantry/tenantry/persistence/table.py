"""A DynamoDB table as the adapters use it: conditional writes, consistent reads, pages.

Writes recognise themselves: when an answer is lost and the SDK's retry meets the condition, the
stored item shows the id of the very event it carries, and the write counts as done.
"""

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from tenantry.errors import UnavailableError
from tenantry.persistence.items import (
    Item,
    from_wire,
    recent_event_ids,
    slot,
    stamped,
    to_wire,
    without_events,
)
from tenantry.persistence.keys import Key
from tenantry.persistence.writes import (
    Assign,
    Change,
    Check,
    Copy,
    Count,
    Create,
    Fence,
    Remove,
    Step,
    Store,
    Write,
    moves_of,
)
from tenantry.runtime.identifiers import new_id

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

_BATCH_GET = 100
_ATTEMPTS = 8
"""Of a request that the table is too busy for; the waits between them are 3.3 seconds at most."""
_UNANSWERED = 4
"""Attempts without any answer, each as long as the client waits for one."""
_SERVER_ERROR = 500
_NONE = "None"
_CANCELED = "TransactionCanceledException"
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
    """One table, over a client that makes one attempt: the attempts are counted here alone.

    A client that tried again too would multiply them, and its waits of seconds with ours.
    `unanswered` is how many attempts may go without an answer; `sleep` and `jitter` are the waits
    between attempts, injected for tests.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        name: str,
        unanswered: int = _UNANSWERED,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client: Any = client
        self.name = name
        self._unanswered = unanswered
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

    def delete(self, key: Key) -> None:
        """Remove an item, or find it gone: only what nobody was ever told of ends like this."""
        self._retried(self._client.delete_item, TableName=self.name, Key=to_wire(key))

    def write(self, write: Create | Change) -> None:
        """One conditional write; ConditionFailedError when it is refused."""
        ids = _ids(write)
        operation, request = self._request(write, ids)
        call = self._client.put_item if operation == "Put" else self._client.update_item
        try:
            self._retried(call, **request)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            stored = from_wire(cast("Item", error.response.get("Item", {})))
            if not _is_own(stored, ids):
                raise ConditionFailedError([0], {0: stored}) from error

    def copy(self, copy: Copy) -> bool:
        """Make a copy current; False when it is so already, or nobody is left to show it.

        A lost answer does no harm: what is written twice is the same.
        """
        expressions = _Expressions()
        version = expressions.name(copy.version_attribute)
        conditions = [
            "attribute_exists(PK)",
            f"(attribute_not_exists({version}) OR {version} < {expressions.value(copy.version)})",
            *(
                f"(attribute_not_exists({expressions.name(n)})"
                f" OR {expressions.name(n)} <> {expressions.value(v)})"
                for n, v in copy.unless.items()
            ),
        ]
        values = {**copy.set, copy.version_attribute: copy.version}
        update = expressions.update(values)
        request = self._update(copy.key, update, " AND ".join(conditions), expressions)
        request.pop("ReturnValuesOnConditionCheckFailure")
        try:
            self._retried(self._client.update_item, **request)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def transact(self, writes: Sequence[Write], token: str | None = None) -> None:
        """All writes or none; ConditionFailedError names those whose conditions did not hold.

        One token for all attempts of this call, so that a lost answer counts once; a command that
        comes again as a whole is known by the ids of its events, or repeats its `token` (up to 36
        characters), which DynamoDB remembers for ten minutes. Conflicts with other transactions
        and throttling are waited out, with jitter.
        """
        ids = [_ids(write) for write in writes]
        requests = [self._request(write, own) for write, own in zip(writes, ids, strict=True)]
        try:
            self._retried(
                self._client.transact_write_items,
                TransactItems=[{operation: request} for operation, request in requests],
                ClientRequestToken=token or new_id(),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != _CANCELED:
                raise
            reasons = _reasons(error)
            failed = [i for i, reason in enumerate(reasons) if reason["Code"] == _CONDITION]
            stored = {i: from_wire(reasons[i].get("Item", {})) for i in failed}
            if any(_is_own(item, ids[i]) for i, item in stored.items()):
                return
            if not failed:
                raise
            raise ConditionFailedError(failed, stored) from error

    def update(self, **request: Any) -> None:
        """An UpdateItem of the caller's own making; its ClientError when it is refused."""
        self._retried(self._client.update_item, TableName=self.name, **request)

    # inside

    def _request(self, write: Write, ids: Sequence[str]) -> tuple[str, dict[str, Any]]:
        match write:
            case Create():
                return "Put", self._create(write, ids)
            case Change():
                return "Update", self._change(write, ids)
            case Count():
                return "Update", self._count(write)
            case Check() | Fence():
                checked = self._fence(write) if isinstance(write, Fence) else self._check(write)
                return "ConditionCheck", checked
            case Assign():
                return "Update", self._assign(write)
            case Store() | Remove():
                return self._replica(write)

    def _create(self, write: Create, ids: Sequence[str]) -> dict[str, Any]:
        item = {**stamped(write.attributes, 1, write.events, ids), **write.key}
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

    def _change(self, write: Change, ids: Sequence[str]) -> dict[str, Any]:
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
            f" = {expressions.value(list(ids))}",
        ]
        update = "SET " + ", ".join(assignments)
        if removed:
            update += " REMOVE " + ", ".join(expressions.name(name) for name in sorted(removed))
        require = {"entity_version": write.expected_version, **write.require}
        return self._update(write.key, update, expressions.equal(require), expressions)

    def _count(self, write: Count) -> dict[str, Any]:
        expressions = _Expressions()
        conditions = [] if write.makes else ["attribute_exists(PK)"]
        assignments = [
            f"{name} = if_not_exists({name}, {expressions.value(value)})"
            for name, value in ((expressions.name(n), v) for n, v in write.makes.items())
        ]
        for step in write.steps:
            counter, by = expressions.name(step.attribute), expressions.value(step.by)
            zero = expressions.value(0)
            moves, one = expressions.name(moves_of(step.attribute)), expressions.value(1)
            assignments.append(f"{counter} = if_not_exists({counter}, {zero}) + {by}")
            assignments.append(f"{moves} = if_not_exists({moves}, {zero}) + {one}")
            conditions += expressions.within(counter, step)
        if write.require:
            conditions.append(expressions.equal(write.require))
        update = f"SET {', '.join(assignments)}"
        return self._update(write.key, update, " AND ".join(conditions), expressions)

    def _assign(self, write: Assign) -> dict[str, Any]:
        expressions = _Expressions()
        update = expressions.update(write.set)
        condition = "attribute_exists(PK)"
        if write.require:
            condition += f" AND {expressions.equal(write.require)}"
        return self._update(write.key, update, condition, expressions)

    def _check(self, write: Check) -> dict[str, Any]:
        expressions = _Expressions()
        conditions = ["attribute_exists(PK)"]
        if write.require:
            conditions.append(expressions.equal(write.require))
        conditions += [expressions.among(name, values) for name, values in write.one_of.items()]
        return {
            "TableName": self.name,
            "Key": to_wire(write.key),
            "ConditionExpression": " AND ".join(conditions),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **expressions.parameters(),
        }

    def _fence(self, write: Fence) -> dict[str, Any]:
        expressions = _Expressions()
        passed = f"{expressions.name(write.attribute)} <= {expressions.value(write.at)}"
        return {
            "TableName": self.name,
            "Key": to_wire(write.key),
            "ConditionExpression": (
                passed if write.must_exist else f"attribute_not_exists(PK) OR {passed}"
            ),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **expressions.parameters(),
        }

    def _replica(self, write: Store | Remove) -> tuple[str, dict[str, Any]]:
        if isinstance(write, Remove):
            return "Delete", self._remove(write)
        item = {**without_events(dict(write.item)), **to_wire(write.key)}
        return "Put", {"TableName": self.name, "Item": item}

    def _remove(self, write: Remove) -> dict[str, Any]:
        request: dict[str, Any] = {"TableName": self.name, "Key": to_wire(write.key)}
        if not write.require:
            return request
        expressions = _Expressions()
        return {
            **request,
            "ConditionExpression": expressions.equal(write.require),
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
            **({"ConditionExpression": condition} if condition else {}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **expressions.parameters(),
        }

    def _batch_get(self, keys: Sequence[Key]) -> Iterator[Item]:
        pending: Any = {self.name: {"Keys": [to_wire(key) for key in keys], "ConsistentRead": True}}
        while pending:
            # Attempts are counted anew whenever some of the items came: a large batch under load
            # comes in pieces, and each piece is progress.
            for _ in self._attempts():
                answer = self._retried(self._client.batch_get_item, RequestItems=pending)
                items = answer["Responses"].get(self.name, [])
                left = answer.get("UnprocessedKeys")
                if items or not left:
                    break
            else:
                raise UnavailableError("The data cannot be read right now; try again in a moment.")
            yield from (from_wire(item) for item in items)
            pending = left

    def _retried(self, call: Callable[..., Any], **request: Any) -> Any:
        """`call`, tried again with growing jittered waits while the table is busy or not heard.

        UnavailableError when that does not pass.
        """
        left = self._unanswered
        for _ in self._attempts():
            try:
                return call(**request)
            except ClientError as error:
                if not _passes(error):
                    raise
            except (ConnectionError, HTTPClientError) as error:
                left -= 1
                if not left:
                    unreached = "The data cannot be reached; try again later."
                    raise UnavailableError(unreached) from error
        raise UnavailableError("The data is busy right now; try again in a moment.")

    def _attempts(self) -> Iterator[int]:
        """The numbers of the attempts, each but the first after a wait."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._sleep(self._jitter() * min(1.0, 0.02 * 2**attempt))
            yield attempt


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

    def update(self, values: Mapping[str, Any]) -> str:
        """Sets each attribute to its value; None takes it away."""
        kept = {name: value for name, value in values.items() if value is not None}
        update = "SET " + ", ".join(f"{self.name(n)} = {self.value(v)}" for n, v in kept.items())
        gone = sorted(values.keys() - kept.keys())
        return f"{update} REMOVE {', '.join(map(self.name, gone))}" if gone else update

    def among(self, attribute: str, values: Collection[str]) -> str:
        """The attribute has one of the values."""
        wanted = ", ".join(self.value(value) for value in sorted(values))
        return f"{self.name(attribute)} IN ({wanted})"

    def within(self, counter: str, step: Step) -> list[str]:
        """A counter's bounds, as far as the step can pass them."""
        if step.by < 0:
            return [f"{counter} >= {self.value(step.floor - step.by)}"]
        if step.limit is None:
            return []
        room = step.limit - step.by
        bound = f"{counter} <= {self.value(room)}"
        return [f"(attribute_not_exists({counter}) OR {bound})" if room >= 0 else bound]

    def parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = {}
        if self._names:
            parameters["ExpressionAttributeNames"] = {p: n for n, p in self._names.items()}
        if self._values:
            parameters["ExpressionAttributeValues"] = to_wire(self._values)
        return parameters


def _ids(write: Write) -> tuple[str, ...]:
    """What the item will be known to have been written by: its events, or an id of this call."""
    if not isinstance(write, Create | Change):
        return ()
    return tuple(event.id for event in write.events) or (new_id(),)


def _is_own(stored: Item, ids: Sequence[str]) -> bool:
    """Whether the item that stands in the way is this very write, whose answer was lost."""
    return bool(ids) and set(ids) <= recent_event_ids(stored)


def _passes(error: ClientError) -> bool:
    """Whether the refusal is of the moment, so that the same request may be taken later."""
    code = error.response["Error"]["Code"]
    if code != _CANCELED:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return code in _BUSY or status >= _SERVER_ERROR
    codes = {reason["Code"] for reason in _reasons(error)} - {_NONE}
    return bool(codes) and codes <= _PASSING


def _reasons(error: ClientError) -> list[dict[str, Any]]:
    reasons: list[dict[str, Any]] = cast("Any", error.response).get("CancellationReasons", [])
    return reasons
