"""Executions that ended: what they left of an operation is settled at once."""

import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.accounts.bootstrap.line import line
from tenantry.accounts.provisioning import Task
from tenantry.runtime.batch import work
from tenantry.runtime.observability import annotate, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return work(event, context, _settled)


def _settled(body: str) -> None:
    given = Task.model_validate_json(json.loads(body)["detail"]["input"])
    annotate(tenant_id=given.tenant_id, correlation_id=given.correlation_id)
    line().ended(given.account_id, given.operation_id, given.run)
