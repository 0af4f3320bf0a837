"""What provisioning an account of each kind takes: docs/operations.md, "What things cost".

The state machine runs with the functions in this process, on the local cloud: what counts are the
states it goes through, and every request that the functions send to AWS.
"""

from typing import Final

import pytest

from tests.integration.accounts.provisioned import Provisioned, provisioned, vendor

__all__ = ["provisioned", "vendor"]

COSTS: Final[dict[str, dict[str, float]]] = {
    "public": {
        **{"transitions": 11, "read": 39.5, "write": 50, "index": 33},
        **{"dynamodb": 42, "sts": 3, "s3": 6},
    },
    "own-buckets": {
        **{"transitions": 15, "read": 41.5, "write": 54, "index": 33},
        **{"dynamodb": 43, "sts": 4, "s3": 8, "cloudformation": 3, "ssm": 12},
    },
    "private": {
        **{"transitions": 15, "read": 43.5, "write": 56, "index": 33},
        **{"dynamodb": 49, "sts": 5, "s3": 8, "cloudformation": 3, "ssm": 6},
    },
    "dedicated": {
        **{"transitions": 22, "read": 57.5, "write": 79, "index": 48},
        **{"dynamodb": 63, "sts": 22, "s3": 8, "cloudformation": 3, "ssm": 22},
        **{"organizations": 14, "events": 2},
    },
}


@pytest.mark.parametrize("kind", COSTS)
def test_provisioning_costs_what_is_written_down(provisioned: Provisioned, kind: str) -> None:
    provisioned.run(kind)

    assert provisioned.costs() == COSTS[kind]


def test_a_technical_user_costs_what_is_written_down(provisioned: Provisioned) -> None:
    """Made in the pool, looked for and bound in the table."""
    provisioned.run("public", technicalUser="erp")

    beyond = {
        name: number - COSTS["public"].get(name, 0)
        for name, number in provisioned.costs().items()
        if number != COSTS["public"].get(name, 0)
    }
    assert beyond == {"read": 3, "write": 4, "index": 1, "dynamodb": 3, "cognito-idp": 1}
