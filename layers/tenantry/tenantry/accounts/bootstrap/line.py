"""The line of operations, for those who start them, settle them and sweep."""

from functools import cache

import boto3

from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.line import Line
from tenantry.accounts.model import Kind, Operation
from tenantry.accounts.step_functions import StepFunctionsExecutions
from tenantry.bootstrap import CONFIG, settings, stamp
from tenantry.runtime.observability import MetricUnit, logger, metrics


@cache
def line() -> Line:
    return Line(
        accounts=accounts(),
        executions=StepFunctionsExecutions(
            boto3.client("stepfunctions", config=CONFIG),
            {
                Kind.PROVISION: settings().required("PROVISION_MACHINE_ARN"),
                Kind.TEARDOWN: settings().required("TEARDOWN_MACHINE_ARN"),
                Kind.MOVE: settings().required("MOVE_MACHINE_ARN"),
            },
        ),
        stamp=stamp(),
        report=_report,
    )


def _report(what: str, operation: Operation) -> None:
    """Counted too, since it has an alarm."""
    logger.error(what, tenant_id=operation.tenant_id, operation_id=operation.operation_id)
    metrics.add_metric("OperationsStuck", MetricUnit.Count, 1)
