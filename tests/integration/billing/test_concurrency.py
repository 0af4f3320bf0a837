"""What happens at once, on the local cloud: plans that are changed, and notices that race."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier, Lock
from typing import Any

import pytest

from localcloud.payments.peer import World
from tenantry.billing.dynamodb import DynamoDBSubscriptionRepository
from tenantry.billing.service import BillingService, Ledger
from tenantry.errors import TenantryError, UnavailableError
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.bootstrap import organization_service
from tenantry.organizations.dynamodb import DynamoDBAccess, OrganizationItems
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import new_id
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.metering import Unmetered
from tests.support.clock import FakeClock
from tests.support.fakes.billing import payments_by
from tests.support.invocations import wire
from tests.support.ministack import MiniStack
from tests.support.repetition import KEYS, Kind, used_at_once


def at_once(works: list[Callable[[], Any]]) -> Counter[str]:
    """Run all, none before the others are ready; the codes of what they came to."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], Any]) -> str:
        barrier.wait()
        try:
            work()
        except TenantryError as error:
            return error.code
        return "OK"

    with ThreadPoolExecutor(len(works)) as pool:
        return Counter(pool.map(run, works))


class Shared:
    """One organisation's billing, used by many threads."""

    def __init__(self, table: Table, clock: FakeClock, *, pays: bool) -> None:
        self.world = World(now=lambda: clock().timestamp())
        self.payments = payments_by(self.world)
        self.ledger = Ledger(
            DynamoDBSubscriptionRepository(table, OrganizationItems()),
            Stamp(now=clock, new_id=new_id),
        )
        provider = (lambda: self.payments) if pays else None
        self.service = BillingService(
            DynamoDBAccess(table, Unmetered(), clock), self.ledger, provider
        )
        made = organization_service(table).create(Caller(user_id="ada"), {"name": "Acme"})
        self.tenant_id = made.tenant_id

    @property
    def ada(self) -> Caller:
        return Caller(user_id="ada", tenant_id=self.tenant_id, correlation_id=new_id())

    def update(self, plan: str) -> None:
        self.service.update(self.ada, {"plan": plan})

    @property
    def account(self) -> Any:
        return self.ledger.subscriptions.account(self.tenant_id)


@pytest.fixture
def table(
    ministack: MiniStack, ministack_platform_table: Table, monkeypatch: pytest.MonkeyPatch
) -> Table:
    wire(monkeypatch, PLATFORM_TABLE=ministack_platform_table.name)
    return Table(ministack.client("dynamodb"), ministack_platform_table.name)


def test_of_many_changes_at_once_one_is_made_and_both_items_agree(
    table: Table, clock: FakeClock
) -> None:
    for _ in range(5):
        shared = Shared(table, clock, pays=False)
        plans = ["STARTER", "PROFESSIONAL", "ENTERPRISE", "STARTER"] * 2

        codes = at_once([partial(shared.update, plan) for plan in plans])

        assert codes["OK"] >= 1
        assert set(codes) <= {"OK", "CONFLICT"}
        found = shared.account
        assert found.subscription.plan == found.organization.plan
        assert 1 <= found.subscription.entity_version <= codes["OK"]


def test_of_16_trials_at_once_one_begins(table: Table, clock: FakeClock) -> None:
    shared = Shared(table, clock, pays=False)

    codes = at_once([lambda: shared.service.start_trial(shared.ada, None)] * 16)

    assert codes == {"OK": 1, "CONFLICT": 15}
    assert shared.account.organization.plan == "PROFESSIONAL"


@pytest.mark.parametrize("seed", range(3))
def test_notices_that_race_with_what_happens_end_as_stripe_says(
    table: Table, clock: FakeClock, seed: int
) -> None:
    """Eight workers ask while the subscription changes; one more asks when all is quiet."""
    shared, dice, lock = Shared(table, clock, pays=True), random.Random(seed), Lock()
    url = shared.service.checkout(shared.ada, {"plan": "STARTER"})
    found = shared.world.pay(url.rpartition("/")[2])["id"]
    statuses = [dice.choice(["active", "past_due"]) for _ in range(40)]

    def worker() -> None:
        for _ in range(5):
            with lock:
                shared.world.objects[found]["status"] = statuses.pop()
            try:
                shared.ledger.settle(shared.tenant_id, shared.payments, Cause())
            except UnavailableError:  # it comes again from the queue
                continue

    assert at_once([worker] * 8) == {"OK": 8}
    last = shared.world.objects[found]["status"]
    clock.advance(timedelta(seconds=1))
    shared.ledger.settle(shared.tenant_id, shared.payments, Cause())

    expected = {"active": "ACTIVE", "past_due": "PAST_DUE"}[last]
    assert shared.account.subscription.status == expected
    assert shared.account.organization.plan == "STARTER"


@pytest.mark.figures
def test_many_subscriptions_changed_four_times_at_once_agree_with_their_organisations(
    table: Table, clock: FakeClock
) -> None:
    """What is asked for is the key: a plan that is had already changes nothing (row 14)."""
    shared = Shared(table, clock, pays=False)
    founded = [
        organization_service(table).create(Caller(user_id=f"u-{n}"), {"name": f"Acme {n}"})
        for n in range(KEYS)
    ]
    plans = ("STARTER", "PROFESSIONAL", "ENTERPRISE", "PROFESSIONAL")

    def update(number: int, content: int) -> None:
        caller = Caller(user_id=f"u-{number}", tenant_id=founded[number].tenant_id)
        shared.service.update(caller, {"plan": plans[content]})

    for used in used_at_once(update):
        account = shared.ledger.subscriptions.account(founded[used.key].tenant_id)
        assert account.subscription.plan == account.organization.plan
        if used.kind is Kind.OTHER:
            assert used.codes["OK"] >= 1, used
            assert account.subscription.entity_version <= used.codes["OK"], used
        else:
            assert account.organization.plan == "STARTER"
            assert account.subscription.entity_version == 1, used
        assert used.codes.keys() <= {"OK", "CONFLICT"}, used
