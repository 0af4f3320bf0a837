"""What IAM itself keeps apart, whatever the code does: deployed roles, tried with their own rights.

A function's role is taken by widening its trust for the length of one AssumeRole, as only an
administrator can; its permissions are the deployed ones.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.client import Product, until
from tenantry.tenancy.sessions import DataScope
from tests.e2e.conftest import People
from tests.infrastructure.test_least_privilege import EXPECTED, INDEX_KEYS, KEYS

Aws = Callable[[str], Any]
Clients = Callable[[str], Any]
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}


@dataclass(frozen=True)
class Account:
    """The deployed account: its roles, and clients under the rights of one."""

    product: Product
    aws: Aws
    _taken: dict[str, Clients] = field(default_factory=dict)

    def arn(self, service: str, resource: str) -> str:
        identity = self.aws("sts").get_caller_identity()
        return (
            f"arn:aws:{service}:{self.product.outputs['Region']}:{identity['Account']}:{resource}"
        )

    def function_role(self, function: str) -> str:
        """The name of a deployed function's role."""
        name = f"{self.product.outputs['Prefix']}-{function}"
        role: str = self.aws("lambda").get_function_configuration(FunctionName=name)["Role"]
        return role.rpartition("/")[2]

    def tenant_data_role(self) -> str:
        """The ARN of TenantDataRole, as the audit's function is told it."""
        name = f"{self.product.outputs['Prefix']}-audit-api"
        told = self.aws("lambda").get_function_configuration(FunctionName=name)
        return str(told["Environment"]["Variables"]["TENANT_DATA_ROLE_ARN"])

    def taking(self, role: str) -> Clients:
        """Clients with the rights of a role."""
        if role not in self._taken:
            self._taken[role] = self._take(role)
        return self._taken[role]

    def _take(self, role: str) -> Clients:
        iam = self.aws("iam")
        found = iam.get_role(RoleName=role)["Role"]
        trust = found["AssumeRolePolicyDocument"]
        account = self.aws("sts").get_caller_identity()["Account"]
        administrator = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "sts:AssumeRole",
        }
        widened = {**trust, "Statement": [*trust["Statement"], administrator]}
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(widened))
        try:
            session = self.aws("sts").assume_role(RoleArn=found["Arn"], RoleSessionName="isolation")
        finally:
            iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
        return self.with_credentials(session["Credentials"])

    def with_credentials(self, credentials: dict[str, Any]) -> Clients:
        def client(service: str) -> Any:
            return boto3.client(
                service,  # type: ignore[call-overload]  # any service, by name
                endpoint_url=self.product.outputs["Endpoint"],
                region_name=self.product.outputs["Region"],
                aws_access_key_id=credentials["AccessKeyId"],
                aws_secret_access_key=credentials["SecretAccessKey"],
                aws_session_token=credentials["SessionToken"],
                config=Config(retries={"total_max_attempts": 1}),
            )

        return client


@pytest.fixture(scope="module")
def account(product: Product, aws: Aws) -> Account:
    return Account(product, aws)


@dataclass(frozen=True)
class Tenants:
    """Two organisations whose founding is in the audit log."""

    own: str
    other: str


@pytest.fixture(scope="module")
def tenants(product: Product, people: People, aws: Aws) -> Tenants:
    own, other = people.owner("Own"), people.owner("Other")
    for owner in (own, other):
        until(
            "the founding in the audit log",
            lambda at=owner.organization_id: _partitions(aws, product, at),  # type: ignore[misc]
        )
    return Tenants(own.organization_id, other.organization_id)


def _partitions(aws: Aws, product: Product, tenant_id: str) -> list[str]:
    """The audit partitions of a tenant, seen as an operator."""
    pages = (
        aws("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=product.outputs["AuditTable"],
            FilterExpression="tenant_id = :tenant",
            ExpressionAttributeValues={":tenant": {"S": tenant_id}},
        )
    )
    return sorted({item["PK"]["S"] for page in pages for item in page["Items"]})


def refused(call: Callable[[], Any]) -> bool:
    """Whether IAM refuses the call; any other failure is raised."""
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] in DENIED:
            return True
        raise
    return False


# a tenant's session


@pytest.fixture(scope="module")
def session(account: Account, product: Product) -> Callable[[str], Any]:
    """DynamoDB for one tenant, as the audit function gets it: with its role, by our policy."""

    def connect(tenant_id: str) -> Any:
        tables = tuple(
            account.arn("dynamodb", f"table/{product.outputs[name]}")
            for name in ("AuditTable", "TenantTable")
        )
        sts = account.taking(account.function_role("audit-api"))("sts")
        taken = sts.assume_role(
            RoleArn=account.tenant_data_role(),
            RoleSessionName="tenant",
            Policy=DataScope(tables, writes=True).policy(tenant_id),
        )
        return account.with_credentials(taken["Credentials"])("dynamodb")

    return connect


def _query(client: Any, table: str, pk: str, index: str | None = None) -> Any:
    name = f"{index}PK" if index else "PK"
    chosen = {"IndexName": index} if index else {}
    return client.query(
        TableName=table,
        KeyConditionExpression="#pk = :pk",
        ExpressionAttributeNames={"#pk": name},
        ExpressionAttributeValues={":pk": {"S": pk}},
        **chosen,
    )


def _scan_keys(client: Any, table: str) -> Any:
    return client.scan(
        TableName=table,
        Select="SPECIFIC_ATTRIBUTES",
        ProjectionExpression="PK, SK",
        FilterExpression="PK = :pk",
        ExpressionAttributeValues={":pk": {"S": "x"}},
    )


def test_a_tenants_session_reads_its_own_audit_and_no_others(
    session: Callable[[str], Any], product: Product, aws: Aws, tenants: Tenants
) -> None:
    table, client = product.outputs["AuditTable"], session(tenants.own)
    [own] = _partitions(aws, product, tenants.own)
    [other] = _partitions(aws, product, tenants.other)

    assert _query(client, table, own)["Items"]
    by_type = f"ORG#{tenants.own}#TYPE#OrganizationCreated"
    assert _query(client, table, by_type, "GSI2")["Items"]
    assert refused(lambda: _query(client, table, other))
    foreign = f"ORG#{tenants.other}#TYPE#OrganizationCreated"
    assert refused(lambda: _query(client, table, foreign, "GSI2"))
    # One that only begins like the tenant's own id.
    assert refused(lambda: _query(client, table, f"ORG#{tenants.own}0#AUDIT#2026-01"))
    assert refused(lambda: client.scan(TableName=table))
    assert refused(lambda: client.scan(TableName=table, IndexName="GSI1"))
    twin = session(tenants.other)
    assert _query(twin, table, other)["Items"]
    assert refused(lambda: _query(twin, table, own))


def test_a_tenants_session_reads_no_mix_of_tenants(
    session: Callable[[str], Any], product: Product, tenants: Tenants
) -> None:
    table, client = product.outputs["TenantTable"], session(tenants.own)

    def get(*tenant_ids: str) -> Any:
        keys = [{"PK": {"S": f"ORG#{each}"}, "SK": {"S": "X"}} for each in tenant_ids]
        return client.batch_get_item(RequestItems={table: {"Keys": keys}})

    assert not refused(lambda: get(tenants.own))
    assert refused(lambda: get(tenants.other))
    assert refused(lambda: get(tenants.own, tenants.other))


def test_a_tenants_session_writes_its_own_items_only_and_never_the_audit(
    session: Callable[[str], Any], product: Product, tenants: Tenants
) -> None:
    client = session(tenants.own)

    def put(table: str, tenant_id: str) -> Any:
        item = {"PK": {"S": f"ORG#{tenant_id}#X"}, "SK": {"S": "X"}}
        return client.put_item(TableName=product.outputs[table], Item=item)

    assert not refused(lambda: put("TenantTable", tenants.own))
    assert refused(lambda: put("TenantTable", tenants.other))
    assert refused(lambda: put("AuditTable", tenants.own))
    assert refused(lambda: put("PlatformTable", tenants.own))


def test_without_the_policy_the_role_reaches_every_tenant(
    account: Account, product: Product, aws: Aws, tenants: Tenants
) -> None:
    """The twin: it is the session's policy that narrows, and the role still scans nothing."""
    sts = account.taking(account.function_role("audit-api"))("sts")
    taken = sts.assume_role(RoleArn=account.tenant_data_role(), RoleSessionName="unbounded")
    client = account.with_credentials(taken["Credentials"])("dynamodb")

    for tenant_id in (tenants.own, tenants.other):
        [partition] = _partitions(aws, product, tenant_id)
        assert _query(client, product.outputs["AuditTable"], partition)["Items"]
    assert refused(lambda: client.scan(TableName=product.outputs["AuditTable"]))


# who may become it


def _kebab(logical_id: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", logical_id.removesuffix("Function")).lower()


FUNCTIONS = {f"{context}-{_kebab(name)}": (context, name) for context, name in EXPECTED}
"""Every function by the name it is deployed under, and its row in the typed table."""


def _deployed(account: Account, product: Product) -> set[str]:
    pages = account.aws("lambda").get_paginator("list_functions").paginate()
    names = {each["FunctionName"] for page in pages for each in page["Functions"]}
    prefix = f"{product.outputs['Prefix']}-"
    return {name.removeprefix(prefix) for name in names if name.startswith(prefix)}


def test_every_function_that_is_deployed_is_looked_at(account: Account, product: Product) -> None:
    assert _deployed(account, product) == FUNCTIONS.keys()


@pytest.mark.parametrize("function", FUNCTIONS.keys())
def test_only_handlers_of_tenant_data_become_its_role(account: Account, function: str) -> None:
    sts = account.taking(account.function_role(function))("sts")

    def become() -> Any:
        return sts.assume_role(RoleArn=account.tenant_data_role(), RoleSessionName="curious")

    typed = ("sts:AssumeRole", "TenantDataRoleArn") in EXPECTED[FUNCTIONS[function]]
    assert refused(become) is not typed


def test_the_right_to_assume_it_is_not_enough_without_the_tag(
    account: Account, product: Product
) -> None:
    iam, caller = account.aws("iam"), account.aws("sts").get_caller_identity()
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{caller['Account']}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    allowed = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}],
    }
    tags = {
        "untagged": [],
        "mistagged": [{"Key": "tenant-data", "Value": "another-deployment"}],
        "tagged": [{"Key": "tenant-data", "Value": product.outputs["Prefix"]}],
    }
    outcomes = {}
    for name, tagged in tags.items():
        iam.create_role(
            RoleName=f"isolation-{name}", AssumeRolePolicyDocument=json.dumps(trust), Tags=tagged
        )
        iam.put_role_policy(
            RoleName=f"isolation-{name}", PolicyName="assume", PolicyDocument=json.dumps(allowed)
        )
        sts = account.taking(f"isolation-{name}")("sts")
        outcomes[name] = refused(
            lambda sts=sts: sts.assume_role(  # type: ignore[misc]
                RoleArn=account.tenant_data_role(), RoleSessionName="tagged"
            )
        )

    assert outcomes == {"untagged": True, "mistagged": True, "tagged": False}


# what each function's role may and may not do: the typed table, tried

TABLES = {name: f"table/${{{name}}}" for name in ("PlatformTable", "AuditTable", "TenantTable")}
PLATFORM = TABLES["PlatformTable"]
PARTITIONS = sorted({key.replace("*", "x") for rows in KEYS.values() for _, key in rows})
"""One of each kind that some function is held to, and `x`, that is of none."""
INDEXED = sorted({key.replace("*", "x") for rows in INDEX_KEYS.values() for _, key in rows} | {"x"})
CHOSEN = {"identity-user-migration": {"CIRCUIT"}}
"""Partitions that a role reaches where a parameter says so, and not in this deployment."""


@dataclass(frozen=True)
class Attempt:
    """A call under a role's rights, as the typed table names it; it changes nothing if allowed."""

    action: str
    resource: str
    call: Callable[[], Any]
    partition: str = ""

    @property
    def name(self) -> str:
        return f"{self.action} on {self.resource} {self.partition}".rstrip()


@dataclass(frozen=True)
class Attempts:
    """Calls that one or another function makes, and nobody else may."""

    product: Product
    account: Account

    def made(self, clients: Clients) -> Iterator[Attempt]:
        dynamodb = clients("dynamodb")
        for table, resource in TABLES.items():
            name, platform = self.product.outputs[table], resource == PLATFORM
            for partition in PARTITIONS if platform else ("x", "AUDIT#ORGANIZATIONS#x"):
                yield from self._items(dynamodb, table, partition)
            # Of whole items nobody's, whatever is typed; of keys alone, where it is.
            yield Attempt(
                "dynamodb:Scan", f"items of {resource}", partial(dynamodb.scan, TableName=name)
            )
            yield Attempt("dynamodb:Scan", resource, partial(_scan_keys, dynamodb, name))
            for index in ("GSI1", "GSI2"):
                for partition in INDEXED if platform else ("x",):
                    asked = partial(_query, dynamodb, name, partition, index)
                    yield Attempt("dynamodb:Query", f"{resource}/index/{index}", asked, partition)
        yield Attempt(
            "dynamodb:GetItem",
            "table/${LegacyTable}",
            lambda: dynamodb.get_item(
                TableName=self.product.outputs["LegacyTable"], Key={"email": {"S": "a@b.example"}}
            ),
        )
        yield from self._services(clients)

    def _items(self, dynamodb: Any, table: str, partition: str) -> Iterator[Attempt]:
        name, key = self.product.outputs[table], {"PK": {"S": partition}, "SK": {"S": "ISOLATION"}}
        there = {"ConditionExpression": "attribute_exists(PK)"}  # it never is: nothing is written
        change = {
            "UpdateExpression": "SET x = :x",
            "ExpressionAttributeValues": {":x": {"S": "x"}},
        }
        calls = {
            "GetItem": partial(dynamodb.get_item, TableName=name, Key=key),
            "BatchGetItem": partial(dynamodb.batch_get_item, RequestItems={name: {"Keys": [key]}}),
            "PutItem": partial(dynamodb.put_item, TableName=name, Item=key, **there),
            "UpdateItem": partial(dynamodb.update_item, TableName=name, Key=key, **change, **there),
            "DeleteItem": partial(dynamodb.delete_item, TableName=name, Key=key, **there),
            "Query": partial(_query, dynamodb, name, partition),
        }
        for action, call in calls.items():
            yield Attempt(f"dynamodb:{action}", TABLES[table], call, partition)

    def _services(self, clients: Clients) -> Iterator[Attempt]:
        outputs, nobody = self.product.outputs, "00000000-0000-4000-8000-000000000000"
        queue, pool = outputs["PublisherFailureQueueUrl"], outputs["UserPoolId"]
        entry = {
            "Source": "isolation",
            "DetailType": "Tried",
            "Detail": "{}",
            "EventBusName": outputs["EventBusName"],
        }
        calls = {
            ("events:PutEvents", "event-bus/${EventBus}"): lambda: clients("events").put_events(
                Entries=[entry]
            ),
            ("sqs:SendMessage", "PublisherFailures.Arn"): lambda: clients("sqs").send_message(
                QueueUrl=queue, MessageBody="isolation"
            ),
            ("sqs:PurgeQueue", "PublisherFailures.Arn"): lambda: clients("sqs").purge_queue(
                QueueUrl=queue
            ),
            ("cognito-idp:AdminUserGlobalSignOut", "UserPoolArn"): lambda: clients(
                "cognito-idp"
            ).admin_user_global_sign_out(UserPoolId=pool, Username=nobody),
            ("cognito-idp:AdminAddUserToGroup", "UserPoolArn"): lambda: clients(
                "cognito-idp"
            ).admin_add_user_to_group(UserPoolId=pool, Username=nobody, GroupName="SuperAdmin"),
            ("cognito-idp:AdminDeleteUser", "UserPoolArn"): lambda: clients(
                "cognito-idp"
            ).admin_delete_user(UserPoolId=pool, Username=nobody),
            ("cognito-idp:ListUsers", "UserPoolArn"): lambda: clients("cognito-idp").list_users(
                UserPoolId=pool
            ),
            ("iam:ListRoles", "*"): lambda: clients("iam").list_roles(),
            ("lambda:ListFunctions", "*"): lambda: clients("lambda").list_functions(),
            ("s3:ListAllMyBuckets", "*"): lambda: clients("s3").list_buckets(),
            ("dynamodb:ListTables", "*"): lambda: clients("dynamodb").list_tables(),
        }
        for (action, resource), call in calls.items():
            yield Attempt(action, resource, call)


GRANTED_AS = {"PublisherFailures.Arn": {"${Prefix}-*"}}
"""Wider names under which the typed table may hold a resource."""


def typed(function: str, attempt: Attempt) -> bool:
    """Whether the typed table lets a function do this, under this partition key."""
    row = FUNCTIONS[function]
    names = {attempt.resource} | GRANTED_AS.get(attempt.resource, set())
    if not {(attempt.action, name) for name in names} & EXPECTED[row]:
        return False
    held = ["*"]
    if attempt.resource == PLATFORM and row in KEYS:
        held = [key for action, key in KEYS[row] if action == attempt.action]
    elif row in INDEX_KEYS and attempt.resource in dict(INDEX_KEYS[row]):
        held = [key for index, key in INDEX_KEYS[row] if index == attempt.resource]
    return any(
        fnmatchcase(attempt.partition, key) for key in held
    ) and attempt.partition not in CHOSEN.get(function, set())


@pytest.mark.parametrize("function", FUNCTIONS.keys())
def test_a_functions_role_does_what_the_table_says_and_no_more(
    account: Account, product: Product, function: str
) -> None:
    clients = account.taking(account.function_role(function))
    wrong = []
    for attempt in Attempts(product, account).made(clients):
        try:
            allowed = not refused(attempt.call)
        except ClientError:  # allowed, and then refused for another reason
            allowed = True
        if allowed is not typed(function, attempt):
            wrong.append(f"{'may' if allowed else 'may not'} {attempt.name}")

    assert not wrong, "\n".join(wrong)
