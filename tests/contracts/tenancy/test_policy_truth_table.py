"""Whom a session's policy lets at what, decided by IAM of the local cloud (row 1).

The role itself may do everything with the table: what is refused, the session's policy refuses.
"""

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

import pytest
from botocore.exceptions import ClientError

from tenantry.tenancy.sessions import DataScope
from tests.support.ministack import MiniStack
from tests.support.tables import create_table

type Keys = Literal["own", "other", "none", "mixed"]

OWN, OTHER = "acme", "umbrella"
PARTITIONS: dict[Keys, list[str]] = {
    "own": [f"ORG#{OWN}", f"ORG#{OWN}#AUDIT#2026-03"],
    "other": [f"ORG#{OTHER}", f"ORG#{OWN}X#AUDIT"],
    "none": [],
    "mixed": [f"ORG#{OWN}", f"ORG#{OTHER}"],
}


def _key(pk: str) -> dict[str, Any]:
    return {"PK": {"S": pk}, "SK": {"S": "1"}}


def _query(client: Any, table: str, partitions: list[str], **index: str) -> None:
    name = "GSI1PK" if index else "PK"
    for pk in partitions or [""]:
        condition = {"KeyConditionExpression": f"{name} = :pk"} if pk else {}
        values = {"ExpressionAttributeValues": {":pk": {"S": pk}}} if pk else {}
        client.query(TableName=table, **condition, **values, **index)


def _each(operation: str, argument: str, **other: Any) -> Callable[..., None]:
    def act(client: Any, table: str, partitions: list[str]) -> None:
        for key in [_key(pk) for pk in partitions] or [{}]:
            getattr(client, operation)(TableName=table, **{argument: key}, **other)

    return act


def _transact(kind: str, **other: Any) -> Callable[..., None]:
    def act(client: Any, table: str, partitions: list[str]) -> None:
        argument = "Item" if kind == "Put" else "Key"
        client.transact_write_items(
            TransactItems=[
                {kind: {"TableName": table, argument: _key(pk), **other}} for pk in partitions
            ]
            or [{kind: {"TableName": table, argument: {}, **other}}]
        )

    return act


UPDATE = {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}

ACTIONS: dict[str, Callable[[Any, str, list[str]], None]] = {
    "GetItem": _each("get_item", "Key"),
    "BatchGetItem": lambda client, table, partitions: client.batch_get_item(
        RequestItems={table: {"Keys": [_key(pk) for pk in partitions] or [{}]}}
    ),
    "Query": _query,
    "Query of an index": lambda client, table, partitions: _query(
        client, table, partitions, IndexName="GSI1"
    ),
    "Scan": lambda client, table, _: client.scan(TableName=table),
    "PutItem": _each("put_item", "Item"),
    "UpdateItem": _each("update_item", "Key", **UPDATE),
    "DeleteItem": _each("delete_item", "Key"),
    "BatchWriteItem": lambda client, table, partitions: client.batch_write_item(
        RequestItems={
            table: [{"PutRequest": {"Item": _key(pk)}} for pk in partitions]
            or [{"DeleteRequest": {"Key": {}}}]
        }
    ),
    "TransactWriteItems (Put)": _transact("Put"),
    "TransactWriteItems (Update)": _transact("Update", **UPDATE),
    "TransactGetItems": lambda client, table, partitions: client.transact_get_items(
        TransactItems=[{"Get": {"TableName": table, "Key": _key(pk)}} for pk in partitions]
        or [{"Get": {"TableName": table, "Key": {}}}]
    ),
}


def _ours(arn: str, *, writes: bool = True) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(DataScope((arn,), writes=writes).policy(OWN))
    return policy


def _wider(arn: str, condition: Mapping[str, Any]) -> dict[str, Any]:
    policy = _ours(arn)
    statement = policy["Statement"][0]
    statement["Action"] = ["dynamodb:*"]
    statement["Condition"] = dict(condition)
    return policy


LIKE = {"dynamodb:LeadingKeys": [f"ORG#{OWN}", f"ORG#{OWN}#*"]}
SHAPES: dict[str, Callable[[str], dict[str, Any]]] = {
    "ours": _ours,
    "ours, reading": lambda arn: _ours(arn, writes=False),
    "without Null": lambda arn: _wider(arn, {"ForAllValues:StringLike": LIKE}),
    "ForAnyValue": lambda arn: _wider(arn, {"ForAnyValue:StringLike": LIKE}),
    "without a condition": lambda arn: _wider(arn, {}),
}


@pytest.fixture(scope="module")
def table(ministack: MiniStack) -> str:
    client = ministack.client("dynamodb")
    name = create_table(client, "tenant")
    for pk in {pk for partitions in PARTITIONS.values() for pk in partitions}:
        client.put_item(
            TableName=name, Item={**_key(pk), "GSI1PK": {"S": pk}, "GSI1SK": {"S": "1"}}
        )
    return name


@pytest.fixture(scope="module")
def role(ministack: MiniStack) -> str:
    iam = ministack.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    everything = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}],
    }
    made = iam.create_role(RoleName="truth-table", AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(
        RoleName="truth-table", PolicyName="all", PolicyDocument=json.dumps(everything)
    )
    arn: str = made["Role"]["Arn"]
    return arn


def _allowed(ministack: MiniStack, role: str, table: str, shape: str) -> set[tuple[str, Keys]]:
    arn = f"arn:aws:dynamodb:{ministack.region}:{ministack.account}:table/{table}"
    session = ministack.client("sts").assume_role(
        RoleArn=role, RoleSessionName="row-1", Policy=json.dumps(SHAPES[shape](arn))
    )["Credentials"]
    client = ministack.client(
        "dynamodb",
        {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        },
    )
    allowed: set[tuple[str, Keys]] = set()
    for (action, act), (kind, partitions) in itertools.product(ACTIONS.items(), PARTITIONS.items()):
        try:
            act(client, table, partitions)
        except ClientError as error:
            if error.response["Error"]["Code"] == "AccessDeniedException":
                continue
        allowed.add((action, kind))
    return allowed


def test_our_policy_lets_a_tenant_at_its_own_keys_and_at_nothing_else(
    ministack: MiniStack, role: str, table: str
) -> None:
    expected = {(action, "own") for action in ACTIONS if action != "Scan"}
    assert _allowed(ministack, role, table, "ours") == expected


# What each weaker policy would give away: the twins that show the table can tell.
LEAKS: dict[str, set[tuple[str, Keys]]] = {
    "without Null": {("Scan", "other")},
    "ForAnyValue": {
        (action, "mixed")
        for action in (
            "BatchGetItem",
            "BatchWriteItem",
            "TransactGetItems",
            "TransactWriteItems (Put)",
            "TransactWriteItems (Update)",
        )
    },
    "without a condition": {(action, "other") for action in ACTIONS},
}


@pytest.mark.parametrize("shape", LEAKS)
def test_each_weaker_policy_leaks(ministack: MiniStack, role: str, table: str, shape: str) -> None:
    allowed = _allowed(ministack, role, table, shape)
    foreign = {(action, kind) for action, kind in allowed if kind in ("other", "mixed")}
    assert foreign >= LEAKS[shape]


def test_who_only_reads_gets_no_write(ministack: MiniStack, role: str, table: str) -> None:
    reads = {"GetItem", "BatchGetItem", "Query", "Query of an index", "TransactGetItems"}
    assert _allowed(ministack, role, table, "ours, reading") == {(read, "own") for read in reads}
