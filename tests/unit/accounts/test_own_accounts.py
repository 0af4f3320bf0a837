"""Organisations' own AWS accounts: who gets in, when one counts as closed, and giving one up."""

from dataclasses import dataclass, field

import pytest
from botocore.exceptions import ClientError

from tenantry.accounts.bootstrap.steps import provisioning_with
from tenantry.accounts.dedicated_stacks import DedicatedStacks, Inside
from tenantry.accounts.model import Account, ProvisioningStatus
from tenantry.accounts.own_accounts import Guard, OwnAccounts, entered, external_id
from tenantry.accounts.provisioning import Shared
from tenantry.accounts.repository import Place
from tenantry.accounts.vending import State
from tenantry.errors import AccountShutError, ExternalIdIgnoredError, VendingFailedError
from tests.support.accounts import account
from tests.support.fakes.vending import LOOKING, SETTINGS, FakeVendor
from tests.support.invocations import forget, wire

SHARED = Place("acme", "table", "raw", "processed")


def made(vendor: FakeVendor) -> str:
    order = SETTINGS.order("acme", "a-1")
    vendor.begin(order)
    number = vendor.look(order).aws_account_id
    assert number
    return number


def ours(number: str | None, status: ProvisioningStatus) -> Account:
    return account("dedicated").model_copy(update={"status": status, "aws_account_id": number})


def shut(name: str) -> None:
    """As when the management role may not enter any more."""
    if name == "access":
        raise AccountShutError("Nobody gets in.")


@dataclass
class Recording:
    """Stacks over there, the entrance bus and the external ids: what was done to them."""

    done: list[str] = field(default_factory=list)

    def remove(self, _account: Account) -> bool:
        self.done.append("removed")
        return True

    def shut(self, _account: Account) -> None:
        self.done.append("shut")


def stacks(vendor: FakeVendor, did: Recording) -> DedicatedStacks:
    return DedicatedStacks(
        "tenantry",
        vendor,
        lambda credentials: credentials,  # type: ignore[arg-type,return-value]  # looked at by nobody
        vendor.clock,
        ids=did,  # type: ignore[arg-type]
        bus=did,  # type: ignore[arg-type]
        stacks=lambda _inside, _parameters: did,  # type: ignore[arg-type,return-value]
    )


def closed(vendor: FakeVendor, number: str) -> None:
    while not vendor.close(number).is_over:
        pass


@dataclass(frozen=True)
class Door:
    """The way into an account: whether it opens rightly, and to which other words."""

    rightly: bool = True
    opens_to: tuple[str | None, ...] = ()

    def opens_rightly(self, _place: Place) -> bool:
        return self.rightly

    def opens(self, _place: Place, external_id: str | None) -> bool:
        return external_id in self.opens_to


@pytest.mark.parametrize(
    ("door", "refused"),
    [
        (Door(rightly=False), AccountShutError),
        (Door(rightly=False, opens_to=(None, "a guess")), AccountShutError),
        (Door(opens_to=(None,)), ExternalIdIgnoredError),
        (Door(opens_to=("a guess",)), ExternalIdIgnoredError),
    ],
)
def test_a_door_that_opens_to_others_or_not_at_all_is_not_guarded(
    door: Door, refused: type[Exception]
) -> None:
    with pytest.raises(refused):
        Guard(door, lambda: "a guess").guarded(SHARED)


def test_a_door_that_opens_to_its_own_word_alone_is_guarded() -> None:
    Guard(Door(), lambda: "a guess").guarded(SHARED)


def test_guesses_are_long_and_never_the_same() -> None:
    assert len({external_id() for _ in range(100)}) == 100
    assert len(external_id()) >= 64


def test_one_that_is_still_being_made_is_awaited_and_then_closed() -> None:
    vendor = FakeVendor(takes=3)
    vendor.begin(SETTINGS.order("acme", "a-1"))
    own, its = OwnAccounts(vendor, SETTINGS), ours(None, ProvisioningStatus.CREATING)

    looks = 1
    while not own.given_up(its):
        looks += 1
        assert looks < 20

    (made,) = vendor.made.values()
    assert made.closed
    assert made.unit == SETTINGS.quarantine_unit


def test_one_that_was_never_asked_for_is_given_up_at_once() -> None:
    own = OwnAccounts(FakeVendor(), SETTINGS)

    assert own.given_up(ours(None, ProvisioningStatus.CREATING))


def test_what_is_left_of_an_order_that_made_nothing_is_awaited() -> None:
    vendor = FakeVendor()
    own, its = OwnAccounts(vendor, SETTINGS), ours(None, ProvisioningStatus.CREATING)
    vendor.left_of.add(SETTINGS.order(its.tenant_id, its.account_id).email)

    assert not own.given_up(its)
    assert own.given_up(its)
    assert not vendor.left_of


def test_one_that_is_open_is_entered() -> None:
    vendor = FakeVendor()
    number = made(vendor)

    credentials = entered(vendor, ours(number, ProvisioningStatus.DELETING), LOOKING)

    assert credentials
    assert credentials.aws_account_id == number


def test_one_that_is_closed_has_nothing() -> None:
    vendor = FakeVendor()
    number = made(vendor)
    closed(vendor, number)

    assert entered(vendor, ours(number, ProvisioningStatus.DELETING), LOOKING) is None


def test_one_that_is_gone_has_nothing() -> None:
    vendor = FakeVendor()
    number = made(vendor)
    vendor.made.clear()

    assert entered(vendor, ours(number, ProvisioningStatus.DELETING), LOOKING) is None
    assert OwnAccounts(vendor, SETTINGS).ended(ours(number, ProvisioningStatus.DELETING)) is (
        State.DONE
    )


def test_one_that_is_open_and_shut_is_not_taken_for_empty() -> None:
    vendor = FakeVendor()
    number = made(vendor)
    vendor.before = shut

    with pytest.raises(AccountShutError):
        entered(vendor, ours(number, ProvisioningStatus.DELETING), LOOKING)


def test_what_is_in_one_that_ends_is_not_left_behind_because_nobody_gets_in() -> None:
    vendor, did = FakeVendor(), Recording()
    number = made(vendor)
    vendor.before = shut

    with pytest.raises(AccountShutError):
        stacks(vendor, did).remove(ours(number, ProvisioningStatus.DELETING))

    assert did.done == []


@pytest.mark.parametrize(
    ("status", "ends"),
    [(ProvisioningStatus.DELETING, True), (ProvisioningStatus.CREATING, False)],
)
def test_of_one_that_is_closed_or_was_never_entered_the_doors_here_are_shut(
    status: ProvisioningStatus, ends: bool
) -> None:
    vendor, did = FakeVendor(), Recording()
    number = made(vendor)
    if ends:
        closed(vendor, number)
    else:
        vendor.before = shut

    assert stacks(vendor, did).remove(ours(number, status))

    assert did.done == ["shut", "removed"]


def test_where_it_is_entered_the_stack_goes_first() -> None:
    vendor, did = FakeVendor(), Recording()
    its = ours(made(vendor), ProvisioningStatus.DELETING)

    assert stacks(vendor, did).remove(its)

    assert did.done == ["removed", "shut", "removed"]


def test_without_room_on_the_entrance_bus_none_is_made() -> None:
    vendor = FakeVendor()
    own = OwnAccounts(vendor, SETTINGS, room=lambda: False)

    with pytest.raises(VendingFailedError, match="no more room"):
        own.made(ours(None, ProvisioningStatus.CREATING), None)

    assert vendor.made == {}


def test_one_that_is_under_way_is_seen_through_whatever_room_is_left() -> None:
    vendor = FakeVendor()
    own = OwnAccounts(vendor, SETTINGS)
    begun = own.made(ours(None, ProvisioningStatus.CREATING), None)

    full = OwnAccounts(vendor, SETTINGS, room=lambda: False)

    assert full.made(ours(None, ProvisioningStatus.CREATING), begun.request).aws_account_id


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_its_role_is_named_in_the_partition_of_the_deployment(partition: str) -> None:
    shared = Shared("table", "raw", "processed", partition)

    place = shared.place(ours("300000000001", ProvisioningStatus.ACTIVE), "tenantry")

    assert place.abroad
    assert place.abroad.role_arn == f"arn:{partition}:iam::300000000001:role/tenantry-platform"


def test_the_partition_is_that_of_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    region = "cn-north-1"
    wire(
        monkeypatch,
        **{"AWS_REGION": region, "AWS_DEFAULT_REGION": region},
        **{"PREFIX": "tenantry", "PLATFORM_TABLE": "table"},
    )

    assert provisioning_with().shared.partition == "aws-cn"
    forget()


# what watches it


class NoRoleError(ClientError):
    """There is no such role."""

    def __init__(self, code: str) -> None:
        super().__init__({"Error": {"Code": code}}, "GetRole")


@dataclass
class There:
    """What an AWS account is asked about what watches it."""

    trails: list[str] = field(default_factory=list)
    recorders: list[str] = field(default_factory=list)
    detectors: list[str] = field(default_factory=list)
    refused: str = "NoSuchEntity"

    def describe_trails(self) -> dict[str, list[str]]:
        return {"trailList": self.trails}

    def describe_configuration_recorders(self) -> dict[str, list[str]]:
        return {"ConfigurationRecorders": self.recorders}

    def list_detectors(self) -> dict[str, list[str]]:
        return {"DetectorIds": self.detectors}

    def get_role(self, RoleName: str) -> None:  # noqa: N803 - boto3's name
        assert RoleName == "AWSServiceRoleForConfig"
        if self.refused:
            raise NoRoleError(self.refused)


def watchers(there: There) -> dict[str, str]:
    inside = Inside(None, None, None, cloudtrail=there, config=there, guardduty=there, iam=there)
    return stacks(FakeVendor(), Recording())._watchers(inside)


def test_what_an_account_lacks_of_what_watches_it_is_made() -> None:
    assert set(watchers(There()).values()) == {"true"}


def test_what_watches_it_already_is_not_made_again() -> None:
    full = There(trails=["t"], recorders=["r"], detectors=["d"], refused="")

    assert set(watchers(full).values()) == {"false"}


def test_a_recorder_that_is_to_be_made_works_as_the_role_that_is_there() -> None:
    made = watchers(There(refused=""))

    assert (made["MakesRecorder"], made["MakesRecorderRole"]) == ("true", "false")


def test_what_is_not_known_of_that_role_is_no_answer() -> None:
    with pytest.raises(ClientError):
        watchers(There(refused="AccessDenied"))
