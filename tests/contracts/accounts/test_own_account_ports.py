"""External ids and the entrance bus of organisations' own AWS accounts, in memory and on AWS."""

import json
import re
from collections.abc import Callable
from itertools import count
from typing import Any, Protocol

import boto3
import pytest

from tenantry.accounts import eventbridge
from tenantry.accounts.eventbridge import EventBridgeEntrance, OpenEntrance
from tenantry.accounts.model import Account, Names
from tenantry.accounts.repository import Entrance, ExternalIds
from tenantry.accounts.ssm import SsmExternalIds
from tenantry.errors import StackFailedError, UnavailableError
from tests.support.accounts import FakeEntranceBus, FakeExternalIds, account
from tests.support.faults import injected, recorded, refused
from tests.support.ministack import MiniStack

BUS = "tenantry-entrance"


def ours(number: int = 1) -> Account:
    made = account("dedicated", account_id=f"a-{number}", tenant_id=f"t-{number}")
    return made.model_copy(update={"aws_account_id": f"{300000000000 + number}"})


def words() -> Callable[[], str]:
    """Each another one."""
    numbers = count()
    return lambda: f"word-{next(numbers)}-{'x' * 40}"


# external ids


@pytest.fixture(params=["fake", "ssm"])
def ids(request: pytest.FixtureRequest) -> ExternalIds:
    if request.param == "fake":
        return FakeExternalIds(words())
    request.getfixturevalue("moto")
    return SsmExternalIds(boto3.client("ssm"), "tenantry", "alias/aws/ssm", words())


def test_an_external_id_is_made_once_and_stays_the_same(ids: ExternalIds) -> None:
    first = ids.made(ours())

    assert len(first) >= 40
    assert [ids.made(ours()) for _ in range(3)] == [first] * 3


def test_accounts_have_external_ids_of_their_own(ids: ExternalIds) -> None:
    assert len({ids.made(ours(number)) for number in range(5)}) == 5


def test_one_that_was_removed_is_never_made_again(ids: ExternalIds) -> None:
    first = ids.made(ours())
    ids.remove(ours())

    assert ids.made(ours()) != first


def test_removing_what_is_not_there_is_fine_and_leaves_the_others(ids: ExternalIds) -> None:
    other = ids.made(ours(2))
    for _ in range(2):
        ids.remove(ours(1))

    assert ids.made(ours(2)) == other


def test_it_is_kept_encrypted_in_the_parameter_that_routes_name(moto: None) -> None:
    ssm = boto3.client("ssm")
    SsmExternalIds(ssm, "tenantry", "alias/own", words()).made(ours())

    name = Names("tenantry", ours().account_id).external_id
    (found,) = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])[
        "Parameters"
    ]
    assert (found["Type"], found["KeyId"]) == ("SecureString", "alias/own")


def test_two_that_make_it_at_once_get_the_same_one(moto: None) -> None:
    """The second finds that somebody was faster between its look and its write."""
    ssm = boto3.client("ssm")
    first = SsmExternalIds(ssm, "tenantry", "alias/own", words()).made(ours())
    second = SsmExternalIds(ssm, "tenantry", "alias/own", lambda: "y" * 64).made(ours())

    assert first == second


def test_a_parameter_store_that_is_busy_is_unavailable(moto: None) -> None:
    ids = SsmExternalIds(boto3.client("ssm"), "tenantry", "alias/own", words())
    for code in ("ThrottlingException", "TooManyUpdates", "InternalServerError"):
        with injected(refused(code)), pytest.raises(UnavailableError):
            ids.remove(ours())


# the entrance bus


class Inside(Protocol):
    """The entrance, and whom it lets in."""

    entrance: Entrance

    def let_in(self) -> set[str]: ...


class FakeInside:
    def __init__(self) -> None:
        self._bus = FakeEntranceBus()
        self.entrance: Entrance = self._bus

    def let_in(self) -> set[str]:
        return set(self._bus.inside.values())


class RealInside:
    def __init__(self, events: Any, name: str) -> None:
        self._events, self._name = events, name
        events.create_event_bus(Name=name)
        self.entrance: Entrance = EventBridgeEntrance(events, name)

    def let_in(self) -> set[str]:
        policy = self._events.describe_event_bus(Name=self._name).get("Policy") or "{}"
        found = re.findall(r'"Principal": *[^}]*?(\d{12})', policy)
        assert len(found) == len(json.loads(policy).get("Statement", []))
        return set(found)


_buses = count()


@pytest.fixture(params=["fake", "moto", "ministack"])
def inside(request: pytest.FixtureRequest) -> Inside:
    if request.param == "fake":
        return FakeInside()
    if request.param == "moto":
        request.getfixturevalue("moto")
        return RealInside(boto3.client("events"), BUS)
    cloud: MiniStack = request.getfixturevalue("ministack")
    return RealInside(cloud.client("events"), f"{BUS}-{next(_buses)}")


def test_an_account_is_let_in_once_and_shut_out_again(inside: Inside) -> None:
    for _ in range(2):
        inside.entrance.let_in(ours(1))
    inside.entrance.let_in(ours(2))
    assert inside.let_in() == {ours(1).aws_account_id, ours(2).aws_account_id}

    for _ in range(2):
        inside.entrance.shut(ours(1))
    assert inside.let_in() == {ours(2).aws_account_id}


def test_shutting_where_nobody_was_ever_let_in_is_fine(inside: Inside) -> None:
    inside.entrance.shut(ours(1))

    assert inside.let_in() == set()
    assert inside.entrance.has_room()


def test_another_aws_account_of_an_account_takes_the_place_of_the_first(inside: Inside) -> None:
    inside.entrance.let_in(ours(1))
    inside.entrance.let_in(ours(1).model_copy(update={"aws_account_id": "399999999999"}))

    assert inside.let_in() == {"399999999999"}


@pytest.mark.parametrize("spare", [0, 3])
def test_there_is_room_until_those_on_their_way_would_fill_the_policy(
    moto: None, spare: int
) -> None:
    events = boto3.client("events")
    events.create_event_bus(Name=BUS)
    entrance = EventBridgeEntrance(events, BUS, spare=spare)
    let_in = 0
    while entrance.has_room():
        entrance.let_in(ours(let_in))
        let_in += 1

    policy = events.describe_event_bus(Name=BUS)["Policy"]
    assert 25 <= let_in <= 50
    assert len(policy) + spare * eventbridge.STATEMENT_BYTES <= eventbridge.MOST_BYTES
    entrance.shut(ours(0))
    entrance.shut(ours(1))
    assert entrance.has_room()


def test_a_statement_takes_no_more_than_is_reckoned_with(moto: None) -> None:
    events = boto3.client("events")
    events.create_event_bus(Name=f"{'p' * 31}-entrance")
    long = ours().model_copy(update={"account_id": "a" * 64})
    EventBridgeEntrance(events, f"{'p' * 31}-entrance").let_in(long)

    policy = events.describe_event_bus(Name=f"{'p' * 31}-entrance")["Policy"]
    (statement,) = json.loads(policy)["Statement"]
    assert len(json.dumps(statement)) < eventbridge.STATEMENT_BYTES


def test_a_policy_that_is_full_says_so(moto: None) -> None:
    events = boto3.client("events")
    events.create_event_bus(Name=BUS)
    with injected(refused("PolicyLengthExceededException")), pytest.raises(StackFailedError):
        EventBridgeEntrance(events, BUS).let_in(ours())
    full = FakeEntranceBus(most=1, inside={"a-9": "399999999999"})
    with pytest.raises(StackFailedError):
        full.let_in(ours())


def test_an_organisation_that_is_let_in_as_a_whole_needs_nothing_for_an_account() -> None:
    entrance = OpenEntrance()
    with recorded() as calls:
        for each in range(1000):
            entrance.let_in(ours(each))
        assert entrance.has_room()
        entrance.shut(ours())

    assert calls.operations == []
