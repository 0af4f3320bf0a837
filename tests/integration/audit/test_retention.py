"""The sweep of entries past their retention, through its handler, on the tables."""

from datetime import timedelta
from typing import Any

import pytest

from functions.audit import sweep_retention
from tenantry.audit import retention
from tenantry.persistence.keys import key
from tests.integration.audit.conftest import Audit, bodies, envelope
from tests.support.clock import START
from tests.support.faults import Stopped, injected, recorded, stop_after, stop_before
from tests.support.invocations import forget
from tests.support.lambda_context import lambda_context


@pytest.fixture
def swept(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> Audit:
    """An organisation on the plan FREE, with an entry a day, sealed up to day 130 of 150."""
    monkeypatch.setattr(retention, "AT_ONCE", 20)
    monkeypatch.setattr("tenantry.audit.bootstrap.recording.now", lambda: START + timedelta(days=1))
    monkeypatch.setattr(
        "tenantry.audit.bootstrap.retention.now", lambda: START + timedelta(days=150)
    )
    monkeypatch.setattr(
        "tenantry.audit.dynamodb_seals.DynamoDBSeals.sealed_through",
        lambda _self, _tenant: (START + timedelta(days=130)).date(),
    )
    audit.join("ada")
    for n in range(0, 150, 2):
        audit.deliver(*bodies(envelope(n, START + timedelta(days=n))))
    forget()
    return audit


def sweep() -> int:
    answer: dict[str, Any] = sweep_retention.handler({}, lambda_context(remaining_ms=120_000))
    return int(answer["swept"])


def ends(audit: Audit) -> dict[str, int]:
    return {
        item["event_id"]["S"]: int(item["purge_at"]["N"])
        for item in audit.stored()
        if "event_id" in item and "purge_at" in item
    }


EXPECTED = {f"e-{n:05}" for n in range(0, 60, 2)}


def test_what_is_past_90_days_is_given_a_week(swept: Audit) -> None:
    before = swept.stored()

    assert sweep() == len(EXPECTED)

    assert set(ends(swept)) == EXPECTED
    end = int((START + timedelta(days=157)).timestamp())
    assert set(ends(swept).values()) == {end}
    # Nothing else of an entry changes: it is what its seal says.
    kept = [item for item in before if "event_id" in item]
    after = [item for item in swept.stored() if "event_id" in item]
    assert kept == [{k: v for k, v in item.items() if k != "purge_at"} for item in after]


def test_a_larger_plan_takes_its_entries_back(
    swept: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep()
    item = swept.platform.get(key("ORG#t-1", "ORGANIZATION"))
    assert item
    swept.platform.put({**item, "plan": "STARTER"})
    monkeypatch.setattr(
        "tenantry.audit.bootstrap.retention.now", lambda: START + timedelta(days=152)
    )
    forget()

    assert sweep() == len(EXPECTED)
    assert ends(swept) == {}


@pytest.mark.parametrize("stop", [stop_before, stop_after])
def test_stopped_anywhere_the_next_run_comes_to_the_same(swept: Audit, stop: Any) -> None:
    operations = ["GetItem", "BatchGetItem", "Query", "PutItem"]
    at = 1
    while True:
        with injected(stop(at, operations)) as calls:
            try:
                sweep()
            except Stopped:
                at += 7
            else:
                break
        assert set(ends(swept)) <= EXPECTED
        assert len(calls) <= at
    with recorded():
        sweep()
    assert set(ends(swept)) == EXPECTED
