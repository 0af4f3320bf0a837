"""An organisation that ended with its account: nobody pays for another period of it."""

from tests.unit.billing.conftest import World


def torn_down(world: World) -> None:
    """As the end of its account leaves it."""
    where = (f"ORG#{world.tenant_id}", "ORGANIZATION")
    world.table.items[where] = {**world.table.items[where], "status": "CANCELLED"}


def test_what_is_paid_for_ends_with_its_period_and_opens_nothing() -> None:
    world = World()
    subscription_id = world.bought()
    torn_down(world)

    assert world.ending.end(world.tenant_id)
    assert world.ending.end(world.tenant_id)  # it may be told twice
    assert world.stripe.objects[subscription_id]["cancel_at_period_end"] is True
    assert world.subscription.closing
    assert world.organization.status == "CANCELLED"

    world.wait(31)
    world.stripe.period_over(subscription_id)
    world.hear()

    assert world.stripe.objects[subscription_id]["status"] == "canceled"
    assert (world.subscription.status, world.organization.status) == ("CANCELLED", "CANCELLED")
    assert world.reports == []


def test_one_that_goes_on_keeps_what_it_pays_for() -> None:
    """The event came late, or of an organisation that was never cancelled."""
    world = World()
    subscription_id = world.bought()

    assert not world.ending.end(world.tenant_id)
    assert world.stripe.objects[subscription_id]["cancel_at_period_end"] is False


def test_who_pays_nothing_is_left_alone() -> None:
    for world in (World(), World(pays=False)):
        torn_down(world)
        assert not world.ending.end(world.tenant_id)
