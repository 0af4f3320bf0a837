"""A platform on the local cloud, with its functions in this process: accounts are made and ended.

State machines run as they are defined, and every task in the function that is deployed for it. A
second deployment would show no more and take a minute.
"""

import importlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from tenantry.accounts.bootstrap import data as data_wiring
from tenantry.accounts.bootstrap.ending import teardown_service
from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.dynamodb import DynamoDBAccountRepository
from tenantry.accounts.line import Line
from tenantry.accounts.model import Account
from tenantry.accounts.repository import Place
from tenantry.accounts.step_functions import execution_input
from tenantry.accounts.vending import VendorKind
from tenantry.messaging.event import Event
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import new_id, now
from tenantry.tenancy.caller import Caller
from tests.contracts.accounts.test_vendors import LocalWorld
from tests.integration.accounts.conftest import Api, found
from tests.support.accounts import FakeExecutions
from tests.support.capacity import Cost, measured
from tests.support.invocations import forget, wire
from tests.support.lambda_context import lambda_context
from tests.support.ministack import MiniStack
from tests.support.state_machine import StateMachine

ROOT = Path(__file__).parents[3]
MACHINE = json.loads((ROOT / "statemachines/provision_account.asl.json").read_text())
TEARDOWN = json.loads((ROOT / "statemachines/teardown_account.asl.json").read_text())
ADA, BOB = (Caller(user_id=name, tenant_id="acme") for name in ("ada", "bob"))
ROLE = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
ARRIVED = data_wiring._arrived
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@dataclass(frozen=True)
class Everywhere:
    """DynamoDB as root of the account in which a table lies."""

    cloud: MiniStack
    clients: dict[str, Any] = field(default_factory=dict)

    def describe_table(self, TableName: str) -> Any:  # noqa: N803 - boto3's own name
        return self._of(TableName).describe_table(TableName=TableName)

    def get_item(self, TableName: str, **request: Any) -> Any:  # noqa: N803 - boto3's own name
        return self._of(TableName).get_item(TableName=TableName, **request)

    def _of(self, table: str) -> Any:
        if table not in self.clients:
            here = self.cloud.client("dynamodb")
            self.clients[table] = here
            if table not in here.list_tables()["TableNames"]:
                account = accounts().of("acme")
                assert account
                assert account.aws_account_id
                keys = {"aws_access_key_id": account.aws_account_id, "aws_secret_access_key": "t"}
                self.clients[table] = self.cloud.client("dynamodb", keys)
        return self.clients[table]


class Provisioned:
    """A platform on the local cloud, and one account on it, provided while it is measured."""

    def __init__(self, cloud: MiniStack, table: Table, prefix: str) -> None:
        self.cloud, self.table, self.prefix = cloud, table, prefix
        self.states: tuple[str, ...] = ()
        self.cost = Cost()
        self.operation: Any = None

    def run(self, kind: str, **more: str) -> None:
        """An account of its own: other tests leave theirs, whose tags would be found."""
        beside = kind == "own-buckets"
        kind = "public" if beside else kind
        body: dict[str, Any] = {"name": "Own", "masterAccountName": "Acme", "cloudType": kind}
        if beside:
            body["options"] = {"ownBuckets": True}
        body |= more
        asked = json.loads(Api(self.table).post(body=body, idempotency_key=new_id())["body"])
        executions = FakeExecutions()
        Line(DynamoDBAccountRepository(self.table, 5), executions, Stamp(now, new_id)).move_up()
        (begun,) = executions.started
        given = {
            "tenant_id": "acme",
            "account_id": asked["account"]["id"],
            "operation_id": begun.operation_id,
            "run": 1,
            "cloud_type": kind,
            "own_buckets": beside,
            "undo": False,
        }
        machine = StateMachine(MACHINE, self._invoke, waited=lambda _seconds: None)
        with measured(Everywhere(self.cloud)) as cost:
            ended = machine.run(given)
        self.states, self.cost, self.operation = ended.states, cost, begun
        account = accounts().get(given["account_id"])
        assert ended.status == "SUCCEEDED", account
        assert account
        assert account.status == "active"

    def _invoke(self, name: str, payload: Any) -> Any:
        forget()
        return self.warm(name, payload)

    @staticmethod
    def warm(name: str, payload: Any) -> Any:
        """Another call in the same process."""
        step = re.sub(r"(?<!^)(?=[A-Z])", "_", name.strip("${}").removesuffix("Function")).lower()
        module = importlib.import_module(f"functions.accounts.{step}")
        return module.handler(payload, lambda_context())

    def costs(self) -> dict[str, float]:
        """Without what depends on others: the events of a stack, and looks at an AWS account beyond
        the second."""
        told = len(accounts().noted(self.operation, 1000))
        looks = max(0, self.states.count("Vend") - 2)
        requests = Counter(call.service for call in self.cost.calls.all)
        requests["dynamodb"] -= told + 2 * looks
        for each in ("sts", "organizations"):
            requests[each] -= looks
        return {
            "transitions": len(self.states) - 3 * looks,
            "read": self.cost.read_units - 2 * looks,
            "write": self.cost.write_units - told - 2 * looks,
            "index": self.cost.index_write_units - 2 * looks,
            **{name: number for name, number in requests.items() if number},
        }


@pytest.fixture
def vendor(ministack: MiniStack) -> LocalWorld:
    """Whoever makes AWS accounts; a module that means another one has a fixture of this name."""
    return LocalWorld(ministack, VendorKind.ORGANIZATIONS)


@pytest.fixture
def provisioned(
    ministack: MiniStack,
    vendor: LocalWorld,
    ministack_platform_table: Table,
    ministack_tenant_table: Table,
    ministack_audit_table: Table,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Provisioned]:
    tables = ministack_platform_table, ministack_tenant_table, ministack_audit_table
    yield from on_the_local_cloud(ministack, tables, monkeypatch, vendor)


def on_the_local_cloud(
    ministack: MiniStack,
    tables: tuple[Table, Table, Table],
    monkeypatch: pytest.MonkeyPatch,
    vendor: LocalWorld,
) -> Iterator[Provisioned]:
    """The platform's, the tenants' and the audit's table, and whoever makes AWS accounts."""
    platform, tenant, audit = tables
    for name, value in ministack.environment.items():
        monkeypatch.setenv(name, value)
    prefix = vendor.settings.deployment
    iam, s3, events = (ministack.client(name) for name in ("iam", "s3", "events"))
    steps, role = (_role(iam, f"{prefix}-{name}") for name in ("steps", "tenant-data"))
    for kind in ("shared-raw", "shared-processed", "shared-failures", "archive", "exports"):
        s3.create_bucket(
            Bucket=f"{prefix}-{kind}",
            CreateBucketConfiguration={"LocationConstraint": ministack.region},
        )
    bus = events.create_event_bus(Name=f"{prefix}-entrance")["EventBusArn"]
    settings = vendor.settings.model_dump(mode="json", exclude={"deployment"})
    found(platform)
    cognito = ministack.client("cognito-idp")
    pool_id = cognito.create_user_pool(PoolName=prefix)["UserPool"]["Id"]
    kms = ministack.client("kms")
    signing = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    wire(
        monkeypatch,
        USER_POOL_ID=pool_id,
        PLATFORM_TABLE=platform.name,
        PREFIX=prefix,
        TENANT_TABLE=tenant.name,
        TENANT_RAW_BUCKET=f"{prefix}-shared-raw",
        TENANT_PROCESSED_BUCKET=f"{prefix}-shared-processed",
        TENANT_DATA_ROLE_ARN=role,
        PROVISIONER_ROLE_ARN=role,
        PUBLISHER_FUNCTION=f"{prefix}-publisher",
        FAILURES_BUCKET=f"{prefix}-shared-failures",
        ALARM_TOPIC="arn:aws:sns:eu-central-1:000000000000:alarms",
        OFFERS_DEDICATED="true",
        DEDICATED_PLANS="FREE",
        ACCOUNT_VENDOR=json.dumps(settings),
        SECRETS_KEY_ARN=kms.create_key()["KeyMetadata"]["Arn"],
        ENTRANCE_BUS=f"{prefix}-entrance",
        ENTRANCE_BUS_ARN=bus,
        AUDIT_TABLE=audit.name,
        DEDICATED_WATCHERS="none",
        ARCHIVE_BUCKET=f"{prefix}-archive",
        ARCHIVE_DAYS="365",
        EXPORTS_BUCKET=f"{prefix}-exports",
        SEAL_LOCK_DAYS="0",
        CERTIFICATE_KEY_ARN=signing["KeyMetadata"]["Arn"],
        TEARDOWN_GRACE_SECONDS="0",
        LAMBDA_TASK_ROOT=str(ROOT),
        STAGE="local",
    )
    monkeypatch.setattr(data_wiring, "_arrived", _arrived)
    # The management account trusts roles of the platform alone.
    session = boto3.client("sts").assume_role(RoleArn=steps, RoleSessionName="steps")["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", session["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", session["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", session["SessionToken"])
    boto3.DEFAULT_SESSION = None
    yield Provisioned(ministack, platform, prefix)
    forget()


def _role(iam: Any, name: str) -> str:
    made = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [ROLE]})
    )
    iam.put_role_policy(
        RoleName=name,
        PolicyName="all",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [EVERYTHING]}),
    )
    return str(made["Role"]["Arn"])


def _arrived(place: Place, event: Event) -> bool:
    """The look into the audit log as it is, and found at once: nobody keeps events here."""
    ARRIVED(place, event)
    return True


def active(provisioned: Provisioned, kind: str = "dedicated") -> Account:
    provisioned.run(kind)
    found = accounts().of("acme")
    assert found
    return found


def torn_down(provisioned: Provisioned, account: Account) -> Any:
    """Asked for by one owner and approved by another; answers its operation."""
    table = provisioned.table
    ada = table.get({"PK": "ORG#acme", "SK": "MEMBER#ada"})
    assert ada
    table.put({**ada, "SK": "MEMBER#bob", "entity_id": "bob", "user_id": "bob"})
    service = teardown_service()
    plan = service.plan(ADA, account.account_id)
    waiting = service.request(ADA, account.account_id, plan=plan.hash).operation
    assert waiting
    service.approve(BOB, account.account_id, {"approvalId": waiting.approval_id})
    return goes_on(provisioned)


def goes_on(provisioned: Provisioned) -> Any:
    """Run the teardown that is next in the line to its end; answers its operation."""
    executions = FakeExecutions()
    repository = DynamoDBAccountRepository(provisioned.table, 5)
    Line(repository, executions, Stamp(now, new_id)).move_up()
    (begun,) = executions.started
    machine = StateMachine(TEARDOWN, provisioned._invoke, waited=lambda _seconds: None)
    machine.run(execution_input(begun))
    forget()
    _, operation = accounts().read(begun.account_id, begun.operation_id)
    return operation
