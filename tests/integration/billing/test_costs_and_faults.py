"""What billing's commands cost, and what goes wrong between them and their table (rows 11, 12)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.billing import api
from tenantry.identity.dynamodb import DynamoDBProfileRepository
from tests.integration.billing.conftest import Api
from tests.integration.organizations.conftest import OPERATOR as ROOT
from tests.support.capacity import Cost, measured
from tests.support.faults import Stopped, injected, lose_answer, recorded, stop_after, stop_before
from tests.support.invocations import appsync_event, forget
from tests.support.lambda_context import lambda_context

READS = ["BatchGetItem", "BatchGetItem"]


def cost_of(api: Api, work: Callable[[], Any]) -> Cost:
    with measured(api.table._client) as cost:
        work()
    cost.calls.all[:] = [call for call in cost.calls.all if call.service == "dynamodb"]
    return cost


def test_reading_is_two_round_trips(billing_api: Api) -> None:
    cost = cost_of(billing_api, lambda: billing_api.data("subscription"))

    assert cost.operations == READS
    assert cost.read_units == 4


def test_a_change_is_two_reads_and_one_transaction(billing_api: Api) -> None:
    cost = cost_of(billing_api, lambda: billing_api.data("startTrial"))

    assert cost.operations == [*READS, "TransactWriteItems"]
    # Subscription and organisation, each under a KB and doubled; the index of what is due.
    assert (cost.read_units, cost.write_units, cost.index_write_units) == (4, 4, 1)


def test_a_grant_is_two_reads_and_one_transaction(billing_api: Api) -> None:
    DynamoDBProfileRepository(billing_api.table).create(ROOT, ())
    arguments = {
        "organizationId": billing_api.tenant_id,
        "plan": "ENTERPRISE",
        "until": (datetime.now(UTC) + timedelta(days=90)).isoformat(),
        "reason": "contract 7",
    }

    def granted(*groups: str) -> Any:
        event = appsync_event(
            "grantPlan", arguments, user="root", groups=list(groups), parent="Mutation"
        )
        return api.handler(event, lambda_context())

    assert granted()["error"]["code"] == "FORBIDDEN"
    cost = cost_of(billing_api, lambda: granted("SuperAdmin"))

    assert cost.operations == ["GetItem", "BatchGetItem", "TransactWriteItems"]
    assert (cost.read_units, cost.write_units, cost.index_write_units) == (3, 4, 1)
    shown = granted("SuperAdmin")["data"]
    assert (shown["plan"], shown["status"], shown["granted"]) == ("ENTERPRISE", "ACTIVE", True)
    assert billing_api.standing == ("ENTERPRISE", "ACTIVE", "ENTERPRISE", "ACTIVE")


def test_a_notice_that_changes_the_plan_is_one_read_and_one_transaction(billing_api: Api) -> None:
    billing_api.pay()
    billing_api.post(billing_api.stripe.events[-1])
    bodies = billing_api.queued()

    cost = cost_of(billing_api, lambda: billing_api.settle(bodies))

    # Whose customer, its marker twice, and between them what it is about.
    assert cost.operations == [
        "GetItem",
        "UpdateItem",
        "BatchGetItem",
        "TransactWriteItems",
        "UpdateItem",
    ]
    assert (cost.read_units, cost.write_units) == (3, 6)


def test_a_sweep_with_nothing_due_is_a_query_a_shard(billing_api: Api) -> None:
    cost = cost_of(billing_api, billing_api.sweep)

    assert cost.operations == ["Query"] * 8
    assert cost.read_units == 4


# faults


def _trial(api: Api) -> Callable[[], Any]:
    return lambda: api.ask("startTrial")


def _checkout(api: Api) -> Callable[[], Any]:
    return lambda: api.ask("createCheckoutSession", plan="STARTER")


def _closing(api: Api) -> Callable[[], Any]:
    return lambda: api.ask("cancelSubscription", closeOrganization=True)


def _notice(api: Api) -> Callable[[], Any]:
    api.pay()
    api.post(api.stripe.events[-1])
    bodies = api.queued()

    def settle() -> Any:
        failed = api.settle(bodies)
        return {"error": failed} if failed else {}

    return settle


COMMANDS = {"trial": _trial, "checkout": _checkout, "close": _closing, "notice": _notice}


def _state(api: Api) -> Any:
    """Everything stored of billing and of the organisation, but for times and the ids of events."""
    left_out = {"event_ids", "updated_at", "created_at", "period_end", "trial_end", "GSI2SK"}
    left_out |= {"GSI2PK", "trial_started_at", "customer_id", "subscription_id", "PK", "SK"}
    left_out |= {"tenant_id", "entity_id", "name", "slug", "fingerprint", "events", "syncs"}
    return [
        {name: value for name, value in item.items() if name not in left_out}
        for item in api.stored()
        if api.tenant_id in item["PK"]["S"] and item["SK"]["S"] in ("SUBSCRIPTION", "ORGANIZATION")
    ]


def _reference(api: Api, command: str) -> tuple[Any, int]:
    """What a run without faults leaves, and how many calls to the table it made."""
    api.found("Reference")
    run = COMMANDS[command](api)
    forget()
    with recorded() as calls:
        answer = run()
    assert "error" not in answer
    return _state(api), len(calls)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_write_whose_answer_is_lost_ends_as_if_it_had_come(
    billing_api: Api, command: str
) -> None:
    expected, _ = _reference(billing_api, command)
    billing_api.found("Other")
    run = COMMANDS[command](billing_api)

    with injected(lose_answer(at=1)):
        answer = run()

    assert "error" not in answer
    assert _state(billing_api) == expected


@pytest.mark.parametrize("stop", [stop_before, stop_after])
@pytest.mark.parametrize("command", ["trial", "checkout"])
def test_a_command_stopped_anywhere_is_finished_by_its_repetition(
    billing_api: Api, command: str, stop: Callable[[int], Any]
) -> None:
    expected, calls = _reference(billing_api, command)

    for at in range(1, calls + 1):
        billing_api.found(f"Stopped {at}")
        run = COMMANDS[command](billing_api)
        forget()
        with pytest.raises(Stopped), injected(stop(at)):
            run()
        forget()

        answer = run()
        # A trial that was begun is told as such; everything else is done again without harm.
        done = answer.get("error", {}).get("code") == "CONFLICT" and command == "trial"
        assert done or "error" not in answer
        assert _state(billing_api) == expected, f"at {at}"


@pytest.mark.parametrize("stop", [stop_before, stop_after])
def test_a_notice_stopped_anywhere_is_settled_when_it_comes_again(
    billing_api: Api, stop: Callable[[int], Any]
) -> None:
    expected, calls = _reference(billing_api, "notice")

    for at in range(1, calls + 1):
        billing_api.found(f"Stopped {at}")
        run = COMMANDS["notice"](billing_api)
        forget()
        with pytest.raises(Stopped), injected(stop(at)):
            run()
        forget()
        billing_api.clock.sleep(121)  # the lease of the worker who stopped

        assert run() == {}
        assert _state(billing_api) == expected, f"at {at}"
