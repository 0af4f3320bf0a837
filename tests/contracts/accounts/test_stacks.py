"""The stacks of accounts: in memory, by CloudFormation here, and in AWS accounts of their own.

The real ones run on the local cloud with a template of the test's own: what the real templates make
is tried where they are deployed.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, Protocol

import pytest

from tenantry.accounts.cloudformation import CloudFormationStacks
from tenantry.accounts.dedicated_stacks import DedicatedStacks, Inside
from tenantry.accounts.model import Account, CloudType, Names, Options
from tenantry.accounts.repository import Stack, Stacks
from tenantry.accounts.vending import Credentials, Purpose
from tenantry.accounts.vendors.errands import policy
from tenantry.errors import AccountShutError
from tests.support.accounts import FakeEntranceBus, FakeExternalIds, FakeStacks, account
from tests.support.clock import FakeClock
from tests.support.fakes.vending import SETTINGS, FakeVendor, Made
from tests.support.ministack import MiniStack

_numbers = count(1)
LOOKS = 200


def template(*, fails: bool = False) -> str:
    """A table that is protected, a bucket and, to fail, a parameter that is there already."""
    parameters = ("Name", "TenantId", "ExternalId")
    made: dict[str, Any] = {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": {"Ref": "Name"},
                "BillingMode": "PAY_PER_REQUEST",
                "DeletionProtectionEnabled": True,
                "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
            },
        },
        "Raw": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": {"Fn::Sub": "${Name}-raw"},
                "VersioningConfiguration": {"Status": "Enabled"},
            },
        },
    }
    if fails:
        taken = {"Name": {"Fn::Sub": "/taken/${Name}"}, "Type": "String", "Value": "v"}
        made["Taken"] = {"Type": "AWS::SSM::Parameter", "Properties": taken}
    return json.dumps(
        {
            "Parameters": {n: {"Type": "String", "Default": ""} for n in parameters},
            "Resources": made,
        }
    )


class World(Protocol):
    """Stacks, and what a test does behind their back."""

    account: Account

    def stacks(self, *, fails: bool = False) -> Stacks: ...

    def fill(self) -> None:
        """Put something into what was made, that keeps it from being deleted."""

    def leftovers(self) -> list[str]:
        """What is there of the account."""


@dataclass
class FakeWorld:
    account: Account = field(default_factory=account)
    fake: FakeStacks = field(default_factory=FakeStacks)

    def stacks(self, *, fails: bool = False) -> Stacks:
        self.fake.fails = "it is there already" if fails else None
        return self.fake

    def fill(self) -> None:
        pass

    def leftovers(self) -> list[str]:
        return list(self.fake.made)


class PrivateWorld:
    """In the platform's own account."""

    kind = "private"

    def __init__(self, cloud: MiniStack) -> None:
        number = next(_numbers)
        made = account(self.kind, account_id=f"stacks-{number}", tenant_id=f"t{number}")
        self.cloud, self.prefix = cloud, f"stk{number}"
        self.account = made.model_copy(
            update={"aws_account_id": f"5{number:011d}"} if self.kind == "dedicated" else {}
        )
        self.names = Names.of(self.prefix, self.account)
        self.given: Mapping[str, str] = {}

    def client(self, service: str) -> Any:
        return self.cloud.client(service)

    def stacks(self, *, fails: bool = False) -> Stacks:
        if fails:
            name = f"/taken/{self.names.own}"
            self.client("ssm").put_parameter(Name=name, Value="taken", Type="String")
        return self._made(template(fails=fails))

    def _made(self, text: str) -> Stacks:
        return CloudFormationStacks(
            self.client("cloudformation"),
            self.prefix,
            role_arn=f"arn:aws:iam::{self.cloud.account}:role/provisioner",
            template=lambda _account: text,
            parameters=lambda account: {"Name": self.names.own, "TenantId": account.tenant_id},
            dynamodb=self.client("dynamodb"),
            s3=self.client("s3"),
        )

    def fill(self) -> None:
        for content in (b"1", b"2"):
            self.client("s3").put_object(Bucket=self.names.raw, Key="a", Body=content)
        self.client("s3").delete_object(Bucket=self.names.raw, Key="a")

    def leftovers(self) -> list[str]:
        tables = self.client("dynamodb").list_tables()["TableNames"]
        buckets = [each["Name"] for each in self.client("s3").list_buckets()["Buckets"]]
        return [each for each in (*tables, *buckets) if each.startswith(self.names.own)]


class DedicatedWorld(PrivateWorld):
    """In an AWS account of the organisation's own, entered as its administrator."""

    kind = "dedicated"

    def __init__(self, cloud: MiniStack) -> None:
        super().__init__(cloud)
        order = SETTINGS.order(self.account.tenant_id, self.account.account_id)
        number = str(self.account.aws_account_id)
        self.clock = FakeClock()
        self.vendor = FakeVendor(clock=self.clock, made={order.email: Made(order, number, 0)})
        self.ids = FakeExternalIds(lambda: "w" * 64)
        self.bus = FakeEntranceBus()
        self.looked: list[str] = []

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": str(self.account.aws_account_id), "aws_secret_access_key": "t"}
        return self.cloud.client(service, keys)

    def _made(self, text: str) -> Stacks:
        def inside_of(
            inside: Inside, parameters: Callable[[Account], Mapping[str, str]]
        ) -> CloudFormationStacks:
            return CloudFormationStacks(
                inside.cloudformation,
                self.prefix,
                template=lambda _account: text,
                parameters=parameters,
                dynamodb=inside.dynamodb,
                s3=inside.s3,
            )

        def parameters(its: Account, external: str) -> dict[str, str]:
            return {"Name": self.names.own, "TenantId": its.tenant_id, "ExternalId": external}

        return DedicatedStacks(
            self.prefix,
            self.vendor,
            self._inside,
            self.clock,
            ids=self.ids,
            bus=self.bus,
            stacks=inside_of,
            parameters=parameters,
            looks=False,
        )

    def _inside(self, credentials: Credentials) -> Inside:
        assert credentials.aws_account_id == self.account.aws_account_id
        self.looked.append(credentials.aws_account_id)
        keys = self._session(credentials.aws_account_id)
        services = ("cloudformation", "dynamodb", "s3")
        return Inside(**{service: self.cloud.client(service, keys) for service in services})

    def _session(self, number: str) -> dict[str, str]:
        """An administrator's, with what its errand needs."""
        iam, sts = self.client("iam"), self.client("sts")
        if "administrator" not in [each["RoleName"] for each in iam.list_roles()["Roles"]]:
            root = {"Effect": "Allow", "Principal": {"AWS": number}, "Action": "sts:AssumeRole"}
            anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
            iam.create_role(RoleName="administrator", AssumeRolePolicyDocument=_policy(root))
            iam.put_role_policy(
                RoleName="administrator", PolicyName="all", PolicyDocument=_policy(anything)
            )
        keys = sts.assume_role(
            RoleArn=f"arn:aws:iam::{number}:role/administrator",
            RoleSessionName="errand",
            Policy=policy(self.vendor.errands[-1], "aws", number, self.prefix),
        )["Credentials"]
        return {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        }


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class BucketsWorld(PrivateWorld):
    """Buckets of a public account's own, as they are made and called."""

    def __init__(self, cloud: MiniStack) -> None:
        super().__init__(cloud)
        self.account = self.account.model_copy(
            update={"cloud_type": CloudType.PUBLIC, "options": Options(own_buckets=True)}
        )
        self.names = Names.of(self.prefix, self.account)

    def _made(self, text: str) -> Stacks:
        made = json.loads(text)
        del made["Resources"]["Table"]
        return super()._made(json.dumps(made))


@pytest.fixture(params=["fake", "private", "own buckets", "dedicated"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        return FakeWorld()
    kinds = {"private": PrivateWorld, "own buckets": BucketsWorld, "dedicated": DedicatedWorld}
    return kinds[request.param](request.getfixturevalue("ministack"))


@pytest.fixture
def own(ministack: MiniStack) -> DedicatedWorld:
    return DedicatedWorld(ministack)


def made(world: World, stacks: Stacks) -> Stack:
    """Its stack once nothing is at work on it any more."""
    for _ in range(LOOKS):
        found = stacks.find(world.account)
        assert found
        if not found.is_being_made:
            return found
    raise AssertionError("the stack is not made")


def removed(world: World, stacks: Stacks) -> None:
    for _ in range(LOOKS):
        if stacks.remove(world.account):
            return
    raise AssertionError("the stack does not go")


def test_a_stack_is_made_and_tells_what_happened(world: World) -> None:
    stacks = world.stacks()
    assert stacks.find(world.account) is None
    assert stacks.events(world.account) == []

    stacks.create(world.account, "op-1")

    assert made(world, stacks).is_ready
    events = stacks.events(world.account)
    assert {"CREATE_COMPLETE"} <= {each.status for each in events}
    assert [each.at for each in events] == sorted(each.at for each in events)
    assert len({each.event_id for each in events}) == len(events)
    assert world.leftovers()
    removed(world, stacks)


def test_one_that_is_there_is_left_alone(world: World) -> None:
    stacks = world.stacks()
    stacks.create(world.account, "op-1")
    ready = made(world, stacks)
    told = stacks.events(world.account)

    for token in ("op-1", "op-2"):
        stacks.create(world.account, token)

    assert made(world, stacks) == ready
    assert stacks.events(world.account) == told
    removed(world, stacks)


def test_one_that_fails_says_why_and_what_it_made_is_removed(world: World) -> None:
    stacks = world.stacks(fails=True)
    stacks.create(world.account, "op-1")

    failed = made(world, stacks)

    assert not failed.is_ready
    assert any(each.reason for each in stacks.events(world.account) if "FAILED" in each.status)
    removed(world, stacks)
    assert stacks.find(world.account) is None
    assert world.leftovers() == []


def test_all_of_it_goes_though_it_is_protected_and_not_empty(world: World) -> None:
    stacks = world.stacks()
    stacks.create(world.account, "op-1")
    assert made(world, stacks).is_ready
    world.fill()

    removed(world, stacks)

    assert stacks.find(world.account) is None
    assert world.leftovers() == []
    assert stacks.remove(world.account)


def test_removing_what_was_never_made_is_fine(world: World) -> None:
    assert world.stacks().remove(world.account)


def test_a_private_accounts_stack_and_its_buckets_of_before_are_apart(
    ministack: MiniStack,
) -> None:
    """A move makes the one and removes the other."""
    before = BucketsWorld(ministack)
    after = PrivateWorld(ministack)
    after.prefix = before.prefix
    after.account = before.account.hosted_as(CloudType.PRIVATE)
    after.names = Names.of(after.prefix, after.account)
    for world in (before, after):
        world.stacks().create(world.account, "op-1")
        assert made(world, world.stacks()).is_ready

    removed(before, before.stacks())

    assert made(after, after.stacks()).is_ready
    assert set(after.leftovers()) == {after.names.table, after.names.raw}
    removed(after, after.stacks())


# in an AWS account of the organisation's own


def test_its_external_id_is_given_to_the_stack_and_it_is_let_in_before(own: DedicatedWorld) -> None:
    stacks = own.stacks()
    stacks.create(own.account, "op-1")
    assert made(own, stacks).is_ready

    (stack,) = own.client("cloudformation").describe_stacks()["Stacks"]
    given = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    assert given["ExternalId"] == own.ids.kept[own.account.account_id] == "w" * 64
    assert own.bus.inside == {own.account.account_id: own.account.aws_account_id}
    here = own.cloud.client("cloudformation").describe_stacks()["Stacks"]
    assert own.names.stack not in [each["StackName"] for each in here]

    removed(own, stacks)
    assert (own.ids.kept, own.bus.inside) == ({}, {})


def test_it_is_still_let_in_while_something_of_it_is_there(own: DedicatedWorld) -> None:
    """Or the changes that are on their way would be lost."""
    stacks = own.stacks()
    stacks.create(own.account, "op-1")
    made(own, stacks)

    while not stacks.remove(own.account):
        assert own.bus.inside
        assert own.ids.kept

    assert (own.ids.kept, own.bus.inside) == ({}, {})


def test_its_administrator_is_asked_for_again_before_the_session_ends(own: DedicatedWorld) -> None:
    stacks = own.stacks()
    for _ in range(3):
        stacks.find(own.account)
    assert own.looked == [own.account.aws_account_id]

    own.clock.advance(timedelta(minutes=54))
    stacks.find(own.account)
    assert len(own.looked) == 1
    own.clock.advance(timedelta(minutes=2))
    stacks.find(own.account)
    assert len(own.looked) == 2


def test_each_session_there_is_for_what_is_done_with_it(own: DedicatedWorld) -> None:
    stacks = own.stacks()
    stacks.create(own.account, "op-1")
    assert made(own, stacks).is_ready
    removed(own, stacks)

    opened = [errand.purpose for errand in own.vendor.errands]
    assert opened == [Purpose.SETTING_UP, Purpose.LOOKING, Purpose.ENDING]
    assert {errand.name for errand in own.vendor.errands} == {own.names.own}


def test_without_an_aws_account_nothing_is_entered(own: DedicatedWorld) -> None:
    none = own.account.model_copy(update={"aws_account_id": None})
    with pytest.raises(AccountShutError):
        own.stacks().create(none, "op-1")

    assert own.stacks().remove(none)
    assert (own.looked, own.ids.kept, own.bus.inside) == ([], {}, {})
