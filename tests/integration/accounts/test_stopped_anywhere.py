"""Every task that makes or ends a private account, stopped after its k-th call of AWS, for every k.

Row 12: what stops anywhere converges when it is delivered again. The functions run in this process,
on the local cloud; a public account's are in test_steps.py, a move's in test_moving.py, and the end
of a dedicated one in test_dedicated_ending.py.
"""

from collections import Counter
from itertools import count
from typing import Any

import pytest

from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.model import Names, OperationStatus
from tenantry.errors import OperationSupersededError
from tests.integration.accounts.provisioned import (
    Provisioned,
    active,
    provisioned,
    torn_down,
    vendor,
)
from tests.integration.accounts.test_moving import again_and_again
from tests.support.faults import Answer, Call, Fault, Send, Stopped
from tests.support.invocations import forget
from tests.support.state_machine import TaskError

__all__ = ["provisioned", "vendor"]

COUNTED = 40
"""So many stops there are at least, of each of both."""

LOOKS = 2
"""Of a task that looks again and again the first ones are stopped."""


def after(at: int) -> Fault:
    """The process stops when its `at`-th call has taken effect, but for those that give sessions:
    they leave nothing behind, and the next delivery has them."""
    made = count(1)

    def fault(call: Call, send: Send) -> Answer:
        answer = send()
        if call.operation != "AssumeRole" and next(made) == at:
            raise Stopped(f"after {call.operation}")
        return answer

    return fault


def stopped_everywhere(provisioned: Provisioned, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """From now on each task is stopped after each call, and delivered again; answers how often."""
    stops, visits = Counter[str](), Counter[str]()

    def everywhere(name: str, payload: Any) -> Any:
        forget()
        visits[name] += 1
        if visits[name] > LOOKS:
            return provisioned.warm(name, payload)

        def call() -> Any:
            return provisioned.warm(name, payload)

        try:
            return again_and_again(call, after, lambda: stops.update([name.strip("${}")]))
        except OperationSupersededError as error:
            # It had ended with the attempt before, and the machine ends here too.
            raise TaskError(type(error).__name__) from error

    monkeypatch.setattr(provisioned, "_invoke", everywhere)
    return stops


@pytest.mark.figures
def test_an_account_is_made_and_ended_by_tasks_that_stop_at_every_call(
    provisioned: Provisioned, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops = stopped_everywhere(provisioned, monkeypatch)
    account = active(provisioned, "private")
    assert stops.total() > COUNTED, stops
    made = stops.total()
    names = Names.of(provisioned.prefix, account)

    operation = torn_down(provisioned, account)

    assert operation.status is OperationStatus.SUCCEEDED, operation
    assert stops.total() - made > COUNTED, stops
    ended = accounts().get(account.account_id)
    assert ended
    assert ended.status == "deleted"
    cloud = provisioned.cloud
    assert names.table not in cloud.client("dynamodb").list_tables()["TableNames"]
    buckets = [each["Name"] for each in cloud.client("s3").list_buckets()["Buckets"]]
    assert not [name for name in buckets if name.startswith(names.own)]
