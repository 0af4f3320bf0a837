"""What a state machine sees of a task's outcome: the class of the exception, and its text."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from tenantry.errors import ConflictError, InvalidInputError, TenantryError, UnavailableError
from tenantry.runtime.stepfunctions import TaskFailedError, task


class Reserve(BaseModel):
    tenant_id: str
    seats: int


class Reserved(BaseModel):
    left: int


def handler_that(outcome: Exception | None) -> Any:
    @task(Reserve)
    def handler(given: Reserve) -> Reserved:
        if outcome:
            raise outcome
        return Reserved(left=10 - given.seats)

    return handler


EVENT = {"tenant_id": "t-1", "seats": 3, "correlation_id": "c-1"}


def test_a_task_is_typed_in_and_out(lambda_context: LambdaContext) -> None:
    assert handler_that(None)(EVENT, lambda_context) == {"left": 7}


@pytest.mark.parametrize("error", [ConflictError("taken"), UnavailableError("busy")])
def test_an_expected_outcome_is_matched_by_its_class(
    lambda_context: LambdaContext, error: TenantryError
) -> None:
    with pytest.raises(TenantryError) as raised:
        handler_that(error)(EVENT, lambda_context)

    assert type(raised.value).__name__ == type(error).__name__


def test_a_bad_input_names_every_fault(lambda_context: LambdaContext) -> None:
    with pytest.raises(InvalidInputError) as raised:
        handler_that(None)({"seats": "many"}, lambda_context)

    assert {fault["field"] for fault in raised.value.faults} == {"tenant_id", "seats"}


def test_what_is_not_expected_tells_nothing(
    lambda_context: LambdaContext, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    with pytest.raises(TaskFailedError) as raised:
        handler_that(KeyError("canary-4711"))(EVENT, lambda_context)

    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None
    logged = str(lines())
    assert "canary" not in logged
    assert "KeyError" in logged


def test_every_line_carries_tenant_and_correlation(
    lambda_context: LambdaContext, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    handler_that(None)(EVENT, lambda_context)

    line = lines()[-1]
    assert (line["tenant_id"], line["correlation_id"]) == ("t-1", "c-1")
