"""Seals organisations' days; what is left of a long task goes back into the queue."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.audit.bootstrap.rounds import tasks
from tenantry.audit.bootstrap.sealing import sealing_service
from tenantry.audit.sealing import SealTask
from tenantry.runtime.batch import work
from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics

_TIME_OF_A_SEAL = 60_000


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > _TIME_OF_A_SEAL

    def seal(body: str) -> None:
        task = SealTask.read(body)
        annotate(tenant_id=task.tenant_id)
        sealed = sealing_service().seal(task, has_time)
        if sealed.seals:
            metrics.add_metric("SealsMade", MetricUnit.Count, sealed.seals)
            metrics.add_metric("EntriesSealed", MetricUnit.Count, sealed.entries)
        if sealed.left:
            tasks().send([sealed.left])

    return work(event, context, seal)
