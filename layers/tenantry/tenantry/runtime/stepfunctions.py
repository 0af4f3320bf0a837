"""State-machine tasks: an outcome reaches `Retry` and `Catch` by the name of its class.

Lambda tells Step Functions the class of an exception, so every expected outcome is matched by the
name it has in `tenantry.errors` (`"ErrorEquals": ["UnavailableError"]`). What is not expected is
raised under one name and one safe text: its cause is in the log, not in the execution's history.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError

from tenantry.errors import InvalidInputError, TenantryError
from tenantry.runtime.inputs import faults
from tenantry.runtime.observability import annotate, logger, note


class TaskFailedError(Exception):
    """The task itself failed; its cause is in the log."""


def task[I: BaseModel, O: BaseModel](
    given: type[I],
) -> Callable[[Callable[[I], O]], Callable[[dict[str, Any], LambdaContext], dict[str, Any]]]:
    """A task's Lambda handler: typed in as `given`, typed out as what it returns.

    The input may carry `correlation_id` and `tenant_id`, which every log line then names.
    """

    def decorate(handle: Callable[[I], O]) -> Callable[[dict[str, Any], LambdaContext], Any]:
        @logger.inject_lambda_context(clear_state=True)
        @wraps(handle)
        def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            annotate(
                tenant_id=event.get("tenant_id"),
                correlation_id=event.get("correlation_id") or context.aws_request_id,
            )
            try:
                answer = handle(_parsed(given, event))
            except TenantryError as error:
                note(error)
                raise
            except Exception:
                logger.exception("task failed")
                raise TaskFailedError("The task failed; its log says why.") from None
            logger.info("done")
            return answer.model_dump(mode="json")

        return handler

    return decorate


def _parsed[I: BaseModel](given: type[I], event: dict[str, Any]) -> I:
    try:
        return given.model_validate(event)
    except ValidationError as error:
        raise InvalidInputError(faults(error)) from error
