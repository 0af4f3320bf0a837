"""What a resolver's function answers: `{data}` or `{error}`.

The shared APPSYNC_JS handler turns `error` into `util.error(message, code, null, details)`; a
raised exception would reach the client as `Lambda:Unhandled`, without its code. What is not
expected is raised all the same, under one safe text: the function's error metric and alarm see
it, the log has its cause, and nobody sees its message.
"""

from typing import Any

from aws_lambda_powertools.event_handler import AppSyncResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.errors import TenantryError
from tenantry.runtime.observability import annotate, logger, note
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
        return {"error": {"message": str(error), "code": error.code, "details": error.details}}
    except Exception:
        logger.exception("failed")
        raise ResolverFailedError("Something went wrong; please try again.") from None
    logger.info("answered")
    return {"data": data}
