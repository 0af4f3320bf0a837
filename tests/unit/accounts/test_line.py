"""The line: first come, first served, so many at a time, and nobody is forgotten."""

from datetime import timedelta

import pytest

from tenantry.accounts.model import ProvisioningStatus
from tests.support.clock import FakeClock
from tests.unit.accounts.conftest import OPERATOR, REASON, World


def ask(world: World, number: int) -> str:
    tenant_id = f"org-{number:04}"
    world.found(tenant_id, f"u-{number}")
    world.clock.advance(timedelta(seconds=1))
    values = {
        "organizationId": tenant_id,
        "name": "Own",
        "masterAccountName": "Own",
        "cloudType": "public",
    }
    account = world.service.request(OPERATOR, values, as_operator=True, reason=REASON).account
    assert account
    return account.account_id


@pytest.fixture
def narrow(clock: FakeClock) -> World:
    return World(clock, places=3)


def test_so_many_start_and_the_others_wait(narrow: World) -> None:
    asked = [ask(narrow, number) for number in range(5)]

    assert narrow.line.move_up() == 3
    assert narrow.line.move_up() == 0
    assert [op.account_id for op in narrow.executions.started] == asked[:3]
    assert narrow.places_taken == 3


def test_who_ends_lets_the_next_one_in(narrow: World) -> None:
    asked = [ask(narrow, number) for number in range(5)]
    narrow.line.move_up()
    narrow._run_started()

    assert narrow.line.move_up() == 2
    assert [op.account_id for op in narrow.executions.started] == asked


@pytest.mark.figures
def test_many_more_than_there_are_places_all_get_theirs_in_turn(narrow: World) -> None:
    """A thousand of them are in tests/integration/accounts/test_a_thousand.py."""
    asked = [ask(narrow, number) for number in range(60)]
    most = 0
    while narrow.line.move_up():
        most = max(most, narrow.places_taken)
        narrow._run_started()

    assert most == 3
    assert [op.account_id for op in narrow.executions.started] == asked
    assert all(narrow.account(each).status is ProvisioningStatus.ACTIVE for each in asked)
    assert narrow.places_taken == 0


def test_one_who_fails_gives_the_place_back(narrow: World) -> None:
    asked = [ask(narrow, number) for number in range(3)]
    narrow.data.silent = 10**6  # nothing comes through the stream
    narrow.goes_on()

    assert {narrow.account(each).status for each in asked} == {ProvisioningStatus.FAILED}
    assert narrow.places_taken == 0


def test_one_that_runs_quietly_is_left_alone_for_a_while_and_then_stopped(world: World) -> None:
    account = world.request()
    world.line.move_up()
    (run,) = world.executions.started
    world.clock.advance(timedelta(minutes=10))
    world.line.sweep()
    assert world.executions.states == {run.execution_name: "RUNNING"}

    world.clock.advance(timedelta(minutes=25))
    world.line.sweep()

    assert world.executions.states[run.execution_name] == "ABORTED"
    assert world.operation(account).run == 2


def test_one_that_speaks_is_not_looked_at(world: World) -> None:
    world.request()
    world.line.move_up()
    world.clock.advance(timedelta(minutes=4))

    assert world.line.sweep() == 0


def test_two_starters_at_once_start_one_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.request()
    waiting = world.accounts.waiting(5)
    monkeypatch.setattr(world.accounts, "waiting", lambda _limit, _until: waiting)  # a stale read

    assert [world.line.move_up(), world.line.move_up()] == [1, 0]
    assert world.places_taken == 1
