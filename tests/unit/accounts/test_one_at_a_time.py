"""A move and a teardown of one account: whichever comes first, the other one is kept out."""

import copy
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from tenantry.accounts.closing import Closing
from tenantry.accounts.model import ACCOUNT_READ, Account, Kind, Operation
from tenantry.accounts.moving import Moving
from tenantry.errors import ConflictError, PlanChangedError, TenantryError, UnavailableError
from tenantry.messaging.stamp import Stamp
from tenantry.organizations.hosting import OrganizationHosting
from tests.support.clock import FakeClock, FakeIds
from tests.support.fakes.copies import FakeCopies
from tests.support.fakes.table import InMemoryTable
from tests.unit.accounts.conftest import GRACE, OPERATOR, OWNER, REASON
from tests.unit.accounts.moves import FORWARD, MADE_BY, MoveWorld
from tests.unit.accounts.test_closing import cancel
from tests.unit.accounts.test_moving import settled, where_it_lives

AT_WORK = [(to, each) for to, made in MADE_BY.items() for each in (*made, *FORWARD)]


def moving_in(world: MoveWorld) -> FakeCopies:
    copies = FakeCopies()
    minute = timedelta(minutes=1)
    kept = timedelta(days=7)
    world.moving = Moving(world.provisioning, copies, minute, 10 * minute, kept, pages=2, little=1)
    return copies


@pytest.fixture
def world(clock: FakeClock) -> MoveWorld:
    made = MoveWorld(clock)
    made.found()
    return made


@pytest.fixture
def copies(world: MoveWorld) -> FakeCopies:
    return moving_in(world)


def asked(world: MoveWorld, account: Account, plan: str | None = None) -> Operation:
    plan = plan or world.teardowns.plan(OWNER, account.account_id).hash
    operation = world.teardowns.request(OWNER, account.account_id, plan=plan).operation
    assert operation
    return operation


def approved(world: MoveWorld, account: Account, operation: Operation) -> None:
    given = {"approvalId": operation.approval_id}
    world.teardowns.approve(OPERATOR, account.account_id, given, as_operator=True, reason=REASON)


def torn_down(world: MoveWorld, account: Account) -> None:
    approved(world, account, asked(world, account))
    world.clock.advance(2 * GRACE)
    world.goes_on()
    assert world.account(account.account_id).status == "deleted"
    assert world.stacks.made == {}


@pytest.mark.parametrize(("to", "function"), AT_WORK)
def test_while_a_move_is_at_work_nobody_plans_or_asks_for_the_end(
    world: MoveWorld, copies: FakeCopies, to: str, function: str
) -> None:
    account = settled(world, copies, at="public" if to == "private" else "private")
    plan = world.teardowns.plan(OWNER, account.account_id).hash
    refused = list[str]()

    def meanwhile(name: str, call: Callable[[], Any]) -> Any:
        if name == function and not refused:
            for command in (
                lambda: world.teardowns.plan(OWNER, account.account_id),
                lambda: world.teardowns.request(OWNER, account.account_id, dry_run=True),
                lambda: world.teardowns.request(OWNER, account.account_id, plan=plan),
            ):
                with pytest.raises(ConflictError):
                    command()
                refused.append(name)
        return call()

    world.fault = meanwhile
    world.move(account, to)
    world.goes_on()

    assert len(refused) == 3
    where_it_lives(world, account)
    assert world.account(account.account_id).cloud_type == to
    torn_down(world, account)


def test_a_move_that_waits_keeps_the_end_out_and_its_cancellation_is_its_own(
    world: MoveWorld, copies: FakeCopies
) -> None:
    account = settled(world, copies)
    plan = world.teardowns.plan(OWNER, account.account_id).hash
    waits = world.move(account, "private")

    with pytest.raises(ConflictError):
        world.teardowns.request(OWNER, account.account_id, plan=plan)
    given_up = world.service.cancel(OWNER, account.account_id).operation

    assert given_up
    assert (given_up.operation_id, given_up.status) == (waits.operation_id, "CANCELLED")
    torn_down(world, account)


@pytest.mark.parametrize("until", ["asked for", "approved", "due"])
def test_a_teardown_keeps_moves_out(world: MoveWorld, copies: FakeCopies, until: str) -> None:
    account = settled(world, copies)
    operation = asked(world, account)
    if until != "asked for":
        approved(world, account, operation)
    if until == "due":
        world.clock.advance(2 * GRACE)

    with pytest.raises(ConflictError):
        world.move(account, "private")

    assert world.operation(world.account(account.account_id)).kind is Kind.TEARDOWN


@pytest.mark.parametrize("to", ["private", "public"])
@pytest.mark.parametrize("function", ["BACKFILL", "CATCH_UP", "FENCE", "COPY_TAIL", "FLIP", "OPEN"])
def test_what_something_else_closes_is_not_opened_by_a_move(
    world: MoveWorld, copies: FakeCopies, to: str, function: str
) -> None:
    """Also when whoever closed it has not looked whether a move is at work."""
    account = settled(world, copies, at="public" if to == "private" else "private")
    closed = list[str]()

    def meanwhile(name: str) -> None:
        if name == function and not closed:
            hosted = world.hosted()
            shut = world.hosting.routed(hosted, {**hosted.route, "state": "closing"})
            world.accounts.reroute(shut)
            closed.append(name)

    world.meanwhile = meanwhile
    world.move(account, to)
    world.goes_on(20)

    assert closed
    assert world.hosted().route["state"] == "closing"
    assert world.hosted().route["kind"] == account.cloud_type
    assert world.operation(world.account(account.account_id)).status == "FAILED"


@pytest.mark.parametrize("state", ["moving", "deleting"])
def test_a_place_that_is_not_open_is_not_closed_by_an_approval(
    world: MoveWorld, copies: FakeCopies, state: str
) -> None:
    account = settled(world, copies)
    operation = asked(world, account)
    hosted = world.hosted()
    world.accounts.reroute(world.hosting.routed(hosted, {**hosted.route, "state": state}))

    with pytest.raises(ConflictError):
        approved(world, account, operation)

    assert world.hosted().route["state"] == state
    assert world.account(account.account_id).status == "active"


# at once


@dataclass
class Turns:
    """Lets two people's commands at the table by a schedule, a call at a time."""

    order: list[int] = field(default_factory=list)
    made: list[int] = field(default_factory=list)
    """Whose calls came, in their order."""
    _now: threading.Condition = field(default_factory=threading.Condition)
    _who: threading.local = field(default_factory=threading.local)
    _over: set[int] = field(default_factory=set)

    def take(self) -> None:
        who = getattr(self._who, "number", None)
        if who is None:
            return
        with self._now:
            assert self._now.wait_for(lambda: self._is_next(who), timeout=10)
            self.made.append(who)
            if who in self.order:
                self.order.remove(who)
            self._now.notify_all()

    def _is_next(self, who: int) -> bool:
        left = [each for each in self.order if each not in self._over]
        return not left or left[0] == who

    def at_once(self, *commands: Callable[[], Any]) -> list[Any]:
        """What each command answers, or the refusal that it meets."""
        answers: list[Any] = [None] * len(commands)

        def run(number: int) -> None:
            self._who.number = number
            try:
                answers[number] = commands[number]()
            except TenantryError as refused:
                answers[number] = refused
            finally:
                with self._now:
                    self._over.add(number)
                    self._now.notify_all()

        threads = [threading.Thread(target=run, args=(n,)) for n in range(len(commands))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers


class TakenInTurns(InMemoryTable):
    turns: Turns | None = None

    def get(self, key: Any) -> Any:
        if str(key["PK"]).startswith("ACCOUNT#"):
            self._turn()
        return super().get(key)

    def get_all(self, keys: Any) -> Any:
        if any(str(each["PK"]).startswith("ACCOUNT#") for each in keys):
            self._turn()
        with self._lock:
            return [InMemoryTable.get(self, key) for key in keys]

    def transact(self, writes: Any, token: str | None = None) -> None:
        self._turn()
        super().transact(writes, token)

    def _turn(self) -> None:
        if self.turns:
            self.turns.take()


def schedules(mine: int, others: int) -> Iterator[Sequence[int]]:
    """Every order of so many calls of one and so many of another."""
    for chosen in itertools.combinations(range(mine + others), mine):
        yield [0 if at in chosen else 1 for at in range(mine + others)]


def test_of_a_move_and_a_teardown_at_once_exactly_one_begins() -> None:
    """In every order in which what they read and write of the account can come to the table."""
    table = TakenInTurns()
    world = MoveWorld(FakeClock(), table=table)
    world.found()
    account = settled(world, moving_in(world))
    its, to = account.account_id, {"to": "private"}
    of_move = world.service.move(OWNER, its, to, dry_run=True).plan
    assert of_move
    stood = copy.deepcopy(table.items)

    def raced(order: Sequence[int]) -> tuple[Operation, Turns]:
        """Which one begins."""
        table.items = copy.deepcopy(stood)
        table.turns = turns = Turns(list(order))
        answers = turns.at_once(
            lambda: world.service.move(OWNER, its, to, plan=of_move.hash).operation,
            lambda: asked(world, account),
        )
        table.turns = None
        begun = [each for each in answers if isinstance(each, Operation)]
        refused = [each for each in answers if isinstance(each, ConflictError | PlanChangedError)]
        assert (len(begun), len(refused)) == (1, 1), (order, answers)
        assert world.account(its).operation_id == begun[0].operation_id
        at_work = [
            item
            for item in table.items.values()
            if item.get("entity_type") == "AccountOperation"
            and item["status"] in ("PENDING", "RUNNING", "AWAITING_APPROVAL")
        ]
        assert len(at_work) == 1, order
        return begun[0], turns

    alone = [raced([each] * 30)[1].made.count(each) for each in (0, 1)]
    winners = {raced(order)[0].kind for order in schedules(*alone)}
    assert winners == {Kind.MOVE, Kind.TEARDOWN}


def test_what_a_command_finds_is_the_operation_that_was_begun_last(
    world: MoveWorld, copies: FakeCopies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when that was begun between its first reading and its second one."""
    account = settled(world, copies)
    who = world.service.who(OWNER, ACCOUNT_READ, as_operator=False)
    read, begun = world.accounts.get, list[str]()

    def get(account_id: str) -> Account | None:
        found = read(account_id)
        if not begun:
            begun.append(account_id)
            world.move(account, "private")
        return found

    monkeypatch.setattr(world.accounts, "get", get)
    found, operation = world.service.current(who, account.account_id)

    assert found.operation_id == operation.operation_id
    assert operation.kind is Kind.MOVE


def test_an_organisation_that_is_cancelled_while_a_move_begins_ends_after_it(
    world: MoveWorld, copies: FakeCopies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The move's command has seen the organisation before it was cancelled."""
    account = settled(world, copies)
    plan = world.service.move(OWNER, account.account_id, {"to": "private"}, dry_run=True).plan
    assert plan
    seen = world.hosted()
    cancel(world)
    closing = Closing(world.accounts, world.hosting, Stamp(world.clock, FakeIds("c")))
    held, begun = world.accounts.of, list[str]()

    def of(tenant_id: str) -> Account | None:
        found = held(tenant_id)
        if not begun:
            begun.append(tenant_id)
            with monkeypatch.context() as earlier:
                earlier.setattr(OrganizationHosting, "find", lambda *_: seen)
                world.service.move(
                    OPERATOR,
                    account.account_id,
                    {"to": "private"},
                    as_operator=True,
                    plan=plan.hash,
                    reason=REASON,
                )
        return found

    monkeypatch.setattr(world.accounts, "of", of)
    with pytest.raises(UnavailableError):
        closing.begin("acme")

    assert world.operation(world.account(account.account_id)).kind is Kind.MOVE
