"""What the functions' code does with AWS, read from the code: its calls, settings, fields, routes.

A function's code is its module and every module of the project that this imports, at any depth.
The tables' calls are read where an adapter makes them (`self._table.get_all(...)`): a table as
such can do everything.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from tests.infrastructure.templates import ROOT

_SOURCES = (ROOT, ROOT / "layers" / "tenantry")
_TABLE = "tenantry.persistence.table"
_REGISTRATION = "tenantry.usage.bootstrap.registration"
"""Imports what contexts register by its name: their `bootstrap/counting.py`."""

# What the methods of a table call; transactions and writes by what they carry (below).
_TABLE_METHODS = {
    "get": "dynamodb:GetItem",
    "get_all": "dynamodb:BatchGetItem",
    "query": "dynamodb:Query",
    "put": "dynamodb:PutItem",
    "add": "dynamodb:PutItem",
    "delete": "dynamodb:DeleteItem",
    "copy": "dynamodb:UpdateItem",
}
_WRITES = {
    "Create": "dynamodb:PutItem",
    "Change": "dynamodb:UpdateItem",
    "Count": "dynamodb:UpdateItem",
    "Check": "dynamodb:ConditionCheckItem",
    "Assign": "dynamodb:UpdateItem",
}
_OPERATIONS = {
    "get_item": "dynamodb:GetItem",
    "put_item": "dynamodb:PutItem",
    "update_item": "dynamodb:UpdateItem",
    "batch_get_item": "dynamodb:BatchGetItem",
    "describe_table": "dynamodb:DescribeTable",
    "put_events": "events:PutEvents",
    "describe_event_bus": "events:DescribeEventBus",
    "send_message": "sqs:SendMessage",
    "send_message_batch": "sqs:SendMessage",
    "start_replay": "events:StartReplay",
    "put_object": "s3:PutObject",
    "sign": "kms:Sign",
    "get_public_key": "kms:GetPublicKey",
    "generate_data_key": "kms:GenerateDataKey",
    "decrypt": "kms:Decrypt",
    "send_email": "ses:SendEmail",
    "receive_message": "sqs:ReceiveMessage",
    "delete_message": "sqs:DeleteMessage",
    "get_queue_attributes": "sqs:GetQueueAttributes",
    "get_queue_url": "sqs:GetQueueUrl",
    "list_queues": "sqs:ListQueues",
    "list_objects_v2": "s3:ListBucket",
    "get_object": "s3:GetObject",
    "delete_object": "s3:DeleteObject",
    "invoke": "lambda:InvokeFunction",
    "admin_get_user": "cognito-idp:AdminGetUser",
    "admin_link_provider_for_user": "cognito-idp:AdminLinkProviderForUser",
    "assume_role": "sts:AssumeRole",
    "admin_user_global_sign_out": "cognito-idp:AdminUserGlobalSignOut",
    "get_secret_value": "secretsmanager:GetSecretValue",
    "get_secret": "secretsmanager:GetSecretValue",
    "SecretsProvider": "secretsmanager:GetSecretValue",
    "create_stack": "cloudformation:CreateStack",
    "describe_stacks": "cloudformation:DescribeStacks",
    "describe_stack_events": "cloudformation:DescribeStackEvents",
    "delete_stack": "cloudformation:DeleteStack",
    "update_table": "dynamodb:UpdateTable",
    "list_object_versions": "s3:ListBucketVersions",
    "delete_objects": "s3:DeleteObjectVersion",
    "put_parameter": "ssm:PutParameter",
    "get_parameter": "ssm:GetParameter",
    "remove_permission": "events:RemovePermission",
    "put_permission": "events:PutPermission",
    "describe_parameters": "ssm:DescribeParameters",
    "list_tables": "dynamodb:ListTables",
    "list_buckets": "s3:ListAllMyBuckets",
    "get_resources": "tag:GetResources",
    "describe_key": "kms:DescribeKey",
    "batch_write_item": "dynamodb:BatchWriteItem",
    "scan": "dynamodb:Scan",
    "admin_delete_user": "cognito-idp:AdminDeleteUser",
    "admin_list_groups_for_user": "cognito-idp:AdminListGroupsForUser",
    "list_users_in_group": "cognito-idp:ListUsersInGroup",
    "create_user_pool_client": "cognito-idp:CreateUserPoolClient",
    "delete_user_pool_client": "cognito-idp:DeleteUserPoolClient",
    "describe_user_pool_client": "cognito-idp:DescribeUserPoolClient",
    "list_user_pool_clients": "cognito-idp:ListUserPoolClients",
    "delete_parameter": "ssm:DeleteParameter",
    "start_execution": "states:StartExecution",
    "describe_execution": "states:DescribeExecution",
    "stop_execution": "states:StopExecution",
}


def module_path(module: str) -> Path | None:
    """The file of a module of the project."""
    for source in _SOURCES:
        base = source.joinpath(*module.split("."))
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.exists():
                return path
    return None


@cache
def _tree(module: str) -> ast.Module | None:
    path = module_path(module)
    return ast.parse(path.read_text()) if path else None


def reached(module: str) -> frozenset[str]:
    """`module` and the project's modules that it imports, at any depth."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        tree = _tree(name)
        if tree is None or name in found:
            continue
        found.add(name)
        if name == _REGISTRATION:
            waiting += registered()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                waiting += [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
    return frozenset(found)


def registered() -> list[str]:
    """The modules by which contexts register counters."""
    product = ROOT / "layers" / "tenantry" / "tenantry"
    contexts = [path.parents[1].name for path in product.glob("*/bootstrap/counting.py")]
    return [f"tenantry.{context}.bootstrap.counting" for context in sorted(contexts)]


def imported(module: str) -> frozenset[str]:
    """What `module`, and what it imports, take from modules of the project, by its dotted name."""
    return frozenset(
        f"{node.module}.{each.name}"
        for name in reached(module)
        if (tree := _tree(name))
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    )


def actions(module: str) -> set[str]:
    """The IAM actions of the calls that a function's code makes."""
    return {
        action
        for name in reached(module)
        if name != _TABLE and (tree := _tree(name))
        for action in actions_of(tree)
    }


def actions_of(tree: ast.AST) -> Iterator[str]:
    """The IAM actions of the calls in one module."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=receiver, attr=method)) if _is_table(receiver):
                if method in _TABLE_METHODS:
                    yield _TABLE_METHODS[method]
            case ast.Call(func=ast.Name(id=name)) if name in _WRITES:
                yield _WRITES[name]
        # Not only calls: a method may be handed on, `partial(client.get_item, ...)`.
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in _OPERATIONS:
                yield _OPERATIONS[name]


def _is_table(receiver: ast.expr) -> bool:
    match receiver:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name.lstrip("_") == "table"
        case ast.Call(func=ast.Name(id=name)):
            return name.endswith("_table")
        case _:
            return False


def texts(module: str) -> set[str]:
    """Every text that stands in a function's code."""
    return {
        node.value
        for name in reached(module)
        if (tree := _tree(name))
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def fields(source: str) -> list[tuple[str, str]]:
    """The GraphQL fields that a module resolves, as (type, field)."""
    return [
        (str(named["type_name"]), str(named["field_name"]))
        for name, _, named in _decorators(source)
        if name == "resolver"
    ]


def routes(source: str) -> list[tuple[str, str]]:
    """The REST routes that a module answers, as (method, path), as OpenAPI writes them."""
    methods = ("get", "post", "put", "patch", "delete")
    return [
        (name, re.sub(r"<(\w+)>", r"{\1}", str(given[0])))
        for name, given, _ in _decorators(source)
        if name in methods
    ]


def _decorators(source: str) -> Iterator[tuple[str, list[object], dict[str, object]]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                match decorator:
                    case ast.Call(func=ast.Attribute(attr=name), args=args, keywords=keywords):
                        named = {k.arg: k.value for k in keywords if k.arg}
                        yield (
                            name,
                            _constants(args),
                            dict(zip(named, _constants(named.values()), strict=True)),
                        )


def _constants(nodes: Iterable[ast.expr]) -> list[object]:
    return [node.value if isinstance(node, ast.Constant) else None for node in nodes]
