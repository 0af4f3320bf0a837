"""Who makes AWS accounts: in memory, by Organizations, and by Control Tower's Account Factory.

The real ones work on the local cloud with IAM enforced, through the role that
`stacks/management-account-role.yaml` makes in a management account: so its policies suffice.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Protocol

import pytest
from botocore.exceptions import ClientError

from tenantry.accounts.vending import (
    AccountVendor,
    Credentials,
    Order,
    Progress,
    Standing,
    State,
    Vended,
    VendorKind,
    VendorSettings,
)
from tenantry.accounts.vendors.control_tower import ControlTowerVendor
from tenantry.accounts.vendors.management import Keys, ManagementAccount
from tenantry.accounts.vendors.organizations import OrganizationsVendor
from tenantry.errors import AccountShutError, GuardrailMissingError
from tests.support.clock import FakeClock
from tests.support.fakes.vending import LOOKING, ROOT, SETTINGS, FakeVendor, Made
from tests.support.ministack import MiniStack

STACK = Path(__file__).parents[3] / "stacks/management-account-role.yaml"
EXTERNAL_ID = "a-word-that-both-know"
NOTHING = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'
)
_numbers = count(1)


class World(Protocol):
    """A vendor, and what a test does behind its back."""

    settings: VendorSettings
    clock: FakeClock

    @property
    def vendor(self) -> AccountVendor: ...

    def told(self, **settings: Any) -> AccountVendor:
        """Of the same organisation, with other settings."""

    def slow(self, order: Order) -> Order:
        """One that is under way for as long as a test takes."""

    def unit_of(self, aws_account_id: str) -> str: ...

    def unguard(self) -> None:
        """Take the required policy off the unit."""

    def plant(self, email: str, **tags: str) -> str:
        """An account that the vendor did not make."""

    def who(self, credentials: Credentials) -> str:
        """The account that the credentials act in."""


@dataclass
class FakeWorld:
    clock: FakeClock = field(default_factory=FakeClock)
    settings: VendorSettings = SETTINGS
    vendor: FakeVendor = field(default_factory=FakeVendor)
    _slow: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.vendor = FakeVendor(clock=self.clock)

    def told(self, **settings: Any) -> AccountVendor:
        return replace(self.vendor, settings=self.settings.model_copy(update=settings))

    def slow(self, order: Order) -> Order:
        slow = order.model_copy(update={"email": order.email.replace("@", "-slow@")})
        self.vendor.begin(slow)
        self.vendor.made[slow.email].left = 1_000_000
        return slow

    def unit_of(self, aws_account_id: str) -> str:
        (unit,) = (m.unit for m in self.vendor.made.values() if m.aws_account_id == aws_account_id)
        return unit

    def unguard(self) -> None:
        self.vendor.policies[self.settings.unit] = ()

    def plant(self, email: str, **tags: str) -> str:
        number = f"9{len(self.vendor.made):011d}"
        order = self.settings.order("planted", email)
        self.vendor.made[email] = Made(order, number, 0, unit=ROOT, tags=tags)
        return number

    def who(self, credentials: Credentials) -> str:
        return credentials.aws_account_id


class LocalWorld:
    """A management account of its own on the local cloud; the platform is the root account."""

    def __init__(self, ministack: MiniStack, kind: VendorKind) -> None:
        self.cloud, self.clock = ministack, FakeClock()
        self.number = f"6{next(_numbers):011d}"
        organizations = self.management("organizations")
        root = organizations.list_roots()["Roots"][0]["Id"]
        units = {
            name: organizations.create_organizational_unit(ParentId=root, Name=name)[
                "OrganizationalUnit"
            ]["Id"]
            for name in ("Tenants", "Quarantine")
        }
        policy = organizations.create_policy(
            Name="guardrail", Description="", Content="{}", Type="SERVICE_CONTROL_POLICY"
        )["Policy"]["PolicySummary"]["Id"]
        organizations.attach_policy(PolicyId=policy, TargetId=units["Tenants"])
        deployment = f"tenantry-{self.number[-4:]}"
        self.settings = VendorSettings(
            kind=kind,
            deployment=deployment,
            management_role_arn=self._role(deployment, kind),
            external_id=EXTERNAL_ID,
            root_email=f"aws.{self.number}@example.com",
            unit=units["Tenants"],
            quarantine_unit=units["Quarantine"],
            required_policy=policy,
            product_id="prod-factory",
            artifact_id="pa-factory",
            unit_name="Tenants",
            sso_email="owner@example.com",
        )

    @cached_property
    def vendor(self) -> AccountVendor:
        return self.told()

    def told(self, **settings: Any) -> AccountVendor:
        its = self.settings.model_copy(update=settings)
        management = ManagementAccount(self._platform(its), its, self.clock, self)
        if its.kind is VendorKind.CONTROL_TOWER:
            return ControlTowerVendor(management, its, self.clock)
        return OrganizationsVendor(management, its, self.clock)

    def slow(self, order: Order) -> Order:
        slow = order.model_copy(update={"name": f"{order.name}-slow"})
        assert self.vendor.begin(slow).state is State.RUNNING
        return slow

    def unit_of(self, aws_account_id: str) -> str:
        parents = self.management("organizations").list_parents(ChildId=aws_account_id)
        return str(parents["Parents"][0]["Id"])

    def unguard(self) -> None:
        self.management("organizations").detach_policy(
            PolicyId=self.settings.required_policy, TargetId=self.settings.unit
        )

    def plant(self, email: str, **tags: str) -> str:
        organizations = self.management("organizations")
        request = organizations.create_account(
            Email=email,
            AccountName="planted",
            Tags=[{"Key": k, "Value": v} for k, v in tags.items()],
        )["CreateAccountStatus"]["Id"]

        def made() -> str | None:
            status = organizations.describe_create_account_status(CreateAccountRequestId=request)
            account: str | None = status["CreateAccountStatus"].get("AccountId")
            return account

        return until(made)

    def who(self, credentials: Credentials) -> str:
        keys = {
            "aws_access_key_id": credentials.access_key_id,
            "aws_secret_access_key": credentials.secret_access_key,
            "aws_session_token": credentials.session_token,
        }
        return str(self.cloud.client("sts", keys).get_caller_identity()["Account"])

    # clients

    def management(self, service: str) -> Any:
        return self.cloud.client(
            service, {"aws_access_key_id": self.number, "aws_secret_access_key": "test"}
        )

    def organizations(self, keys: Keys) -> Any:
        return self.cloud.client("organizations", _plain(keys), retries={"total_max_attempts": 1})

    def servicecatalog(self, keys: Keys) -> Any:
        return self.cloud.client("servicecatalog", _plain(keys), retries={"total_max_attempts": 1})

    def sts(self, keys: Keys) -> Any:
        return self.cloud.client("sts", _plain(keys))

    def _platform(self, its: VendorSettings) -> Any:
        """A role of the platform: the management role trusts none of another name."""
        iam, name = self.cloud.client("iam"), f"{its.deployment}-steps"
        document = (
            '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", %s, '
            '"Action": "sts:AssumeRole"}]}'
        )
        trust = document % f'"Principal": {{"AWS": "arn:aws:iam::{self.cloud.account}:root"}}'
        with suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        iam.put_role_policy(
            RoleName=name,
            PolicyName="vendor",
            PolicyDocument=document % f'"Resource": "{its.management_role_arn}"',
        )
        session = self.cloud.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{self.cloud.account}:role/{name}", RoleSessionName="steps"
        )["Credentials"]
        return self.cloud.client(
            "sts",
            {
                "aws_access_key_id": session["AccessKeyId"],
                "aws_secret_access_key": session["SecretAccessKey"],
                "aws_session_token": session["SessionToken"],
            },
        )

    def _role(self, deployment: str, kind: VendorKind) -> str:
        given = {
            "Deployment": deployment,
            "PlatformAccountId": self.cloud.account,
            "ExternalId": EXTERNAL_ID,
            "Kind": kind.value,
        }
        cloudformation = self.management("cloudformation")
        cloudformation.create_stack(
            StackName="vendor",
            TemplateBody=STACK.read_text(),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
        )
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName="vendor", WaiterConfig={"Delay": 1}
        )
        (stack,) = cloudformation.describe_stacks(StackName="vendor")["Stacks"]
        return str(stack["Outputs"][0]["OutputValue"])


def _plain(keys: Keys) -> dict[str, str]:
    return {
        "aws_access_key_id": keys["aws_access_key_id"],
        "aws_secret_access_key": keys["aws_secret_access_key"],
        "aws_session_token": keys["aws_session_token"],
    }


@pytest.fixture(params=["in-memory", "organizations", "control-tower"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "in-memory":
        return FakeWorld()
    return LocalWorld(request.getfixturevalue("ministack"), VendorKind(request.param))


def until[T](found: Callable[[], T | None], seconds: float = 20) -> T:
    deadline = monotonic() + seconds
    while not (value := found()):
        if monotonic() > deadline:
            pytest.fail(f"not true within {seconds} s, last: {value!r}")
        sleep(0.05)
    return value


def over(ask: Callable[[], Progress]) -> Progress:
    """How it ended: asked until then."""

    def ended() -> Progress | None:
        progress = ask()
        return progress if progress.is_over else None

    return until(ended)


def made(world: World, account_id: str = "a-1", tenant_id: str = "acme") -> tuple[Order, str]:
    order = world.settings.order(tenant_id, account_id)
    world.vendor.begin(order)
    done = over(lambda: world.vendor.look(order))
    assert done.state is State.DONE
    assert done.aws_account_id
    return order, done.aws_account_id


def released(world: World, aws_account_id: str) -> None:
    assert over(lambda: world.vendor.release(aws_account_id)).state is State.DONE


def closed(world: World, aws_account_id: str) -> Progress:
    released(world, aws_account_id)
    return over(lambda: world.vendor.close(aws_account_id))


# making


def test_an_order_becomes_an_account(world: World) -> None:
    order = world.settings.order("acme", "a-1")

    begun = world.vendor.begin(order)
    done = over(lambda: world.vendor.look(order, begun.request))

    assert begun.state in (State.RUNNING, State.DONE)
    assert done.state is State.DONE
    assert world.vendor.look(order).aws_account_id == done.aws_account_id


def test_what_was_never_begun_waits_and_looking_begins_nothing(world: World) -> None:
    order = world.settings.order("acme", "a-1")

    assert world.vendor.look(order) == Progress(state=State.WAITING)
    assert world.vendor.accounts() == []


def test_an_order_that_comes_again_finds_its_account(world: World) -> None:
    order, account = made(world)

    again = world.vendor.begin(order)

    assert (again.state, again.aws_account_id) == (State.DONE, account)
    assert len(world.vendor.accounts()) == 1


def test_a_hundred_identical_orders_make_one_account(world: World) -> None:
    order = world.settings.order("acme", "a-1")

    with ThreadPoolExecutor(10) as pool:
        begun = list(pool.map(lambda _: world.vendor.begin(order), range(100)))

    done = over(lambda: world.vendor.look(order))
    assert {each.state for each in begun} <= {State.RUNNING, State.DONE, State.WAITING}
    assert [each.aws_account_id for each in world.vendor.accounts()] == [done.aws_account_id]


def test_accounts_of_a_tenant_and_of_another_are_two_each(world: World) -> None:
    accounts = {
        made(world, "a-1")[1],
        made(world, "a-2")[1],
        made(world, "b-1", "globex")[1],
    }

    assert len(accounts) == 3


def test_a_full_house_is_a_wait(world: World) -> None:
    vendor = world.told(most_creations=1)
    world.slow(world.settings.order("acme", "a-1"))

    begun = vendor.begin(world.settings.order("globex", "b-1"))

    assert begun == Progress(state=State.WAITING, cause="BUSY")
    assert world.vendor.begin(world.settings.order("globex", "b-1")).state is State.RUNNING


def test_an_order_under_way_is_found_though_the_house_is_full(world: World) -> None:
    slow = world.slow(world.settings.order("acme", "a-1"))

    again = world.told(most_creations=1).begin(slow)

    assert again.state is State.RUNNING
    assert again.cause is None


def test_an_organisation_that_is_full_is_a_wait(world: World) -> None:
    made(world)
    known = len(world.vendor.accounts())
    others = 0 if isinstance(world, FakeWorld) else 1  # the management account counts

    begun = world.told(most_accounts=known + others).begin(world.settings.order("globex", "b-1"))

    assert begun == Progress(state=State.WAITING, cause="ACCOUNT_LIMIT_EXCEEDED")


def test_tries_of_one_order_at_once_make_one_account(world: World) -> None:
    """A second try is another request, with another token: what the first made is found by name."""
    order = world.settings.order("acme", "a-1")
    tries = [order.model_copy(update={"attempt": number}) for number in range(1, 9)]

    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(world.vendor.begin, tries))
    done = over(lambda: world.vendor.look(order))

    assert State.FAILED not in {each.state for each in begun}
    assert done.state is State.DONE
    assert [each.aws_account_id for each in world.vendor.accounts()] == [done.aws_account_id]


# placing


def test_an_account_is_placed_and_tagged_under_the_guardrail(world: World) -> None:
    order, account = made(world)

    first, again = (world.vendor.place(order, account) for _ in range(2))

    assert first == again
    assert world.unit_of(account) == first.unit == world.settings.unit
    assert world.settings.required_policy in first.policies
    assert "p-FullAWSAccess" in first.policies
    (found,) = world.vendor.find("acme")
    assert (found.aws_account_id, found.email, found.is_open) == (account, order.email, True)
    assert dict(found.tags) == dict(order.tags)


def test_an_account_without_the_guardrail_is_told(world: World) -> None:
    order, account = made(world)
    world.unguard()

    with pytest.raises(GuardrailMissingError):
        world.vendor.place(order, account)


def test_the_management_account_administers_it(world: World) -> None:
    _, account = made(world)

    credentials = world.vendor.access(account, LOOKING)

    assert world.who(credentials) == account


@pytest.mark.parametrize("kind", VendorKind)
def test_its_session_does_the_errand_and_nothing_else(
    ministack: MiniStack, kind: VendorKind
) -> None:
    world = LocalWorld(ministack, kind)
    _, account = made(world)
    keys = world.vendor.access(account, LOOKING)
    session = {
        "aws_access_key_id": keys.access_key_id,
        "aws_secret_access_key": keys.secret_access_key,
        "aws_session_token": keys.session_token,
    }

    assert ministack.client("dynamodb", session).list_tables()["TableNames"] == []
    with pytest.raises(ClientError, match="AccessDenied"):
        ministack.client("iam", session).create_role(
            RoleName="loose", AssumeRolePolicyDocument=NOTHING
        )


def test_an_account_that_nobody_made_lets_nobody_in(world: World) -> None:
    with pytest.raises(AccountShutError):
        world.vendor.access("999999999999", LOOKING)


# finding


def test_accounts_are_found_by_their_tags_and_by_their_addresses(world: World) -> None:
    order, account = made(world)
    world.vendor.place(order, account)
    deployment = world.settings.deployment
    orphan = world.plant(f"orphan@{deployment}.org", **order.tags)
    untagged = world.plant(world.settings.order("x", "lost").email)
    stranger = world.plant(f"stranger@{deployment}.org", deployment=f"{deployment}-2")

    found = {each.aws_account_id for each in world.vendor.accounts()}

    assert found == {account, orphan, untagged}
    assert stranger not in found
    assert {each.aws_account_id for each in world.vendor.find("acme")} == {account, orphan}
    assert world.vendor.find("globex") == []


# ending


def test_a_released_account_is_open_and_not_enrolled(world: World) -> None:
    order, account = made(world)
    world.vendor.place(order, account)

    released(world, account)

    assert world.vendor.release(account).state is State.DONE
    (found,) = world.vendor.find("acme")
    assert (found.is_open, found.is_enrolled) == (True, False)


def test_an_account_goes_to_quarantine(world: World) -> None:
    order, account = made(world)
    world.vendor.place(order, account)
    released(world, account)

    for _ in range(2):
        world.vendor.quarantine(account)

    assert world.unit_of(account) == world.settings.quarantine_unit


def test_a_closed_account_is_shut_and_still_told_of(world: World) -> None:
    order, account = made(world)
    world.vendor.place(order, account)
    released(world, account)
    assert world.vendor.look(order).aws_account_id == account

    first = world.vendor.close(account)
    done = over(lambda: world.vendor.close(account))
    assert world.vendor.look(order).aws_account_id == account

    assert (first.state, done.state) == (State.RUNNING, State.DONE)
    with pytest.raises(AccountShutError):
        world.vendor.access(account, LOOKING)
    (found,) = world.vendor.find("acme")
    assert not found.is_open


def test_an_account_that_is_gone_is_closed(world: World) -> None:
    gone = "999999999999"

    assert world.vendor.standing(gone) is Standing.GONE
    assert world.vendor.release(gone).is_over
    world.vendor.quarantine(gone)
    assert world.vendor.close(gone).state is State.DONE


def test_whether_an_account_is_open_is_told(world: World) -> None:
    _, account = made(world)
    assert world.vendor.standing(account) is Standing.OPEN

    closed(world, account)

    assert world.vendor.standing(account) is Standing.CLOSED


def test_the_order_of_a_closed_account_makes_no_other(world: World) -> None:
    order, account = made(world)
    closed(world, account)

    again = world.vendor.begin(order)

    assert (again.state, again.cause) == (State.FAILED, "ACCOUNT_CLOSED")
    assert len([each for each in world.vendor.accounts() if each.email == order.email]) == 1


def test_closures_wait_for_the_quota_and_go_on_when_it_is_free(world: World) -> None:
    accounts = [made(world, f"a-{number}")[1] for number in range(2)]
    vendor = world.told(most_closures=1)
    assert closed(world, accounts[0]).state is State.DONE
    released(world, accounts[1])

    waits = vendor.close(accounts[1])
    world.clock.advance(timedelta(days=30, seconds=1))
    goes = vendor.close(accounts[1])

    assert (waits.state, waits.cause) == (State.WAITING, "CLOSE_ACCOUNT_QUOTA_EXCEEDED")
    assert goes.state is State.RUNNING


def test_a_governed_account_is_said_to_be(world: World) -> None:
    order, account = made(world)
    world.vendor.place(order, account)
    governs = world.settings.kind is VendorKind.CONTROL_TOWER

    found: list[Vended] = world.vendor.find("acme")

    assert [each.is_enrolled for each in found] == [governs]


# in quarantine


def test_what_waits_in_quarantine_is_told_and_nothing_else(world: World) -> None:
    order, waiting = made(world, "a-1")
    world.vendor.place(order, waiting)
    _, shut = made(world, "a-2")
    made(world, "a-3")
    for each in (waiting, shut):
        released(world, each)
        world.vendor.quarantine(each)
    closed(world, shut)

    (found,) = world.vendor.quarantined()

    assert (found.aws_account_id, found.is_open) == (waiting, True)
    assert found.tags["account-id"] == "a-1"


def test_of_others_in_the_quarantine_unit_nothing_is_told(world: World) -> None:
    world.vendor.quarantine(world.plant(f"{world.settings.deployment}@elsewhere.org"))

    assert world.vendor.quarantined() == []
