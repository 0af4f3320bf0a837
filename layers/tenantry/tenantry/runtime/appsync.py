"""What a resolver's function answers: `{data}` or `{error}`.

The shared APPSYNC_JS handler turns `error` into `util.error(message, code, null, details)`; a
raised exception would reach the client as `Lambda:Unhandled`, without its code. Failures of our
own are told in one safe text, and their cause is logged. Those with a code, such as a table that
does not answer, are counted as `ServerFaults`, which has an alarm; what is not expected is raised
all the same: the function's error metric and alarm see it.
"""

from typing import Any

from aws_lambda_powertools.event_handler import AppSyncResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.errors import TenantryError
from tenantry.runtime.failures import FAILED, is_ours
from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics, note
from tenantry.tenancy.caller import Caller


class ResolverFailedError(Exception):
    """A field could not be resolved for a reason of our own; its cause is in the log."""


def answer(app: AppSyncResolver, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Resolve one field for its verified caller; expected outcomes become `error`."""
    # Until the caller is known: a refusal of who they are can be followed too.
    annotate(
        field=(event.get("info") or {}).get("fieldName"), correlation_id=context.aws_request_id
    )
    try:
        caller = Caller.from_appsync(event)
        if caller.correlation_id is None:
            caller = caller.model_copy(update={"correlation_id": context.aws_request_id})
        annotate(
            tenant_id=caller.tenant_id,
            user_id=caller.user_id,
            correlation_id=caller.correlation_id,
        )
        app.append_context(caller=caller)
        data = app.resolve(event, context)
    except TenantryError as error:
        note(error)
        if is_ours(error):
            metrics.add_metric("ServerFaults", MetricUnit.Count, 1)
            metrics.flush_metrics()
            return {"error": {"message": FAILED, "code": error.code, "details": {}}}
        return {"error": {"message": str(error), "code": error.code, "details": error.details}}
    except Exception:
        logger.exception("failed")
        raise ResolverFailedError(FAILED) from None
    logger.info("answered")
    return {"data": data}
