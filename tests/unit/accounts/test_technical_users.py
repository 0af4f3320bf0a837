"""An account's technical user: made with it, bound to its organisation, handed out, replaced."""

from datetime import timedelta
from typing import Any

import pytest

from tenantry.accounts.model import Account, Names
from tenantry.errors import (
    ConflictError,
    InvalidInputError,
    LimitExceededError,
    NotAMemberError,
    NotFoundError,
    TenantryError,
    UnavailableError,
)
from tenantry.organizations.machines import Machine
from tenantry.tenancy.caller import Caller
from tests.unit.accounts.conftest import OPERATOR, OWNER, World

HOUR = timedelta(hours=1)


@pytest.fixture
def account(world: World) -> Account:
    """Active, and nobody has seen its credentials."""
    made = world.request("public")
    world.goes_on()
    return world.account(made.account_id)


def issue(world: World, account: Account, caller: Caller = OWNER, **values: Any) -> Any:
    return world.technical_users.issue(caller, account.account_id, values)


def acts(world: World, client_id: str, tenant_id: str = "acme") -> bool:
    """Whether a token of this client's would be let in now."""
    machine = world.machines.appearing(tenant_id, client_id).machine
    return machine is not None and machine.lasts(world.clock())


def told(world: World) -> list[tuple[str, dict[str, Any], str]]:
    return [
        (event["type"], event["data"], event["actor"]["id"])
        for item in world.table.items.values()
        for event in item.get("events", [])
        if event["type"].startswith("TechnicalUser")
    ]


def test_it_is_made_with_the_account_and_acts_before_anybody_has_its_secret(
    world: World, account: Account
) -> None:
    [client] = world.clients.of(account)
    [(name, data, actor)] = told(world)

    assert acts(world, client.client_id)
    assert (name, data["client_id"], data["is_issued"]) == (
        "TechnicalUserCreated",
        client.client_id,
        False,
    )
    assert actor == "system"


def test_an_account_that_asks_for_none_gets_none(world: World) -> None:
    made = world.request("public", technicalUser=None)
    world.goes_on()

    assert world.clients.made == {}
    assert world.technical_users.look(OWNER, made.account_id)[1] == []
    with pytest.raises(NotFoundError):
        issue(world, world.account(made.account_id))


def test_its_first_credentials_are_those_it_was_made_with(world: World, account: Account) -> None:
    [client] = world.clients.of(account)
    issued = issue(world, account)

    assert issued.machine.client_id == client.client_id
    assert issued.secret == f"secret-of-{client.client_id}"
    [(name, data, actor)] = told(world)
    assert (name, data["client_id"], actor) == ("TechnicalUserIssued", client.client_id, "ada")


def test_asking_again_gives_others_and_the_old_ones_last_for_their_grace(
    world: World, account: Account
) -> None:
    first = issue(world, account).machine.client_id
    second = issue(world, account, graceSeconds=3600).machine.client_id

    assert second != first
    assert acts(world, first)
    assert acts(world, second)
    world.clock.advance(HOUR)
    assert not acts(world, first)
    assert acts(world, second)
    assert {name for name, _, _ in told(world)} == {"TechnicalUserCreated", "TechnicalUserEnded"}


def test_without_grace_the_old_ones_end_at_once_and_are_gone_from_the_pool(
    world: World, account: Account
) -> None:
    first = issue(world, account).machine.client_id
    second = issue(world, account).machine.client_id
    third = issue(world, account, graceSeconds=0).machine.client_id

    assert [acts(world, each) for each in (first, second, third)] == [False, False, True]
    assert [each.client_id for each in world.clients.of(account)] == [third]


def test_what_is_over_leaves_the_pool_with_the_next_ones(world: World, account: Account) -> None:
    first = issue(world, account).machine.client_id
    issue(world, account, graceSeconds=60)
    world.clock.advance(HOUR)
    issue(world, account)

    assert first not in world.clients.made
    assert len(world.clients.of(account)) == 2


def test_a_later_rotation_gives_nothing_more_time(world: World, account: Account) -> None:
    first = issue(world, account).machine.client_id
    issue(world, account, graceSeconds=60)
    issue(world, account, graceSeconds=3600)
    world.clock.advance(timedelta(seconds=60))

    assert not acts(world, first)


def test_a_pool_without_room_undoes_no_account(world: World) -> None:
    world.clients.room = 0
    made = world.request("public")
    world.goes_on()

    account = world.account(made.account_id)
    assert account.status == "active"
    with pytest.raises(LimitExceededError):
        issue(world, account)
    world.clients.room = 1
    assert acts(world, issue(world, account).machine.client_id)


def test_two_act_at_a_time_however_often_somebody_asks(world: World, account: Account) -> None:
    for _ in range(10):
        issue(world, account, graceSeconds=604_800)

    acting = {machine.client_id for machine in world.users.lasting(account)}
    assert len(acting) == 2
    assert {each.client_id for each in world.clients.of(account)} == acting


def test_nothing_ends_before_there_is_a_secret_to_show(
    world: World, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_client_id: str) -> str:
        raise UnavailableError("The user pool is busy right now; try again.")

    first = issue(world, account).machine.client_id
    with monkeypatch.context() as patched:
        patched.setattr(world.clients, "secret", busy)
        with pytest.raises(UnavailableError):
            issue(world, account, graceSeconds=0)

    assert acts(world, first)
    issue(world, account, graceSeconds=0)
    assert not acts(world, first)


def test_credentials_are_shown_when_what_is_over_cannot_be_removed(
    world: World, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_client_id: str) -> None:
        raise UnavailableError("The user pool is busy right now; try again.")

    issue(world, account)
    with monkeypatch.context() as patched:
        patched.setattr(world.clients, "remove", busy)
        issued = issue(world, account, graceSeconds=0)

    assert issued.secret == f"secret-of-{issued.machine.client_id}"
    assert len(world.clients.of(account)) == 2
    issue(world, account, graceSeconds=0)
    assert len(world.clients.of(account)) == 1


def test_one_that_is_gone_from_the_pool_before_anybody_saw_it_is_replaced(
    world: World, account: Account
) -> None:
    world.clients.made.clear()

    issued = issue(world, account, graceSeconds=0)

    assert acts(world, issued.machine.client_id)
    assert len(world.users.lasting(account)) == 1


def test_no_table_or_event_has_a_secret(world: World, account: Account) -> None:
    secrets = [issue(world, account).secret for _ in range(3)]

    assert not [secret for secret in secrets if secret in str(world.table.items)]
    assert "secret" not in repr(issue(world, account))


def test_of_two_who_ask_at_once_one_gets_credentials(world: World, account: Account) -> None:
    issue(world, account)
    save = world.machines.save

    def late(*writes: Any) -> None:
        world.machines.save = save  # type: ignore[method-assign]
        issue(world, account)  # somebody else, meanwhile
        save(*writes)

    world.machines.save = late  # type: ignore[method-assign]
    with pytest.raises(ConflictError):
        issue(world, account)

    lasting = world.users.lasting(account)
    assert [machine.ends_at is None for machine in lasting] == [True, False]
    acting = {machine.client_id for machine in lasting}
    assert {each.client_id for each in world.clients.of(account)} == acting


STRANGER = Caller(user_id="eve", tenant_id="acme")
OTHERS = Caller(user_id="bob", tenant_id="other")


@pytest.mark.parametrize(
    ("caller", "refused"),
    [
        (STRANGER, NotAMemberError),
        (OTHERS, NotFoundError),
        (OPERATOR.model_copy(update={"tenant_id": "acme"}), NotAMemberError),
    ],
)
def test_nobody_but_an_owner_is_given_any(
    world: World, account: Account, caller: Caller, refused: type[TenantryError]
) -> None:
    world.found("other", "bob")

    with pytest.raises(refused):
        issue(world, account, caller)
    assert len(world.clients.of(account)) == 1


@pytest.mark.parametrize("seconds", [-1, 604_801, "60", 1.5, None])
def test_a_grace_is_a_week_at_most(world: World, account: Account, seconds: Any) -> None:
    with pytest.raises(InvalidInputError):
        issue(world, account, graceSeconds=seconds)


def test_an_account_that_is_not_active_gives_none(world: World) -> None:
    made = world.request("public")
    with pytest.raises(ConflictError):
        issue(world, made)


def test_an_account_from_before_there_were_any_gets_one_when_it_asks(
    world: World, account: Account
) -> None:
    for client_id in list(world.clients.made):
        world.clients.remove(client_id)
    for where in [at for at in world.table.items if at[1].startswith("MACHINE#")]:
        del world.table.items[where]

    issued = issue(world, account)

    assert acts(world, issued.machine.client_id)


def test_an_end_takes_all_of_it_and_again_is_fine(world: World, account: Account) -> None:
    first = issue(world, account).machine.client_id
    second = issue(world, account).machine.client_id

    def tell(data: Any, client_id: str) -> Any:
        return world.service.stamp.event(data, OWNER.cause)

    for _ in range(2):
        world.users.end(account, tell)
        assert world.clients.of(account) == []
        assert not acts(world, first)
        assert not acts(world, second)


def test_looking_tells_who_acts_and_no_secret(world: World, account: Account) -> None:
    issued = issue(world, account)

    _, machines = world.technical_users.look(OWNER, account.account_id)
    assert [machine.client_id for machine in machines] == [issued.machine.client_id]
    _, seen = world.technical_users.look(OPERATOR, account.account_id, as_operator=True)
    assert seen == machines
    assert not [field for field in Machine.model_fields if "secret" in field]


def test_names_of_accounts_are_told_apart() -> None:
    short, longer = (Names("tenantry", its) for its in ("a", "a-1"))

    assert longer.technical_user(1) == "tenantry-technical-user-a-1-1"
    assert not longer.technical_user(1).removeprefix(short.technical_user()).isdecimal()


def test_a_teardown_leaves_no_client_whether_bound_or_not(world: World, account: Account) -> None:
    issued = issue(world, account)
    world.clients.make(account, 9)
    plan = world.teardowns.plan(OWNER, account.account_id)
    asked = world.teardowns.request(OWNER, account.account_id, plan=plan.hash)
    assert asked.operation
    given = {"approvalId": asked.operation.approval_id}
    world.teardowns.approve(OPERATOR, account.account_id, given, as_operator=True, reason="asked")
    world.clock.advance(2 * HOUR)
    world.goes_on()

    assert world.account(account.account_id).status == "deleted"
    assert world.clients.made == {}
    standing = world.machines.appearing("acme", issued.machine.client_id)
    assert standing.organization is not None
    assert standing.organization.status == "CANCELLED"


def test_a_teardown_stands_when_a_client_with_its_name_is_found_after_it(
    world: World, account: Account
) -> None:
    plan = world.teardowns.plan(OWNER, account.account_id)
    asked = world.teardowns.request(OWNER, account.account_id, plan=plan.hash)
    assert asked.operation
    given = {"approvalId": asked.operation.approval_id}
    world.teardowns.approve(OPERATOR, account.account_id, given, as_operator=True, reason="asked")
    world.clock.advance(2 * HOUR)

    def planted(name: str, call: Any) -> Any:
        done = call()
        if name == "Purge" and not world.clients.made:
            world.clients.make(account, 7)
        return done

    world.fault = planted
    world.goes_on(sweeps=2)

    stands = world.account(account.account_id)
    assert stands.error is not None
    assert stands.error.startswith("LEFTOVERS")
