"""A batch of a queue: what fails comes back alone, and the others are done."""

import json
from collections import Counter
from typing import Any

import pytest
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor
from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.messaging.delivery import PlatformSenders
from tenantry.messaging.event import Envelope
from tenantry.messaging.stamp import Stamp
from tenantry.runtime.batch import consume
from tests.support.invocations import ACCOUNT, bus_event, queue_event
from tests.support.things import changed

SIZE = 10


def consumed(
    failing: set[int], context: LambdaContext, stamp: Stamp, broken: int | None = None
) -> tuple[list[int], Counter[int]]:
    """Which messages come back, and how often each was handled to its end."""
    done: Counter[int] = Counter()

    def effect(envelope: Envelope) -> None:
        number = int(envelope.entity_id)
        if number in failing:
            raise RuntimeError("fails")
        done[number] += 1

    bodies = [json.dumps(_event(stamp, number)) for number in range(SIZE)]
    if broken is not None:
        bodies[broken] = "{"
    answer = consume(queue_event(bodies), context, PlatformSenders(ACCOUNT), effect)
    back = [int(each["itemIdentifier"][2:]) for each in answer["batchItemFailures"]]
    return back, done


def _event(stamp: Stamp, number: int) -> dict[str, Any]:
    return bus_event(
        Envelope(
            **changed(stamp, "x").model_dump(),
            tenant_id="acme",
            entity_type="Thing",
            entity_id=str(number),
            entity_version=1,
        )
    )


@pytest.mark.parametrize(
    "failing", [set(), {0}, {4}, {SIZE - 1}, {0, 4, SIZE - 1}, set(range(SIZE))]
)
def test_what_fails_comes_back_alone_and_the_others_are_consumed(
    failing: set[int], lambda_context: LambdaContext, stamp: Stamp
) -> None:
    back, done = consumed(failing, lambda_context, stamp)

    assert back == sorted(failing)
    assert done == Counter(set(range(SIZE)) - failing)


def test_what_is_no_event_comes_back_alone(lambda_context: LambdaContext, stamp: Stamp) -> None:
    back, done = consumed({7}, lambda_context, stamp, broken=3)

    assert back == [3, 7]
    assert done == Counter(set(range(SIZE)) - {3, 7})


def test_one_that_failed_would_hold_up_those_behind_it(
    lambda_context: LambdaContext, stamp: Stamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: in the order of a FIFO queue, whatever follows a failure comes back."""
    monkeypatch.setattr(
        "tenantry.runtime.batch.BatchProcessor", lambda **_: SqsFifoPartialProcessor()
    )

    back, done = consumed({4}, lambda_context, stamp)

    assert back == list(range(4, SIZE))
    assert done == Counter(range(4))
