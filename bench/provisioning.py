"""What our orchestration of accounts costs beyond what it makes, and fifty at once.

CloudFormation and Organizations take minutes on AWS and a moment in the local cloud: the difference
is ours in both.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3

from bench.artifacts import BenchError
from bench.figures import Bound, Figure, Goal, Tick, series
from localcloud import deployment, organization
from localcloud.client import NotInTimeError, Product, Tokens, until
from localcloud.deployed import deployed_cloud
from localcloud.place import REGION, Place

_PASSWORD = "Correct-Horse-7-Battery"
_ACCEPTED = 202
_ROUNDS = 3
_AT_ONCE = 50
_WITHIN = 600
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")

type Client = Callable[[str], Any]
type Asked = dict[str, Any]


def provisioning(build: Path, bound: Bound, tick: Tick) -> Iterator[Figure]:  # noqa: ARG001 - one shape
    """Accounts of each kind against their bare resources; fifty private ones at once."""
    with deployed_cloud(progress=tick) as (place, outputs):
        product = Product(outputs)

        def aws(service: str) -> Any:
            return deployment.client(place, service)

        rounds = min(bound.rounds, _ROUNDS)
        for kind in ("public", "private", "dedicated"):
            took, bare, steps = [], [], []
            for number in range(rounds):
                tick(f"a {kind} account, round {number + 1} of {rounds}")
                owner = _owner(product)
                started = time.perf_counter()
                asked = _asked(product, owner, kind)
                _ended(product, owner, asked)
                took.append(time.perf_counter() - started)
                steps.append(float(_transitions(aws, asked)))
                if kind == "private":
                    bare.append(_bare_stack(aws("cloudformation"), asked))
                if kind == "dedicated":
                    bare.append(_bare_account(place, aws, asked))
            made = bare or [0.0] * rounds
            ours = [all_of_it - stack for all_of_it, stack in zip(took, made, strict=True)]
            yield Figure(
                f"provision a {kind} account, beyond what it is made of", "s", series(ours)
            )
            yield Figure(f"provision a {kind} account", "transitions", series(steps))
        yield from _many(product, aws, tick)


def _many(product: Product, aws: Client, tick: Tick) -> Iterator[Figure]:
    owners = []
    for number in range(_AT_ONCE):
        tick(f"organisation {number + 1} of {_AT_ONCE}")
        owners.append(_owner(product))
    started = time.perf_counter()
    asked = [_asked(product, owner, "private") for owner in owners]
    pairs = list(zip(owners, asked, strict=True))
    again = [_asked(product, owner, "private", each) for owner, each in pairs]
    if [each["account"]["id"] for each in again] != [each["account"]["id"] for each in asked]:
        raise BenchError("a repeated request made another account")
    for number, (owner, each) in enumerate(pairs):
        tick(f"account {number + 1} of {_AT_ONCE}")
        _ended(product, owner, each)
    took = time.perf_counter() - started
    tables = Counter(
        product.rest("GET", f"/accounts/{each['account']['id']}", owner).json()["tableName"]
        for owner, each in pairs
    )
    made = [
        name
        for page in aws("dynamodb").get_paginator("list_tables").paginate()
        for name in page["TableNames"]
        if name in tables
    ]
    if len(made) != _AT_ONCE or set(tables.values()) != {1}:
        raise BenchError(f"{_AT_ONCE} accounts have {len(made)} tables")
    yield Figure(f"{_AT_ONCE} private accounts at once, all active", "s", series([took]))
    yield Figure(
        f"{_AT_ONCE} private accounts at once, tables",
        "tables",
        series([float(len(made))]),
        goal=Goal(_AT_ONCE, least=True, of_ratio=False),
    )


def _owner(product: Product) -> Tokens:
    name = secrets.token_hex(4)
    return product.join(f"{name}@bench.example", _PASSWORD, organization_name=f"Bench {name}")


def _asked(product: Product, owner: Tokens, kind: str, repeated: Asked | None = None) -> Asked:
    """Ask for an account; `repeated` is the answer to the request that is sent once more."""
    key = repeated["key"] if repeated else secrets.token_hex(8)
    body = {"name": "Bench", "masterAccountName": "Bench", "cloudType": kind}
    answer = product.rest("POST", "/accounts", owner, body=body, headers={"idempotency-key": key})
    if answer.status_code != _ACCEPTED:
        raise BenchError(f"POST /accounts answered {answer.status_code}: {answer.text}")
    return {**answer.json(), "key": key}


def _ended(product: Product, owner: Tokens, asked: Asked) -> None:
    path = f"/accounts/{asked['account']['id']}/operations/{asked['operation']['id']}"

    def status() -> str | None:
        found: str = product.rest("GET", path, owner).json()["status"]
        return found if found in _ENDED else None

    try:
        ended = until("the account", status, seconds=_WITHIN)
    except NotInTimeError as error:
        raise BenchError(str(error)) from error
    if ended != "SUCCEEDED":
        raise BenchError(f"an account ended {ended}")


def _transitions(aws: Client, asked: Asked) -> int:
    """The states that the execution entered, which is what Step Functions bills."""
    machines = aws("stepfunctions").list_state_machines()["stateMachines"]
    for machine in machines:
        pages = aws("stepfunctions").get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=machine["stateMachineArn"]):
            for execution in page["executions"]:
                if execution["name"].startswith(asked["operation"]["id"]):
                    return _entered(aws, execution["executionArn"])
    raise BenchError("there is no execution of the operation")


def _entered(aws: Client, execution: str) -> int:
    pages = aws("stepfunctions").get_paginator("get_execution_history")
    return sum(
        event["type"].endswith("StateEntered")
        for page in pages.paginate(executionArn=execution)
        for event in page["events"]
    )


def _bare_stack(cloudformation: Any, asked: Asked) -> float:
    """Seconds that CloudFormation takes for the same stack under another name; removed after."""
    own = _stack_of(cloudformation, asked)
    name, other = own["StackName"], f"{own['StackName'][:-4]}bare"
    account = str(asked["account"]["id"])
    given = [
        {
            "ParameterKey": each["ParameterKey"],
            "ParameterValue": each["ParameterValue"].replace(name, other).replace(account, "bare"),
        }
        for each in own["Parameters"]
    ]
    template = cloudformation.get_template(StackName=name)["TemplateBody"]
    took = _made(cloudformation, other, template, given)
    cloudformation.delete_stack(StackName=other)
    return took


def _bare_account(place: Place, aws: Client, asked: Asked) -> float:
    """Seconds that Organizations takes for an AWS account, and CloudFormation for the same baseline
    in it, as its root."""
    path = f"/tenantry-local/accounts/{asked['account']['id']}/aws/account-id"
    number = aws("ssm").get_parameter(Name=path)["Parameter"]["Value"]
    inside = _root(place, number)
    own = _stack_of(inside, asked)
    template = inside.get_template(StackName=own["StackName"])["TemplateBody"]
    hidden = {"ParameterKey": "ExternalId", "ParameterValue": secrets.token_urlsafe(48)}
    # Buckets are one world for all accounts.
    named = {"ParameterKey": "Name", "ParameterValue": f"{own['StackName'][:-4]}bare"}
    replaced = ("ExternalId", "Name")
    given = [each for each in own["Parameters"] if each["ParameterKey"] not in replaced]
    organizations = organization.management(place, "organizations")
    name = secrets.token_hex(8)
    started = time.perf_counter()
    request = organizations.create_account(
        AccountName=name, Email=f"{name}@bench.example", RoleName="OrganizationAccountAccessRole"
    )["CreateAccountStatus"]["Id"]

    def made() -> str | None:
        status = organizations.describe_create_account_status(CreateAccountRequestId=request)
        found: str | None = status["CreateAccountStatus"].get("AccountId")
        return found

    another = _root(place, until("the bare AWS account", made, seconds=_WITHIN))
    _made(another, own["StackName"], template, [*given, named, hidden])
    return time.perf_counter() - started


def _root(place: Place, number: str) -> Any:
    """CloudFormation as root of an AWS account, whom only this machine knows."""
    return boto3.client(
        "cloudformation",
        endpoint_url=place.endpoint,
        region_name=REGION,
        aws_access_key_id=number,
        aws_secret_access_key="test",
    )


def _stack_of(cloudformation: Any, asked: Asked) -> Any:
    return next(
        stack
        for page in cloudformation.get_paginator("describe_stacks").paginate()
        for stack in page["Stacks"]
        if asked["account"]["id"] in str(stack)
    )


def _made(cloudformation: Any, name: str, template: str, given: list[dict[str, str]]) -> float:
    """Seconds until the stack is there."""
    started = time.perf_counter()
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=template,
        Parameters=[
            {"ParameterKey": each["ParameterKey"], "ParameterValue": each["ParameterValue"]}
            for each in given
        ],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    )

    def ready() -> str | None:
        status: str = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        return None if status.endswith("_IN_PROGRESS") else status

    status = until("the bare stack", ready, seconds=_WITHIN)
    took = time.perf_counter() - started
    if status != "CREATE_COMPLETE":
        told = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        reasons = [each["ResourceStatusReason"] for each in told if "ResourceStatusReason" in each]
        raise BenchError(f"the bare stack ended {status}: {reasons[-1:]}")
    return took
