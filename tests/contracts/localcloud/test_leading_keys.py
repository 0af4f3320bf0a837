"""`dynamodb:LeadingKeys` decides as AWS documents it.

"Using IAM policy conditions for fine-grained access control", Amazon DynamoDB developer guide:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

TABLE = "leading-keys"
OWN = "ORG#a"
OTHER = "ORG#b"

type Call = Callable[[Any, str], Any]


@pytest.fixture(scope="module")
def tenant_session(client: Any) -> Any:
    """A DynamoDB client whose session policy allows the keys of one tenant."""
    client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK", "GSI1PK")
        ],
        KeySchema=[
            {"AttributeName": "PK", "KeyType": "HASH"},
            {"AttributeName": "SK", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "GSI1",
                "KeySchema": [{"AttributeName": "GSI1PK", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    everything = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}],
    }
    own_keys = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "dynamodb:*",
                "Resource": "*",
                "Condition": {
                    "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [OWN, f"{OWN}#*"]},
                    "Null": {"dynamodb:LeadingKeys": "false"},
                },
            }
        ],
    }
    iam = client("iam")
    role = iam.create_role(RoleName=TABLE, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=TABLE, PolicyName="all", PolicyDocument=json.dumps(everything))
    session = client("sts").assume_role(
        RoleArn=role["Role"]["Arn"], RoleSessionName="tenant", Policy=json.dumps(own_keys)
    )["Credentials"]
    return client(
        "dynamodb",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )


def key(partition: str) -> dict[str, Any]:
    return {"PK": {"S": partition}, "SK": {"S": "A"}}


CALLS: dict[str, Call] = {
    "PutItem": lambda db, pk: db.put_item(TableName=TABLE, Item=key(pk)),
    "GetItem": lambda db, pk: db.get_item(TableName=TABLE, Key=key(pk)),
    "UpdateItem": lambda db, pk: db.update_item(
        TableName=TABLE,
        Key=key(pk),
        UpdateExpression="SET a = :a",
        ExpressionAttributeValues={":a": {"S": "1"}},
    ),
    "DeleteItem": lambda db, pk: db.delete_item(TableName=TABLE, Key=key(pk)),
    "Query": lambda db, pk: db.query(
        TableName=TABLE,
        KeyConditionExpression="#pk = :pk AND begins_with(SK, :sk)",
        ExpressionAttributeNames={"#pk": "PK"},
        ExpressionAttributeValues={":pk": {"S": pk}, ":sk": {"S": "A"}},
    ),
    "Query of an index": lambda db, pk: db.query(
        TableName=TABLE,
        IndexName="GSI1",
        KeyConditionExpression="GSI1PK = :pk",
        ExpressionAttributeValues={":pk": {"S": pk}},
    ),
    "BatchGetItem": lambda db, pk: db.batch_get_item(
        RequestItems={TABLE: {"Keys": [key(OWN), key(f"{pk}#x")]}}
    ),
    "BatchWriteItem": lambda db, pk: db.batch_write_item(
        RequestItems={
            TABLE: [
                {"PutRequest": {"Item": key(f"{OWN}#y")}},
                {"DeleteRequest": {"Key": key(f"{pk}#x")}},
            ]
        }
    ),
    "TransactWriteItems": lambda db, pk: db.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": TABLE, "Item": key(f"{OWN}#z")}},
            {
                "ConditionCheck": {
                    "TableName": TABLE,
                    "Key": key(f"{pk}#nothing"),
                    "ConditionExpression": "attribute_not_exists(PK)",
                }
            },
        ]
    ),
    "TransactGetItems": lambda db, pk: db.transact_get_items(
        TransactItems=[
            {"Get": {"TableName": TABLE, "Key": key(OWN)}},
            {"Get": {"TableName": TABLE, "Key": key(pk) | {"SK": {"S": "B"}}}},
        ]
    ),
}


@pytest.mark.parametrize("operation", CALLS)
def test_own_keys_are_allowed(tenant_session: Any, operation: str) -> None:
    CALLS[operation](tenant_session, OWN)


@pytest.mark.parametrize(("operation", "other"), [*itertools.product(CALLS, [OTHER, "ORG#ab"])])
def test_keys_of_another_tenant_are_denied(tenant_session: Any, operation: str, other: str) -> None:
    with pytest.raises(ClientError) as denied:
        CALLS[operation](tenant_session, other)
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_scan_names_no_key_and_is_denied(tenant_session: Any) -> None:
    with pytest.raises(ClientError) as denied:
        tenant_session.scan(TableName=TABLE)
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"
