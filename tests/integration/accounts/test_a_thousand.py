"""A thousand organisations ask for an account at once: each gets it, in turn, none twice."""

import random
from datetime import timedelta

from tenantry.accounts.model import ProvisioningStatus
from tests.support.clock import FakeClock
from tests.unit.accounts.conftest import World
from tests.unit.accounts.test_line import ask

ASKING, PLACES, SEED = 1_000, 10, 20261126


def test_a_thousand_requests_queue_fairly_and_none_is_lost() -> None:
    """Every fifth hand-off that moves the line up is dropped; the sweep comes every few minutes."""
    world = World(FakeClock(), places=PLACES)
    lost = random.Random(SEED)  # which hand-off is lost, the same each time
    asked = [ask(world, number) for number in range(ASKING)]
    most = idle = 0

    while idle < 3:
        if lost.random() < 0.2:
            world.clock.advance(timedelta(minutes=1))
            world.line.sweep()
            continue
        idle = 0 if world.line.move_up() else idle + 1
        most = max(most, world.places_taken)
        world._run_started()

    assert most == PLACES
    assert [each.account_id for each in world.executions.started] == asked
    assert {world.account(each).status for each in asked} == {ProvisioningStatus.ACTIVE}
    assert world.places_taken == 0
