"""What a teardown takes: docs/operations.md, "What things cost".

The state machine runs with the functions in this process, on the local cloud, as in `test_costs`:
what counts are the states it goes through, and every request that the functions send to AWS.
"""

from collections import Counter
from typing import Final

import pytest

from tenantry.accounts.bootstrap.ending import teardown_service
from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.line import Line
from tenantry.accounts.step_functions import execution_input
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.keys import key, member_key
from tenantry.runtime.identifiers import new_id, now
from tenantry.tenancy.caller import Caller
from tests.integration.accounts.provisioned import (
    ADA,
    TEARDOWN,
    Everywhere,
    Provisioned,
    provisioned,
    vendor,
)
from tests.support.accounts import FakeExecutions
from tests.support.capacity import Cost, measured
from tests.support.clock import START
from tests.support.invocations import forget
from tests.support.state_machine import StateMachine

__all__ = ["provisioned", "vendor"]

BEN = Caller(user_id="ben", tenant_id="acme")


class Ended:
    """An account that was provided, and is torn down while it is measured."""

    def __init__(self, provisioned: Provisioned) -> None:
        self.provisioned = provisioned
        self.states: tuple[str, ...] = ()
        self.cost = Cost()

    def run(self, kind: str) -> None:
        self.provisioned.run(kind)
        table = self.provisioned.table
        ada = table.get(member_key("acme", "ada"))
        assert ada
        table.put({**ada, **member_key("acme", "ben"), "entity_id": "ben"})
        account = accounts().of("acme")
        assert account
        forget()
        plan = teardown_service().plan(ADA, account.account_id)
        asked = teardown_service().request(ADA, account.account_id, plan=plan.hash).operation
        assert asked
        given = {"approvalId": asked.approval_id}
        teardown_service().approve(BEN, account.account_id, given)
        executions = FakeExecutions()
        Line(accounts(), executions, Stamp(now, new_id)).move_up()
        (begun,) = executions.started
        machine = StateMachine(TEARDOWN, self.provisioned._invoke, waited=lambda _seconds: None)
        with measured(Everywhere(self.provisioned.cloud)) as cost:
            ended = machine.run(execution_input(begun))
        self.states, self.cost = ended.states, cost
        after = accounts().get(account.account_id)
        assert ended.status == "SUCCEEDED", after
        assert after
        assert after.status == "deleted"

    def costs(self) -> dict[str, float]:
        requests = Counter(call.service for call in self.cost.calls.all)
        return {
            "transitions": len(self.states),
            "read": self.cost.read_units,
            "write": self.cost.write_units,
            "index": self.cost.index_write_units,
            **dict(requests),
        }


@pytest.fixture
def ended(provisioned: Provisioned) -> Ended:
    for user_id in ("ada", "ben"):
        provisioned.table.put(
            {
                **key(f"USER#{user_id}", "PROFILE"),
                "user_id": user_id,
                "user_name": user_id,
                "email": f"{user_id}@example.com",
                "email_proven": True,
                "created_at": START.isoformat(),
                "updated_at": START.isoformat(),
            }
        )
    return Ended(provisioned)


COSTS: Final[dict[str, dict[str, float]]] = {
    "public": {
        **{"transitions": 16, "read": 65, "write": 64, "index": 36},
        **{"dynamodb": 79, "s3": 24, "sts": 8, "cloudformation": 4, "ssm": 4},
        **{"cognito-idp": 7, "resourcegroupstaggingapi": 3, "kms": 1},
    },
    "private": {
        **{"transitions": 16, "read": 68, "write": 65, "index": 36},
        **{"dynamodb": 90, "s3": 35, "sts": 10, "cloudformation": 6, "ssm": 11},
        **{"cognito-idp": 7, "resourcegroupstaggingapi": 3, "kms": 4},
    },
}


@pytest.mark.parametrize("kind", COSTS)
def test_a_teardown_costs_what_is_written_down(ended: Ended, kind: str) -> None:
    ended.run(kind)

    assert ended.costs() == COSTS[kind]
