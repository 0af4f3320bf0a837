"""Asking for an account through the function: at once, with lost answers, stopped anywhere."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tenantry.accounts.bootstrap.api import account_service
from tenantry.persistence.keys import member_key, organization_key
from tenantry.tenancy.caller import Caller
from tests.integration.accounts.conftest import BODY, Api
from tests.support.capacity import measured
from tests.support.faults import Stopped, injected, lose_answer, recorded, stop_after, stop_before
from tests.support.invocations import forget
from tests.support.repetition import KEYS, Kind, used_at_once

KEY = {"idempotency_key": "k-1"}
KINDS = ("Account", "AccountOperation", "AccountReservation")


def asked(api: Api) -> Any:
    answer = api.post(body=BODY, **KEY)
    assert answer["statusCode"] == 202, answer["body"]
    return json.loads(answer["body"])


def cancelled(api: Api) -> Any:
    account = api.stored("Account")[0]["entity_id"]["S"]
    answer = api.post(f"/accounts/{account}/cancel")
    assert answer["statusCode"] == 202, answer["body"]
    return json.loads(answer["body"])


def state(api: Api) -> Any:
    left_out = {"created_at", "updated_at", "heartbeat_at", "ended_at", "event_ids", "events"}
    left_out |= {"GSI1SK", "GSI2SK", "correlation_id"}
    return [
        {name: value for name, value in item.items() if name not in left_out}
        for item in api.stored(*KINDS)
    ]


def emptied(api: Api) -> None:
    for item in api.stored(*KINDS):
        api.table._client.delete_item(
            TableName=api.table.name, Key={"PK": item["PK"], "SK": item["SK"]}
        )
    forget()


def test_what_was_asked_for_is_read_back(accounts_api: Api) -> None:
    made = asked(accounts_api)
    path = f"/accounts/{made['account']['id']}"

    assert json.loads(accounts_api.get(path)["body"]) == made["account"]
    shown = accounts_api.get(f"{path}/operations/{made['operation']['id']}")
    assert json.loads(shown["body"]) == made["operation"]
    assert json.loads(accounts_api.get("/accounts")["body"])["items"] == [made["account"]]
    assert accounts_api.get("/accounts/none")["statusCode"] == 404


def test_a_reason_stands_in_the_body_and_comes_into_the_event(accounts_api: Api) -> None:
    why = {"reason": "Ticket 42"}
    made = json.loads(accounts_api.post(body=BODY | why, **KEY)["body"])
    path = f"/accounts/{made['account']['id']}/cancel"
    for body in ({"reason": 7}, {"reason": "x" * 121}, ["no object"]):
        assert accounts_api.post(path, body)["statusCode"] == 400
    assert accounts_api.post(path, {"reason": "Ticket 43"})["statusCode"] == 202

    [account] = accounts_api.stored("Account")
    assert [e["M"]["data"]["M"]["reason"]["S"] for e in account["events"]["L"]] == ["Ticket 43"]
    # Why it is asked for does not make it another request.
    again = accounts_api.post(body={**BODY, "reason": "Ticket 44"}, **KEY)
    assert again["statusCode"] == 202, again["body"]


@pytest.mark.parametrize("query", ["dryRun=maybe", "dryRun=1"])
def test_a_dry_run_is_one_or_is_none(accounts_api: Api, query: str) -> None:
    name, _, value = query.partition("=")
    from functions.accounts import api
    from tests.support.invocations import rest_event
    from tests.support.lambda_context import lambda_context

    event = rest_event("POST", "/accounts", BODY, headers={"x-organization-id": "acme"})
    event["queryStringParameters"] = {name: value}
    assert api.handler(event, lambda_context())["statusCode"] == 400
    assert accounts_api.stored("Account") == []


def test_a_hundred_identical_requests_make_one_account(concurrent_api: Api) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: concurrent_api.post(body=BODY, **KEY), range(100)))

    assert {answer["statusCode"] for answer in answers} == {202}
    assert len({json.loads(answer["body"])["account"]["id"] for answer in answers}) == 1
    assert len(concurrent_api.stored("Account")) == 1
    assert len(concurrent_api.stored("AccountOperation")) == 1


def test_of_a_hundred_different_requests_one_gets_the_organisation(concurrent_api: Api) -> None:
    """Each has a key of its own: the reservation alone holds them apart."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda n: concurrent_api.post(body=BODY, idempotency_key=f"k-{n}"), range(100))
        )

    codes = [answer["statusCode"] for answer in answers]
    assert sorted(codes) == [202] + [409] * 99
    assert len(concurrent_api.stored("Account")) == 1


@pytest.mark.parametrize("command", [asked, cancelled])
def test_a_lost_answer_changes_nothing(accounts_api: Api, command: Callable[[Api], Any]) -> None:
    if command is cancelled:
        asked(accounts_api)
    command(accounts_api)
    expected = state(accounts_api)
    emptied(accounts_api)
    if command is cancelled:
        asked(accounts_api)

    with injected(lose_answer(at=1)):
        command(accounts_api)

    assert state(accounts_api) == expected


@pytest.mark.parametrize("stop", [stop_before, stop_after])
@pytest.mark.parametrize("command", [asked, cancelled])
def test_what_stops_anywhere_is_finished_by_its_repetition(
    accounts_api: Api, command: Callable[[Api], Any], stop: Callable[[int], Any]
) -> None:
    if command is cancelled:
        asked(accounts_api)
    with recorded() as calls:
        command(accounts_api)
    expected, count = state(accounts_api), len(calls)

    for at in range(1, count + 1):
        emptied(accounts_api)
        if command is cancelled:
            asked(accounts_api)
        with pytest.raises(Stopped), injected(stop(at)):
            command(accounts_api)
        forget()
        command(accounts_api)
        assert state(accounts_api) == expected


def test_what_asking_costs(accounts_api: Api) -> None:
    with measured(accounts_api.table._client) as cost:
        asked(accounts_api)

    # Standing, whether the key was used, the organisation; one transaction of three items.
    assert cost.operations == ["BatchGetItem", "GetItem", "GetItem", "TransactWriteItems"]
    assert cost.read_units <= 5
    assert cost.write_units <= 8


@pytest.mark.figures
def test_many_keys_four_times_at_once_ask_for_one_account_each(concurrent_api: Api) -> None:
    """Each for an organisation of its own, by the same key (row 14)."""
    table = concurrent_api.table
    acme = table.get(organization_key("acme"))
    ada = table.get(member_key("acme", "ada"))
    assert acme
    assert ada
    for number in range(KEYS):
        its = {"tenant_id": f"o-{number}", "event_ids": None, "events": None}
        for where, item in (
            (organization_key(f"o-{number}"), {**acme, **its, "entity_id": f"o-{number}"}),
            (member_key(f"o-{number}", "ada"), {**ada, **its, "GSI1SK": f"ORG#o-{number}"}),
        ):
            table.put({name: value for name, value in (item | where).items() if value is not None})

    def ask(number: int, content: int) -> str:
        values = {**BODY, "name": f"Own {content}", "clientMutationId": "k"}
        caller = Caller(user_id="ada", tenant_id=f"o-{number}")
        found = account_service().request(caller, values).account
        assert found
        return found.account_id

    made = set()
    for used in used_at_once(ask):
        expected = {"OK": 1, "IDEMPOTENCY_MISMATCH": 3} if used.kind is Kind.OTHER else {"OK": 4}
        assert used.codes == expected, used
        made |= set(used.answers) - {None}
    stored = concurrent_api.stored("Account", "AccountOperation")
    assert len(made) == KEYS
    assert len(stored) == 2 * KEYS
