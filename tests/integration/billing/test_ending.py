"""The function that hears of cancelled organisations, as its queue speaks to it."""

import json
from typing import Any

import pytest

from functions.billing import end_subscriptions
from tenantry.persistence.keys import organization_key
from tenantry.persistence.writes import Assign
from tests.integration.billing.conftest import Api
from tests.integration.billing.test_costs_and_faults import cost_of
from tests.support.faults import down, injected
from tests.support.invocations import organization_cancelled, queue_event
from tests.support.lambda_context import lambda_context

DONE: dict[str, list[Any]] = {"batchItemFailures": []}
AGAIN: dict[str, list[Any]] = {"batchItemFailures": [{"itemIdentifier": "m-0"}]}


def heard(*events: dict[str, Any]) -> Any:
    return end_subscriptions.handler(queue_event(map(json.dumps, events)), lambda_context())


@pytest.fixture
def paid(billing_api: Api) -> str:
    """Stripe's subscription of an organisation that has been cancelled since."""
    subscription_id = billing_api.pay()
    billing_api.hear()
    where = organization_key(billing_api.tenant_id)
    billing_api.table.transact([Assign(where, {"status": "CANCELLED"}, {})])
    return subscription_id


def test_nobody_pays_for_another_period_however_often_it_is_told(
    billing_api: Api, paid: str
) -> None:
    event = organization_cancelled(billing_api.tenant_id)
    cost = cost_of(billing_api, lambda: heard(event))
    assert heard(event, event) == DONE

    assert billing_api.stripe.objects[paid]["cancel_at_period_end"] is True
    assert billing_api.standing[3] == "CANCELLED"
    assert cost.operations == ["BatchGetItem", "BatchGetItem", "UpdateItem"]
    assert (cost.read_units, cost.write_units, cost.index_write_units) == (4, 1, 1)


def test_an_organisation_that_goes_on_goes_on_paying(billing_api: Api) -> None:
    subscription_id = billing_api.pay()
    billing_api.hear()

    assert heard(organization_cancelled(billing_api.tenant_id)) == DONE
    assert billing_api.stripe.objects[subscription_id]["cancel_at_period_end"] is False


def test_who_pays_nothing_is_left_alone(billing_api: Api) -> None:
    where = organization_key(billing_api.tenant_id)
    billing_api.table.transact([Assign(where, {"status": "CANCELLED"}, {})])
    cost = cost_of(billing_api, lambda: heard(organization_cancelled(billing_api.tenant_id)))

    assert cost.operations == ["BatchGetItem"]
    assert (cost.read_units, cost.write_units) == (2, 0)


def test_while_the_table_does_not_answer_the_message_comes_again(
    billing_api: Api, paid: str
) -> None:
    with injected(down("BatchGetItem")):
        assert heard(organization_cancelled(billing_api.tenant_id)) == AGAIN
    assert heard(organization_cancelled(billing_api.tenant_id)) == DONE

    assert billing_api.stripe.objects[paid]["cancel_at_period_end"] is True


def test_what_is_not_ours_is_not_believed(billing_api: Api, paid: str) -> None:
    forged = organization_cancelled(billing_api.tenant_id) | {"account": "999999999999"}

    assert heard(forged) == AGAIN
    assert billing_api.stripe.objects[paid]["cancel_at_period_end"] is False
