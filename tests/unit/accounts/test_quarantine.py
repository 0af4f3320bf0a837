"""AWS accounts in quarantine: which are closed, when, and which never."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import cast

import pytest

from tenantry.accounts.model import Account, ProvisioningStatus
from tenantry.accounts.quarantine import Quarantine, Swept
from tenantry.accounts.repository import AccountRepository
from tests.support.accounts import account
from tests.support.clock import FakeClock
from tests.support.fakes.vending import SETTINGS, FakeVendor


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    known: dict[str, Account] = field(default_factory=dict)
    reports: list[tuple[str, str]] = field(default_factory=list)
    vendor: FakeVendor = field(default_factory=FakeVendor)

    def __post_init__(self) -> None:
        self.vendor = FakeVendor(clock=self.clock, takes=0)

    def in_quarantine(self, number: int) -> str:
        order = SETTINGS.order(f"t-{number}", f"a-{number}")
        self.vendor.begin(order)
        made = self.vendor.look(order).aws_account_id
        assert made
        self.vendor.quarantine(made)
        return made

    def get(self, account_id: str) -> Account | None:
        return self.known.get(account_id)

    def sweep(self, most_closures: int = 100) -> Swept:
        settings = SETTINGS.model_copy(update={"most_closures": most_closures})
        vendor = replace(self.vendor, settings=settings)
        accounts = cast("AccountRepository", self)
        tell = self.reports.append
        return Quarantine(vendor, accounts, lambda *said: tell(said)).sweep()

    def is_closed(self, aws_account_id: str) -> bool:
        (its,) = [m for m in self.vendor.made.values() if m.aws_account_id == aws_account_id]
        return its.closed_at is not None


@pytest.fixture
def world() -> World:
    return World()


def test_what_was_made_in_vain_is_closed(world: World) -> None:
    number = world.in_quarantine(1)

    assert world.sweep() == Swept(closing=1, waiting=0)

    assert world.is_closed(number)
    assert world.sweep() == Swept()
    assert world.reports == []


def test_closures_go_on_when_the_quota_allows_them_again(world: World) -> None:
    numbers = [world.in_quarantine(each) for each in range(5)]

    assert world.sweep(most_closures=2) == Swept(closing=2, waiting=3)
    assert world.sweep(most_closures=2) == Swept(closing=0, waiting=3)
    world.clock.advance(timedelta(days=31))
    assert world.sweep(most_closures=2) == Swept(closing=2, waiting=1)
    world.clock.advance(timedelta(days=31))
    assert world.sweep(most_closures=2) == Swept(closing=1, waiting=0)

    assert all(world.is_closed(each) for each in numbers)


def test_a_run_closes_a_bounded_part(world: World) -> None:
    world.vendor.settings = SETTINGS.model_copy(update={"most_creations": 100})
    for each in range(25):
        world.in_quarantine(each)

    assert world.sweep() == Swept(closing=20, waiting=5)
    assert world.sweep() == Swept(closing=5, waiting=0)


@pytest.mark.parametrize("status", [ProvisioningStatus.ACTIVE, ProvisioningStatus.FAILED])
def test_one_that_is_somebodys_place_is_told_and_never_closed(
    world: World, status: ProvisioningStatus
) -> None:
    number = world.in_quarantine(1)
    its = account("dedicated").model_copy(update={"status": status, "aws_account_id": number})
    world.known["a-1"] = its

    assert world.sweep() == Swept()

    assert not world.is_closed(number)
    assert world.reports == [("an AWS account in use lies in quarantine", number)]


@pytest.mark.parametrize(
    "status",
    [ProvisioningStatus.PENDING, ProvisioningStatus.CREATING, ProvisioningStatus.DELETING],
)
def test_one_with_an_operation_is_left_to_it(world: World, status: ProvisioningStatus) -> None:
    number = world.in_quarantine(1)
    its = account("dedicated").model_copy(update={"status": status, "aws_account_id": number})
    world.known["a-1"] = its

    assert world.sweep() == Swept()

    assert not world.is_closed(number)
    assert world.reports == []


def test_one_that_its_account_has_given_up_for_another_is_closed(world: World) -> None:
    number = world.in_quarantine(1)
    world.known["a-1"] = account("dedicated").model_copy(
        update={"status": ProvisioningStatus.ACTIVE, "aws_account_id": "399999999999"}
    )

    assert world.sweep() == Swept(closing=1)
    assert world.is_closed(number)


def test_one_that_is_governed_still_is_told_and_left(world: World) -> None:
    number = world.in_quarantine(1)
    next(iter(world.vendor.made.values())).enrolled = True

    assert world.sweep() == Swept()

    assert not world.is_closed(number)
    assert world.reports == [("an AWS account in quarantine is governed still", number)]
