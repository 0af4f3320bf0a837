"""What each role may do: typed here, and within what the function's code calls."""

import ast
import importlib
import pkgutil

import pytest

from tests.infrastructure import code, roles, rules
from tests.infrastructure.grants import (
    AUDIT,
    DUE,
    EXTERNAL_IDS,
    MEMBERSHIPS,
    OWN_BUCKETS,
    OWN_TABLES,
    PLATFORM,
    items,
    keys,
    of,
)
from tests.infrastructure.templates import Json, parse, target, templates


def _typed(name: str) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """What the modules of `roles` hold under `name`, by context and function."""
    return {
        (context.name, function): row
        for context in pkgutil.iter_modules(roles.__path__)
        for function, row in getattr(
            importlib.import_module(f"{roles.__name__}.{context.name}"), name, {}
        ).items()
    }


EXPECTED = _typed("ROLES")
KEYS = _typed("KEYS")
INDEX_KEYS = _typed("INDEX_KEYS")

TENANT_DATA = {
    *of("arn:${AWS::Partition}:iam::*:role/${Prefix}-platform", "sts:AssumeRole"),
    *of(EXTERNAL_IDS, "ssm:GetParameter"),
    *(
        pair
        for place in ("TenantTable.Arn", "${TenantTable.Arn}/index/*")
        for pair in items(
            place,
            "BatchGetItem",
            "BatchWriteItem",
            "ConditionCheckItem",
            "DeleteItem",
            "GetItem",
            "PutItem",
            "Query",
            "UpdateItem",
        )
    ),
    *(
        pair
        for place in (OWN_TABLES, f"{OWN_TABLES}/index/*")
        for pair in items(
            place,
            "BatchGetItem",
            "BatchWriteItem",
            "ConditionCheckItem",
            "DeleteItem",
            "GetItem",
            "PutItem",
            "Query",
            "UpdateItem",
        )
    ),
    *(
        pair
        for place in ("${TenantRaw.Arn}/*", "${TenantProcessed.Arn}/*", f"{OWN_BUCKETS}/*")
        for pair in of(
            place,
            "s3:AbortMultipartUpload",
            "s3:DeleteObject",
            "s3:DeleteObjectVersion",
            "s3:GetObject",
            "s3:PutObject",
            "s3:PutObjectTagging",
        )
    ),
    *(
        pair
        for bucket in ("TenantRaw.Arn", "TenantProcessed.Arn", OWN_BUCKETS)
        for pair in of(bucket, "s3:ListBucket", "s3:ListBucketVersions")
    ),
    *items("AuditTable.Arn", "BatchGetItem", "GetItem", "Query"),
    *items("${AuditTable.Arn}/index/*", "BatchGetItem", "GetItem", "Query"),
    *of("${SealsBucket.Arn}/*", "s3:GetObject"),
    *of("SealsBucket.Arn", "s3:ListBucket"),
    *of("SealWrappingKey.Arn", "kms:Decrypt"),
    *of(
        "${AuditExports.Arn}/*",
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetObject",
        "s3:PutObject",
    ),
    *of("AuditExports.Arn", "s3:ListBucketVersions"),
}


WRITES = {f"dynamodb:{each}Item" for each in ("Put", "Update", "Delete", "BatchWrite")}
UNHELD: dict[tuple[str, str], str] = {}
"""API functions that may write under any partition key of a table, and why."""

ALL = templates()
FUNCTIONS = {
    (template.name, logical_id): (
        properties,
        dict(template.properties("AWS::IAM::Role"))[target(properties["Role"])],
    )
    for template in ALL
    for logical_id, properties in template.functions()
}


def of_itself(logical_id: str) -> set[tuple[str, str]]:
    """Its logs and, where switched on, its traces."""
    logs = logical_id.replace("Function", "Logs")
    return {
        *of(f"{logs}.Arn", "logs:CreateLogStream", "logs:PutLogEvents"),
        *of("*", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    }


def test_the_older_systems_secret_is_read_wherever_its_service_is_asked() -> None:
    _, role = FUNCTIONS["identity", "UserMigrationFunction"]
    chosen = {
        each["Fn::If"][1]["Sid"]: each["Fn::If"][0]
        for policy in role["Policies"]
        for each in policy["PolicyDocument"]["Statement"]
        if "Fn::If" in each
    }
    assert chosen["LegacySecret"] == chosen["LegacyCircuit"] == "HasLegacyService"


def module_of(properties: Json) -> str:
    return str(properties["Handler"]).removesuffix(".handler")


def test_every_function_is_in_the_table() -> None:
    assert FUNCTIONS.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED, ids=".".join)
def test_a_role_may_do_exactly_what_is_typed_here(name: tuple[str, str]) -> None:
    _, role = FUNCTIONS[name]
    assert rules.grants(role) == EXPECTED[name] | of_itself(name[1])


@pytest.mark.parametrize("name", EXPECTED, ids=".".join)
def test_a_role_is_held_to_the_keys_that_are_typed_here(name: tuple[str, str]) -> None:
    _, role = FUNCTIONS[name]
    any_key = {(action, "*") for action, resource in EXPECTED[name] if resource == PLATFORM}
    assert rules.keyed(role, PLATFORM) == KEYS.get(name, any_key)
    held = {
        (index, key)
        for index in (MEMBERSHIPS, DUE, AUDIT)
        for _, key in rules.keyed(role, index)
        if key != "*"
    }
    assert held == INDEX_KEYS.get(name, set())


def test_every_function_that_people_call_writes_under_its_own_keys_only() -> None:
    """Whatever a caller makes of a request, it changes no item of a kind that is not its own."""
    open_to_all = {
        name
        for name, (_, role) in FUNCTIONS.items()
        if name[1].endswith("ApiFunction")
        for action, key in rules.keyed_writes(role, WRITES)
        if key == "*"
    }
    assert open_to_all == UNHELD.keys()


@pytest.mark.parametrize("name", EXPECTED, ids=".".join)
def test_a_role_may_do_nothing_that_its_code_does_not_call(name: tuple[str, str]) -> None:
    properties, role = FUNCTIONS[name]
    module = module_of(properties)
    assert code.module_path(module), f"{module} does not exist"

    called = code.actions(module)
    if called & {"cloudformation:CreateStack", "cloudformation:DeleteStack"}:
        called |= {"iam:PassRole"}  # of the role that CloudFormation works with
    if name == ("identity", "UserMigrationFunction"):
        # Powertools' circuit breaker and its secrets make their calls themselves.
        called |= {"dynamodb:GetItem", "dynamodb:UpdateItem"}

    template = next(each for each in ALL if each.name == name[0])
    if rules.gives_up_to(template, name[1]):
        called |= {"sqs:SendMessage"}  # Lambda sends what failed, in the function's name

    assert rules.beyond_code(role, called) == set()


def test_every_function_that_counts_api_calls_may_add_them_up() -> None:
    """Who reads standings counts calls, and every fiftieth time writes: to organisations alone."""
    counting = {
        name
        for name, (properties, _) in FUNCTIONS.items()
        if name[1] in ("ApiFunction", "CredentialsFunction")
        and "tenantry.organizations.bootstrap.access" in code.imported(module_of(properties))
    }
    assert {("audit", "ApiFunction"), ("licenses", "ApiFunction")} <= counting
    for name in counting:
        keys = {
            key
            for action, key in rules.keyed(FUNCTIONS[name][1], PLATFORM)
            if action == "dynamodb:UpdateItem"
        }
        assert keys & {"ORG#*", "*"}, name


@pytest.mark.parametrize("name", EXPECTED, ids=".".join)
def test_a_function_is_told_nothing_that_its_code_does_not_read(name: tuple[str, str]) -> None:
    properties, _ = FUNCTIONS[name]
    told = {
        variable
        for variable in properties["Environment"]["Variables"]
        if not variable.startswith("POWERTOOLS_") and variable != "STAGE"
    }
    assert told - code.texts(module_of(properties)) == set()


def test_tenant_data_is_reached_by_one_role_that_only_tagged_roles_assume() -> None:
    root = ALL[0]
    role = dict(root.properties("AWS::IAM::Role"))["TenantDataRole"]

    assert rules.grants(role) == TENANT_DATA
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {
        "StringEquals": {"aws:PrincipalTag/tenant-data": {"Ref": "Prefix"}}
    }
    tagged = {
        name
        for name, (_, function_role) in FUNCTIONS.items()
        if {"Key": "tenant-data", "Value": {"Ref": "Prefix"}} in function_role.get("Tags", [])
    }
    assuming = {
        name
        for name, allowed in EXPECTED.items()
        if ("sts:AssumeRole", "TenantDataRoleArn") in allowed
    }
    assert tagged == assuming


OF_ALL_TENANTS = {
    # What a teardown looks for in everybody's table: keys alone, as the test below holds.
    ("accounts", "InventoryFunction"): {("dynamodb:Scan", "table/${TenantTable}")},
    # The key of an organisation's seals gets the date of its end.
    ("accounts", "CertifyFunction"): items(AUDIT, "GetItem", "PutItem", "UpdateItem"),
}


def test_handlers_of_tenant_data_reach_it_by_no_other_way() -> None:
    for name, allowed in EXPECTED.items():
        if "sts:AssumeRole" in dict(allowed):
            others = {pair for pair in allowed if "Audit" in pair[1] or "Tenant" in pair[1]}
            if name in REGISTER_ONLY:
                register = {place for place, _ in INDEX_KEYS[name]}
                others = {pair for pair in others if pair[1] not in register}
            known = OF_ALL_TENANTS.get(name, set()) | {("sts:AssumeRole", "TenantDataRoleArn")}
            assert others <= known, name


REGISTER_ONLY = {("usage", "ProveCountersFunction"), ("usage", "MeterStorageFunction")}
"""Reads which organisations there are, as the audit's register says, under its keys alone."""


def test_the_register_holds_no_tenants_data() -> None:
    for name in REGISTER_ONLY:
        assert INDEX_KEYS[name] == {(AUDIT, "AUDIT#ORGANIZATIONS#*")}


def test_whoever_may_scan_the_tables_that_all_share_sees_keys_alone() -> None:
    (scanning,) = [
        (name, statement)
        for name, (_, role) in FUNCTIONS.items()
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "dynamodb:Scan" in statement.get("Action", [])
    ]
    assert scanning[0] == ("accounts", "InventoryFunction")
    assert scanning[1]["Condition"] == {
        "ForAllValues:StringEquals": {"dynamodb:Attributes": ["PK", "SK"]},
        "StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
    }


def test_the_end_of_an_account_touches_no_more_of_the_audit_than_the_key_of_the_seals() -> None:
    _, role = FUNCTIONS["accounts", "CertifyFunction"]
    keys_of_seals = keys("ORG#*#SEALS", "GetItem", "PutItem", "UpdateItem")
    assert rules.keyed(role, AUDIT) == keys_of_seals


FOR_THIS_ACCOUNT = ("appsync.amazonaws.com", "cloudformation.amazonaws.com", "states.amazonaws.com")


def test_roles_are_assumed_by_services_of_this_account_only() -> None:
    for template in ALL:
        for logical_id, role in template.properties("AWS::IAM::Role"):
            for trust in role["AssumeRolePolicyDocument"]["Statement"]:
                service = trust["Principal"].get("Service")
                if service in FOR_THIS_ACCOUNT:
                    assert "aws:SourceAccount" in str(trust["Condition"]), logical_id
                else:
                    assert service in (None, "lambda.amazonaws.com", "apigateway.amazonaws.com")
                assert trust["Action"] == "sts:AssumeRole"


ROLE = """
Resources:
  R:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Statement:
              - {Effect: Allow, Action: dynamodb:GetItem, Resource: !Sub "${AWS::AccountId}:T"}
              - !If [Some, {Effect: Allow, Action: [%s], Resource: !Ref Q}, !Ref AWS::NoValue]
"""
MODULE = """
class Adapter:
    def read(self):
        return self._table.get_all([])

    def write(self):
        self._table.transact([Check({}), Count({}, "n", 1)])
        partial(self._client.put_events, Entries=[])
        {}.get("x")
"""


def test_a_wider_role_is_noticed_by_table_and_by_code() -> None:
    good, bad = (
        dict(parse("x", ROLE % action).properties())["R"]
        for action in ("sqs:SendMessage", "sqs:SendMessage, dynamodb:Scan")
    )
    allowed = {("dynamodb:GetItem", "T"), ("sqs:SendMessage", "Q")}
    called = {"dynamodb:GetItem", "sqs:SendMessage"}

    assert rules.grants(good) == allowed
    assert rules.beyond_code(good, called) == set()
    assert rules.wider_than(good, allowed) == set()
    assert rules.wider_than(bad, allowed) == {("dynamodb:Scan", "Q")}
    assert rules.beyond_code(bad, called) == {"dynamodb:Scan"}


KEYED = """
Resources:
  R:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Statement:
              - Effect: Allow
                Action: dynamodb:PutItem
                Resource: !Sub "${AWS::AccountId}:T"
                Condition: %s
"""
LIKE = "ForAllValues:StringLike: {dynamodb:LeadingKeys: ['A#*']}"


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        (f"{{{LIKE}, 'Null': {{dynamodb:LeadingKeys: 'false'}}}}", {"A#*"}),
        (f"{{{LIKE}}}", {"*"}),
        (f"{{{LIKE}, 'Null': {{dynamodb:LeadingKeys: 'true'}}}}", {"*"}),
        ("{'Null': {dynamodb:LeadingKeys: 'false'}}", {"*"}),
        ("{}", {"*"}),
    ],
)
def test_a_condition_that_leaves_keys_open_is_noticed(condition: str, keys: set[str]) -> None:
    """`ForAllValues` holds for a request that names no key, so `Null` goes with it."""
    role = dict(parse("x", KEYED % condition).properties())["R"]

    assert rules.keyed(role, "T") == {("dynamodb:PutItem", key) for key in keys}


def test_calls_are_read_from_code() -> None:
    assert set(code.actions_of(ast.parse(MODULE))) == {
        "dynamodb:BatchGetItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:UpdateItem",
        "events:PutEvents",
    }
