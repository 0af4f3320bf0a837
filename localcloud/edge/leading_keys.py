"""`dynamodb:LeadingKeys`: the partition keys that a request touches, given to IAM's decision.

MiniStack knows the other condition keys of DynamoDB but not this one, on which the isolation of
tenants rests. See "Using IAM policy conditions for fine-grained access control" in the DynamoDB
developer guide: the value holds every partition key that the request names; a Scan names none.
In requests over several tables each table is decided with the keys of its own items.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import dynamodb

LEADING_KEYS = "dynamodb:LeadingKeys"
_BY_TABLE = "localcloud:leading-keys-by-table"
_EQUALITY = re.compile(r"([#\w.-]+)\s*=\s*(:\w+)|(:\w+)\s*=\s*([#\w.-]+)")

type Item = Mapping[str, Mapping[str, Any]]


def install() -> None:
    """Add the partition keys to what IAM is told of a DynamoDB request."""
    service_context = iam_actions.dynamodb_service_context
    enforce = iam_evaluator.enforce
    signature = inspect.signature(enforce)

    def context_with_keys(body: bytes) -> dict[str, Any]:
        return {**service_context(body), _BY_TABLE: leading_keys(body)}

    @functools.wraps(enforce)
    def enforce_per_table(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        context = dict(given.get("service_context") or {})
        by_table = context.pop(_BY_TABLE, {})
        keys = by_table.get(_table_of(given.get("resource_arn", "*")))
        if keys:
            context[LEADING_KEYS] = keys
        return enforce(**{**given, "service_context": context})

    iam_actions.dynamodb_service_context = context_with_keys
    iam_evaluator.enforce = enforce_per_table


def leading_keys(body: bytes) -> dict[str, list[str]]:
    """Partition key values by table name, in the order of the request; {} when it names none."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    if not isinstance(request, dict):
        return {}
    found: dict[str, list[str]] = {}
    for table, value in _touched(request):
        values = found.setdefault(_table_of(table), [])
        if value not in values:
            values.append(value)
    return found


def _touched(request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    table = request.get("TableName")
    if isinstance(table, str):
        if "KeyConditionExpression" in request or "KeyConditions" in request:
            yield from ((table, value) for value in _queried(table, request))
        else:
            yield from _of_items(table, request.get("Key"), request.get("Item"))
    for name, asked in (request.get("RequestItems") or {}).items():
        # BatchGetItem has {Keys: [...]}, BatchWriteItem a list of requests.
        if isinstance(asked, dict):
            yield from _of_items(name, *asked.get("Keys", []))
        else:
            for write in asked:
                yield from _of_items(
                    name,
                    write.get("PutRequest", {}).get("Item"),
                    write.get("DeleteRequest", {}).get("Key"),
                )
    for action in request.get("TransactItems") or []:
        for detail in action.values():
            name = detail.get("TableName", "")
            yield from _of_items(name, detail.get("Key"), detail.get("Item"))


def _of_items(table: str, *items: Item | None) -> Iterator[tuple[str, str]]:
    partition_key = _partition_key(table, None)
    for item in items:
        if item and partition_key is not None and partition_key in item:
            yield table, _scalar(item[partition_key])


def _queried(table: str, request: dict[str, Any]) -> Iterator[str]:
    partition_key = _partition_key(table, request.get("IndexName"))
    legacy = (request.get("KeyConditions") or {}).get(partition_key)
    if legacy:
        yield from (_scalar(value) for value in legacy.get("AttributeValueList", []))
    names = request.get("ExpressionAttributeNames") or {}
    values = request.get("ExpressionAttributeValues") or {}
    for match in _EQUALITY.finditer(request.get("KeyConditionExpression") or ""):
        name = match[1] or match[4]
        placeholder = match[2] or match[3]
        if names.get(name, name) == partition_key and placeholder in values:
            yield _scalar(values[placeholder])


def _partition_key(table: str, index: str | None) -> str | None:
    definition = _table(table)
    schema = definition.get("KeySchema", [])
    if index:
        indexes = [
            *(definition.get("GlobalSecondaryIndexes") or []),
            *(definition.get("LocalSecondaryIndexes") or []),
        ]
        schema = next((each["KeySchema"] for each in indexes if each["IndexName"] == index), [])
    return next((key["AttributeName"] for key in schema if key["KeyType"] == "HASH"), None)


def _table(name_or_arn: str) -> Mapping[str, Any]:
    if name_or_arn.startswith("arn:"):
        _, _, _, region, account, _ = name_or_arn.split(":", 5)
        found = dynamodb._tables.get_scoped(account, region, _table_of(name_or_arn))
    else:
        found = dynamodb._tables.get(name_or_arn)
    return found or {}


def _table_of(name_or_arn: str) -> str:
    """The table's name in a name, a table's ARN or an index's ARN."""
    if not name_or_arn.startswith("arn:"):
        return name_or_arn
    return name_or_arn.partition("table/")[2].partition("/")[0]


def _scalar(value: Mapping[str, Any]) -> str:
    return str(next(iter(value.values()), ""))
