"""The ledger as a state machine: no sequence of commands leads it anywhere that it must not be."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tenantry.accounts.model import (
    COURSES,
    Kind,
    Names,
    Operation,
    OperationStatus,
    ProvisioningStatus,
    StepName,
    StepState,
)
from tenantry.errors import ConflictError
from tests.support.accounts import account, operation
from tests.support.clock import START, FakeClock

STEPS = COURSES[Kind.PROVISION].steps
# Which steps leave something behind, and from which on there is no way back.
LEAVE_SOMETHING = {"RESERVE", "CREATE", "CONFIGURE", "SEED", "VERIFY"}
COMMITS = "ACTIVATE"

type Move = Callable[[Operation, StepName, datetime], Operation]


def _whole(move: Callable[[Operation, datetime], Operation]) -> Move:
    return lambda operation, _step, now: move(operation, now)


def _stepwise(move: Callable[[Operation, StepName, datetime], Operation]) -> Move:
    return move


MOVES: dict[str, Move] = {
    "begun": _whole(Operation.begun),
    "taken_up": _whole(Operation.taken_up),
    "beaten": _whole(Operation.beaten),
    "step_begun": _stepwise(Operation.step_begun),
    "step_done": _stepwise(Operation.step_done),
    "compensating": _whole(lambda found, now: found.compensating("X", "x", now)),
    "undoing": _stepwise(Operation.undoing),
    "undone": _stepwise(Operation.undone),
    "succeeded": _whole(Operation.succeeded),
    "compensated": _whole(Operation.compensated),
    "retried": _whole(Operation.retried),
    "cancelled": _whole(Operation.cancelled),
}


class LedgerMachine(RuleBasedStateMachine):
    """Commands in any order, sensible or not; `there` is what the steps have left in the world."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.now: Operation = operation()
        self.there: set[str] = set()
        self.highest_version = 1

    def _try(self, move: str, step: StepName) -> None:
        self.clock.advance(timedelta(seconds=1))
        before = self.now
        try:
            after = MOVES[move](before, step, self.clock())
        except ConflictError:
            assert self.now == before
            return
        assert after.entity_version == before.entity_version + 1
        assert after.run >= before.run
        if move == "step_begun":
            self.there.add(step.value)  # it may have its effect from now on
        if move == "undone":
            self.there.discard(step.value)
        self.now = after

    @rule(move=st.sampled_from(sorted(MOVES)), step=st.sampled_from(STEPS))
    def anything(self, move: str, step: StepName) -> None:
        self._try(move, step)

    @precondition(lambda self: self.now.status is OperationStatus.RUNNING and self.now.next_step)
    @rule()
    def one_step_on(self) -> None:
        step = self.now.next_step
        assert step
        self._try("step_begun", step)
        self._try("step_done", step)

    @precondition(lambda self: self.now.next_undo)
    @rule()
    def one_step_back(self) -> None:
        step = self.now.next_undo
        assert step
        self._try("undoing", step)
        self._try("undone", step)

    @rule()
    def start(self) -> None:
        self._try("begun", STEPS[0])

    @invariant()
    def what_is_done_has_everything_before_it_done(self) -> None:
        if self.now.status in (OperationStatus.RUNNING, OperationStatus.SUCCEEDED):
            states = [step.state is StepState.DONE for step in self.now.steps]
            assert states == sorted(states, reverse=True)

    @invariant()
    def an_end_that_is_no_success_leaves_nothing(self) -> None:
        if self.now.status in (OperationStatus.FAILED, OperationStatus.CANCELLED):
            assert not self.there & LEAVE_SOMETHING
            assert self.now.next_undo is None

    @invariant()
    def what_was_activated_is_never_undone(self) -> None:
        if self.now.step(StepName(COMMITS)).state is StepState.DONE:
            assert self.now.status in (OperationStatus.RUNNING, OperationStatus.SUCCEEDED)

    @invariant()
    def success_is_all_of_it(self) -> None:
        if self.now.status is OperationStatus.SUCCEEDED:
            assert self.now.percent == 100
            assert all(step.state is StepState.DONE for step in self.now.steps)

    @invariant()
    def undoing_goes_backwards(self) -> None:
        left = [s for s in self.now.steps if s.name.value in self.there & LEAVE_SOMETHING]
        if self.now.status is OperationStatus.COMPENSATING and left:
            assert self.now.next_undo is left[-1].name


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)


def through(*steps: StepName) -> Operation:
    found = operation().begun(START)
    for step in steps:
        found = found.step_begun(step, START).step_done(step, START)
    return found


def failed_at(step: StepName) -> Operation:
    found = through(*STEPS[: STEPS.index(step)]).step_begun(step, START)
    found = found.compensating("STACK_FAILED", "no", START)
    while name := found.next_undo:
        found = found.undoing(name, START).undone(name, START)
    return found.compensated(START)


@pytest.mark.parametrize(
    ("failed", "goes_on_with"),
    [
        ("VALIDATE", "VALIDATE"),
        ("RESERVE", "RESERVE"),
        ("CREATE", "RESERVE"),
        ("CONFIGURE", "RESERVE"),
        ("SEED", "RESERVE"),
        ("VERIFY", "RESERVE"),
    ],
)
def test_a_retry_goes_on_with_the_first_step_that_is_not_done(
    failed: str, goes_on_with: str
) -> None:
    again = failed_at(StepName(failed)).retried(START)

    assert again.status is OperationStatus.PENDING
    assert again.next_step == goes_on_with
    assert again.step(StepName(failed)).attempts == 1


def test_a_run_is_known_by_its_number() -> None:
    first = operation().begun(START)

    assert first.execution_name == "op-a-1-1"
    assert first.taken_up(START).execution_name == "op-a-1-2"


def test_cancelling_what_runs_waits_for_its_next_step() -> None:
    running = through(StepName.VALIDATE).cancelled(START)

    assert running.status is OperationStatus.RUNNING
    assert running.cancel_requested


def test_an_active_account_is_not_cancelled() -> None:
    with pytest.raises(ConflictError):
        through(*STEPS[:7]).cancelled(START)


def test_a_committed_operation_is_not_turned_round() -> None:
    with pytest.raises(ConflictError):
        through(*STEPS[:7]).compensating("X", "x", START)


@pytest.mark.parametrize(
    ("status", "ways"),
    [
        ("pending", {"creating", "failed", "deleted"}),
        ("creating", {"active", "failed", "deleted"}),
        ("active", {"deleting"}),
        ("failed", {"pending", "deleted", "deleting", "active"}),
        ("deleting", {"deleted", "failed", "active"}),
        ("deleted", set()),
    ],
)
def test_an_account_goes_only_where_it_may(status: str, ways: set[str]) -> None:
    found = account().model_copy(update={"status": ProvisioningStatus(status)})
    taken = set()
    for way in ProvisioningStatus:
        try:
            assert found.moved(way, START).status is way
            taken.add(way.value)
        except ConflictError:
            pass

    assert taken == ways


def test_the_longest_name_is_a_buckets_and_fits() -> None:
    names = Names("p" * 24, "0" * 64)

    assert len(names.processed) <= 63
    assert names.table.startswith(f"{'p' * 24}-account-")
    assert Names("p", "a").own != Names("p", "b").own
