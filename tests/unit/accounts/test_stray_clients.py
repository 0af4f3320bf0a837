"""Clients of the user pool's that nobody acts by: what a sweep removes, and leaves alone."""

from datetime import timedelta

import pytest

from tenantry.accounts import stray_clients
from tenantry.accounts.model import Account, Names
from tenantry.accounts.stray_clients import StrayClients, Swept
from tests.unit.accounts.conftest import OWNER, World

HOUR = timedelta(hours=1)


@pytest.fixture
def account(world: World) -> Account:
    made = world.request("public")
    world.goes_on()
    return world.account(made.account_id)


@pytest.fixture
def removed() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def strays(world: World, removed: list[tuple[str, str]]) -> StrayClients:
    return StrayClients(
        world.clients,
        world.accounts,
        world.machines,
        world.clock,
        report=lambda client_id, account_id: removed.append((client_id, account_id)),
    )


def test_one_that_was_made_and_never_bound_goes_after_an_hour_and_is_told_of(
    world: World, account: Account, strays: StrayClients, removed: list[tuple[str, str]]
) -> None:
    (bound,) = world.clients.made
    lost = world.clients.make(account, 2)

    world.clock.advance(HOUR - timedelta(seconds=1))
    assert strays.sweep() == Swept(0, waiting=1)
    world.clock.advance(timedelta(seconds=1))
    assert strays.sweep() == Swept(1)

    assert removed == [(lost, account.account_id)]
    assert list(world.clients.made) == [bound]
    assert strays.sweep() == Swept()


def test_what_is_bound_stays_however_old_and_whoever_has_seen_its_secret(
    world: World, account: Account, strays: StrayClients
) -> None:
    """The one nobody has seen, then two of which the older is in its grace."""
    for grace in (None, 604_800, 604_800):
        if grace:
            world.technical_users.issue(OWNER, account.account_id, {"graceSeconds": grace})
        acting = {each.client_id for each in world.users.lasting(account)}
        world.clock.advance(2 * HOUR)
        assert strays.sweep() == Swept()
        assert set(world.clients.made) == acting


def test_one_whose_grace_is_over_goes_though_nobody_asks_for_others(
    world: World, account: Account, strays: StrayClients
) -> None:
    first = world.technical_users.issue(OWNER, account.account_id, {}).machine.client_id
    world.technical_users.issue(OWNER, account.account_id, {"graceSeconds": 7200})

    world.clock.advance(2 * HOUR - timedelta(seconds=1))
    assert strays.sweep() == Swept()
    world.clock.advance(timedelta(seconds=1))
    assert strays.sweep() == Swept(1)
    assert first not in world.clients.made


def test_one_of_an_account_that_nobody_knows_goes_too(
    world: World, account: Account, strays: StrayClients
) -> None:
    world.clients.make(account.model_copy(update={"account_id": "unheard-of"}), 1)
    world.clock.advance(HOUR)

    assert strays.sweep() == Swept(1)


def test_a_run_removes_so_many_and_the_next_one_goes_on(
    world: World, account: Account, strays: StrayClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stray_clients, "_MOST", 3)
    for number in range(2, 7):
        world.clients.make(account, number)
    world.clock.advance(HOUR)

    assert [strays.sweep().removed for _ in range(3)] == [3, 2, 0]
    assert len(world.clients.made) == 1


def test_an_end_of_the_account_leaves_none(
    world: World, account: Account, strays: StrayClients
) -> None:
    """Undone in the middle: what the step had made and not bound is nobody's."""
    world.users.end(account, lambda data, _client: world.service.stamp.event(data, OWNER.cause))
    world.clients.make(account, 2)
    world.clock.advance(HOUR)

    strays.sweep()
    assert world.clients.made == {}


@pytest.mark.parametrize(
    ("name", "account_id"),
    [
        ("tenantry-technical-user-a-1-12", "a-1"),
        ("tenantry-technical-user-a-1", "a"),
        ("tenantry-technical-user-1", None),
        ("tenantry-technical-user-a-1-", None),
        ("tenantry-technical-user-a-x", None),
        ("tenantry-web", None),
        ("other-technical-user-a-1", None),
        ("", None),
    ],
)
def test_whose_a_client_is_its_name_says(name: str, account_id: str | None) -> None:
    assert Names.account_of_client("tenantry", name) == account_id


def test_a_name_is_read_as_it_was_written() -> None:
    for its in ("a", "a-1", "a-1-1"):
        written = Names("tenantry", its).technical_user(3)
        assert Names.account_of_client("tenantry", written) == its
