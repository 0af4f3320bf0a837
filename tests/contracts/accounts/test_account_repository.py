"""The accounts' repository, over the table in memory and over DynamoDB."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tenantry.accounts.dynamodb import (
    DynamoDBAccountRepository,
    _operation_item,
    _operation_key,
)
from tenantry.accounts.events import AccountRequested
from tenantry.accounts.model import (
    Account,
    CloudType,
    Operation,
    ProvisioningStatus,
    StackEvent,
    StepName,
)
from tenantry.accounts.repository import AccountRepository, Advance
from tenantry.errors import AccountExistsError, ConflictError, LimitExceededError
from tenantry.messaging.event import Event
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.persistence.items import to_wire
from tenantry.persistence.table import Table
from tests.support.accounts import account, operation
from tests.support.capacity import item_size
from tests.support.clock import START
from tests.support.fakes.table import InMemoryTable

PLACES = 2


@pytest.fixture(params=["in-memory", "dynamodb"])
def table(request: pytest.FixtureRequest) -> Table:
    if request.param == "in-memory":
        return InMemoryTable()
    found: Table = request.getfixturevalue("platform_table")
    return found


@pytest.fixture
def accounts(table: Table) -> AccountRepository:
    return DynamoDBAccountRepository(table, PLACES)


def asked(stamp: Stamp, its: Account) -> Event:
    data = AccountRequested(
        account_id=its.account_id,
        organization_id=its.tenant_id,
        operation_id=its.operation_id,
        cloud_type=CloudType.PRIVATE,
    )
    return stamp.event(data, Cause())


def requested(
    accounts: AccountRepository, stamp: Stamp, account_id: str = "a-1", tenant_id: str = "acme"
) -> tuple[Account, Operation]:
    its = account(account_id=account_id, tenant_id=tenant_id)
    return accounts.request(its, operation(its), asked(stamp, its))


def test_what_is_stored_is_what_is_read(accounts: AccountRepository, stamp: Stamp) -> None:
    stored, its = requested(accounts, stamp)

    assert accounts.read("a-1", "op-a-1") == (stored, its)
    assert accounts.get("a-1") == stored
    assert accounts.of("acme") == stored
    assert accounts.operations("a-1", 10) == [its]


def test_nothing_is_found_where_nothing_is(accounts: AccountRepository) -> None:
    assert accounts.read("a-1", "op-a-1") == (None, None)
    assert accounts.of("acme") is None
    assert accounts.waiting(10) == accounts.silent(START, 10) == []


def test_the_same_request_twice_makes_one(accounts: AccountRepository, stamp: Stamp) -> None:
    first = requested(accounts, stamp)
    other = account().model_copy(update={"name": "Another"})

    assert accounts.request(other, operation(other), asked(stamp, other)) == first


def test_an_organisation_has_one_account(accounts: AccountRepository, stamp: Stamp) -> None:
    requested(accounts, stamp)

    with pytest.raises(AccountExistsError):
        requested(accounts, stamp, "a-2")
    assert accounts.get("a-2") is None
    requested(accounts, stamp, "a-2", "ajax")


def test_a_released_organisation_takes_another_account(
    accounts: AccountRepository, stamp: Stamp
) -> None:
    its, op = requested(accounts, stamp)
    deleted = its.moved(ProvisioningStatus.DELETED, START)
    accounts.advance(
        Advance((op, op.cancelled(START)), (its, deleted), asked(stamp, its), releases=True)
    )

    assert accounts.of("acme") is None
    second, _ = requested(accounts, stamp, "a-2")
    assert accounts.of("acme") == second


def test_steps_are_kept_with_their_times(accounts: AccountRepository, stamp: Stamp) -> None:
    _, op = requested(accounts, stamp)
    begun = op.begun(START)
    accounts.advance(Advance((op, begun), slots=1))
    at_work = begun.step_begun(StepName.VALIDATE, START + timedelta(milliseconds=7))
    accounts.advance(Advance((begun, at_work)))
    done = at_work.step_done(StepName.VALIDATE, START + timedelta(seconds=1), identity="me")
    accounts.advance(Advance((at_work, done)))

    assert accounts.read("a-1", "op-a-1")[1] == done


def test_an_older_state_overwrites_nothing(accounts: AccountRepository, stamp: Stamp) -> None:
    _, op = requested(accounts, stamp)
    begun = op.begun(START)
    accounts.advance(Advance((op, begun), slots=1))

    with pytest.raises(ConflictError):
        accounts.advance(Advance((op, op.cancelled(START))))
    assert accounts.read("a-1", "op-a-1")[1] == begun


def test_account_and_operation_move_together_or_not_at_all(
    accounts: AccountRepository, stamp: Stamp
) -> None:
    its, op = requested(accounts, stamp)
    stale = replace(
        Advance((op, op.begun(START))),
        account=(
            its.model_copy(update={"entity_version": 7}),
            its.moved(ProvisioningStatus.CREATING, START),
        ),
        event=asked(stamp, its),
    )

    with pytest.raises(ConflictError):
        accounts.advance(stale)
    assert accounts.read("a-1", "op-a-1") == (its, op)


def test_only_so_many_run_at_a_time(accounts: AccountRepository, stamp: Stamp) -> None:
    begun = []
    for number in range(PLACES):
        _, op = requested(accounts, stamp, f"a-{number}", f"org-{number}")
        accounts.advance(Advance((op, op.begun(START)), slots=1))
        begun.append(op.begun(START))
    _, one_more = requested(accounts, stamp, "a-9", "org-9")

    with pytest.raises(LimitExceededError):
        accounts.advance(Advance((one_more, one_more.begun(START)), slots=1))
    turned = begun[0].compensating("X", "x", START)
    accounts.advance(Advance((begun[0], turned)))
    accounts.advance(Advance((turned, turned.compensated(START)), slots=-1))
    accounts.advance(Advance((one_more, one_more.begun(START)), slots=1))


def test_those_who_wait_longest_come_first(accounts: AccountRepository, stamp: Stamp) -> None:
    for number in (2, 0, 1):
        its = account(account_id=f"a-{number}", tenant_id=f"org-{number}")
        op = operation(its).model_copy(update={"heartbeat_at": START + timedelta(seconds=number)})
        accounts.request(its, op, asked(stamp, its))

    assert [op.account_id for op in accounts.waiting(2)] == ["a-0", "a-1"]


def test_the_silent_are_found_and_those_who_speak_are_not(
    accounts: AccountRepository, stamp: Stamp
) -> None:
    for number in range(2):
        _, op = requested(accounts, stamp, f"a-{number}", f"org-{number}")
        begun = op.begun(START + timedelta(minutes=10 * number))
        accounts.advance(Advance((op, begun), slots=1))

    silent = accounts.silent(START + timedelta(minutes=5), 10)

    assert [op.account_id for op in silent] == ["a-0"]
    assert accounts.waiting(10) == []


def test_who_is_back_in_the_line_is_found_when_the_time_has_come_and_leaves_a_place(
    accounts: AccountRepository, stamp: Stamp
) -> None:
    _, op = requested(accounts, stamp)
    begun = op.begun(START)
    accounts.advance(Advance((op, begun), slots=1))
    until = START + timedelta(minutes=5)
    parked = begun.parked(until, START)

    accounts.advance(Advance((begun, parked), slots=-1))

    assert accounts.parked(10, until - timedelta(seconds=1)) == []
    assert accounts.parked(10, until) == [parked]
    assert accounts.waiting(10) == accounts.silent(until, 10) == []
    again = parked.begun(until)
    accounts.advance(Advance((parked, again), slots=1))
    assert accounts.parked(10, until) == []
    assert accounts.read(op.account_id, op.operation_id)[1] == again


def test_what_has_ended_is_in_no_line(accounts: AccountRepository, stamp: Stamp) -> None:
    its, op = requested(accounts, stamp)
    deleted = its.moved(ProvisioningStatus.DELETED, START)
    ended = Advance((op, op.cancelled(START)), (its, deleted), asked(stamp, its), releases=True)
    accounts.advance(ended)

    later = START + timedelta(days=1)
    assert accounts.waiting(10) == accounts.silent(later, 10) == []


def test_accounts_are_listed_newest_first_page_by_page(
    accounts: AccountRepository, stamp: Stamp
) -> None:
    for number in range(3):
        its = account(account_id=f"a-{number}", tenant_id=f"org-{number}").model_copy(
            update={"created_at": START + timedelta(seconds=number)}
        )
        accounts.request(its, operation(its), asked(stamp, its))

    first, position = accounts.page(2, None)
    rest, _ = accounts.page(2, position)

    assert [each.account_id for each in (*first, *rest)] == ["a-2", "a-1", "a-0"]


def test_what_cloudformation_told_is_kept_once_and_in_order(
    accounts: AccountRepository, stamp: Stamp
) -> None:
    _, op = requested(accounts, stamp)
    told = [
        StackEvent(
            event_id=f"e-{n}",
            at=START + timedelta(seconds=n),
            resource="Table",
            type="AWS::DynamoDB::Table",
            status="CREATE_COMPLETE",
        )
        for n in range(3)
    ]

    accounts.note(op, told[1:])
    accounts.note(op, told)

    assert accounts.noted(op, 10) == told
    assert accounts.operations("a-1", 10) == [op]


def test_the_ledger_is_as_short_as_it_can_be(stamp: Stamp) -> None:
    """It is written twice a step: what is under a KB costs one unit."""
    its = account().model_copy(update={"account_id": stamp.new_id(), "tenant_id": stamp.new_id()})
    whole = operation(its).model_copy(update={"operation_id": stamp.new_id()}).begun(START)
    for step in whole.course.steps:
        whole = whole.step_begun(step, START).step_done(step, START)

    item = _operation_item(whole)

    assert item_size(to_wire({**item, **_operation_key(whole)})) < 1024
