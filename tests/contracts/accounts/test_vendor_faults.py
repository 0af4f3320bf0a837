"""Whatever goes wrong with whichever call, an order makes one account, and it ends closed.

Organizations and Service Catalog are the edge's own, in this process and without a network, so
that every call can be tried: what they leave out of AWS, the local cloud leaves out as well.
"""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from ministack.core.responses import _request_account_id
from ministack.services import iam, organizations

from localcloud.edge import organization_accounts, organization_requests, service_catalog
from tenantry.accounts.vending import AccountVendor, Order, Progress, State, VendorKind
from tenantry.accounts.vendors.control_tower import ControlTowerVendor
from tenantry.accounts.vendors.management import Keys, ManagementAccount
from tenantry.accounts.vendors.organizations import OrganizationsVendor
from tenantry.bootstrap import CONFIG
from tenantry.errors import UnavailableError
from tests.support.clock import FakeClock
from tests.support.fakes.vending import LOOKING, SETTINGS
from tests.support.faults import (
    Answer,
    Call,
    Calls,
    Fault,
    Send,
    Stopped,
    answered,
    error_answer,
    injected,
    stop_after,
    stop_before,
)

MANAGEMENT = "111111111111"
TRIES = 4
"""Of the SDK, for one call: a fault that the adapter is to see outlives them."""
KINDS = [VendorKind.ORGANIZATIONS, VendorKind.CONTROL_TOWER]


@cache
def client(service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]  # any service, by name
        config=CONFIG,
        aws_access_key_id=MANAGEMENT,
        aws_secret_access_key="test",
        region_name="eu-central-1",
    )


class Clients:
    def organizations(self, keys: Keys) -> Any:
        return client("organizations")

    def servicecatalog(self, keys: Keys) -> Any:
        return client("servicecatalog")

    def sts(self, keys: Keys) -> Any:
        return client("sts")


class Organization:
    """An organisation with two units, and who makes its accounts."""

    def __init__(self, kind: VendorKind) -> None:
        organizations.reset()
        service_catalog.reset()
        iam._roles.clear()
        with injected(served):
            ours = client("organizations")
            root = ours.list_roots()["Roots"][0]["Id"]
            units = [
                ours.create_organizational_unit(ParentId=root, Name=name)["OrganizationalUnit"]
                for name in ("Tenants", "Quarantine")
            ]
        self.settings = SETTINGS.model_copy(
            update={
                "kind": kind,
                "unit": units[0]["Id"],
                "quarantine_unit": units[1]["Id"],
                "required_policy": "p-FullAWSAccess",
                "product_id": "prod-factory",
                "artifact_id": "pa-factory",
                "unit_name": "Tenants",
                "sso_email": "owner@example.com",
            }
        )
        self.order = self.settings.order("acme", "a-1")
        self.made: str | None = None

    def vendor(self) -> AccountVendor:
        """As another process has it."""
        its, clock = self.settings, FakeClock()
        management = ManagementAccount(client("sts"), its, clock, Clients())
        if its.kind is VendorKind.CONTROL_TOWER:
            return ControlTowerVendor(management, its, clock)
        return OrganizationsVendor(management, its, clock)

    def live(self, *faults: Fault) -> Calls:
        """The life of an account, each step asked for until it is done. What ends it begins when
        it has been made, and is gone on with from there."""
        with injected(*faults, served) as calls:
            vendor, order = self.vendor(), self.order
            if self.made is None:
                account = _made(vendor, order)
                _again(lambda: vendor.place(order, account))
                assert _again(lambda: vendor.access(account, LOOKING)).aws_account_id == account
                self.made = account
            ends = self.made
            _ended(lambda: vendor.release(ends))
            _again(lambda: vendor.quarantine(ends))
            _ended(lambda: vendor.close(ends))
        return calls

    def ended_well(self) -> None:
        """One account was made; it is closed, in quarantine, and nothing governs it."""
        token = _request_account_id.set(MANAGEMENT)
        try:
            made = [a for a in organizations._accounts.values() if a["Email"] == self.order.email]
            assert [(a["Status"], a["_ParentId"]) for a in made] == [
                ("SUSPENDED", self.settings.quarantine_unit)
            ]
            assert len(organizations._accounts) == 2  # with the management account itself
            assert list(service_catalog._products.values()) == []
        finally:
            _request_account_id.reset(token)


def _again[T](ask: Callable[[], T]) -> T:
    for _ in range(20):
        try:
            return ask()
        except UnavailableError:
            continue
    return pytest.fail("unavailable for good")


def _ended(ask: Callable[[], Progress]) -> Progress:
    for _ in range(50):
        progress = _again(ask)
        if progress.is_over:
            assert progress.state is State.DONE, progress
            return progress
    return pytest.fail(f"never ended: {progress}")


def _made(vendor: AccountVendor, order: Order) -> str:
    """As a step does it: begin, then look with what was answered, and begin again what waits."""
    for _ in range(20):
        begun = _again(lambda: vendor.begin(order))
        for _ in range(20):
            if begun.state is not State.RUNNING:
                break
            begun = _again(partial(vendor.look, order, begun.request))
        if begun.state is State.DONE:
            assert begun.aws_account_id
            return begun.aws_account_id
        assert begun.state is State.WAITING, begun
    return pytest.fail("never made")


# what answers instead of a network


def served(call: Call, send: Send) -> Answer:
    if call.service == "sts":
        return _assume(call)
    handlers: dict[str, Any] = {
        "organizations": organizations.handle_request,
        "servicecatalog": service_catalog.handle_request,
    }
    headers = {key.lower(): _text(value) for key, value in call.request.headers.items()}
    token = _request_account_id.set(MANAGEMENT)
    try:
        status, _, body = asyncio.run(
            handlers[call.service]("POST", "/", headers, call.request.body, {})
        )
    finally:
        _request_account_id.reset(token)
    content = json.loads(body)
    if status < 300:
        return answered(call, content)
    return error_answer(call, content["__type"].rpartition("#")[2], status)


def _assume(call: Call) -> Answer:
    body = call.request.body
    asked = dict(each.split("=") for each in _text(body).split("&")) if body else {}
    account, role = asked["RoleArn"].split("%3A")[4], asked["RoleArn"].rpartition("%2F")[2]
    if account != MANAGEMENT:
        token = _request_account_id.set(account)
        try:
            shut = organization_accounts._is_closed(account) or role not in iam._roles
        finally:
            _request_account_id.reset(token)
        if shut:
            return error_answer(call, "AccessDenied", 403)
    keys = {
        "AccessKeyId": account,
        "SecretAccessKey": "test",
        "SessionToken": "token",
        "Expiration": datetime.now(UTC) + timedelta(hours=1),
    }
    answer, none = answered(call, {})
    assert answer
    answer[1]["Credentials"] = keys
    return answer, none


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@pytest.fixture(scope="module", autouse=True)
def _edge() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(organizations, "_DISPATCH", dict(organizations._DISPATCH))
        organization_accounts.install()
        organization_requests.install()
        patch.setattr(organization_requests, "SECONDS", 0.0)
        yield


# what goes wrong


class At:
    """Stands in the way of the `number`-th calls of an operation, and of the SDK's repetitions."""

    def __init__(self, operation: str, number: int, fault: Fault, times: int = TRIES) -> None:
        self._operation, self._fault = operation, fault
        self._first, self._times = number, times
        self._seen = 0
        self.hits = 0

    def __call__(self, call: Call, send: Send) -> Answer:
        if call.operation == self._operation:
            self._seen += 1
            if self._first <= self._seen < self._first + self._times:
                self.hits += 1
                return self._fault(call, send)
        return send()


def _error(call: Call, send: Send) -> Answer:
    return error_answer(call, "ServiceUnavailable", 503)


def _timeout(call: Call, send: Send) -> Answer:
    return None, ReadTimeoutError(endpoint_url=call.endpoint)


def _throttle(call: Call, send: Send) -> Answer:
    organization = call.service == "organizations"
    return error_answer(call, "TooManyRequestsException" if organization else "ThrottlingException")


def _changing(call: Call, send: Send) -> Answer:
    organization = call.service == "organizations"
    code = "ConcurrentModificationException" if organization else "RequestLimitExceeded"
    return error_answer(call, code)


def _lost(call: Call, send: Send) -> Answer:
    send()
    return None, ReadTimeoutError(endpoint_url=call.endpoint)


FAULTS: dict[str, tuple[Fault, int]] = {
    "an error": (_error, TRIES),
    "no answer, no effect": (_timeout, TRIES),
    "throttled": (_throttle, TRIES),
    "changed by another": (_changing, 1),
    "one answer lost": (_lost, 1),
    "every answer lost": (_lost, TRIES),
}
OPERATIONS = {
    VendorKind.ORGANIZATIONS: [
        "AssumeRole",
        "CloseAccount",
        "CreateAccount",
        "DescribeAccount",
        "DescribeCreateAccountStatus",
        "ListAccounts",
        "ListCreateAccountStatus",
        "ListParents",
        "ListPoliciesForTarget",
        "ListTagsForResource",
        "MoveAccount",
        "TagResource",
    ],
    VendorKind.CONTROL_TOWER: [
        "AssumeRole",
        "CloseAccount",
        "DescribeAccount",
        "DescribeProvisionedProduct",
        "DescribeRecord",
        "ListAccounts",
        "ListParents",
        "ListPoliciesForTarget",
        "ListTagsForResource",
        "MoveAccount",
        "ProvisionProduct",
        "SearchProvisionedProducts",
        "TagResource",
        "TerminateProvisionedProduct",
    ],
}
CALLED = [(kind, operation) for kind in KINDS for operation in OPERATIONS[kind]]


@pytest.mark.parametrize("kind", KINDS)
def test_these_are_all_calls_there_are(kind: VendorKind) -> None:
    world = Organization(kind)

    calls = world.live()

    world.ended_well()
    assert sorted(set(calls.operations)) == OPERATIONS[kind]


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize(("kind", "operation"), CALLED)
def test_one_account_is_made_and_closed_whatever_fails(
    kind: VendorKind, operation: str, what: str
) -> None:
    fault, times = FAULTS[what]
    for number in itertools.count(1):
        world, at = Organization(kind), At(operation, number, fault, times)
        world.live(at)
        world.ended_well()
        if not at.hits:
            assert number > 1, f"{operation} was never called"
            break


@pytest.mark.parametrize("stop", [stop_before, stop_after], ids=["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_process_that_stops_at_any_call_is_gone_on_with_by_another(
    kind: VendorKind, stop: Callable[[int], Fault]
) -> None:
    for number in itertools.count(1):
        world = Organization(kind)
        try:
            world.live(stop(number))
        except Stopped:
            world.live()
            world.ended_well()
        else:
            assert number > 15
            break
