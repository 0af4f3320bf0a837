"""Cognito triggers: the event goes back, and a refusal is an exception whose message people see.

Cognito shows it as "<Trigger> failed with error <message>.", so only messages of expected outcomes
travel; failures of our own, expected or not, are raised under one safe text, and their cause is
logged as "trigger failed", which the alarm of the triggers that may refuse listens to.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.errors import TenantryError
from tenantry.runtime.failures import FAILED, is_ours
from tenantry.runtime.observability import annotate, logger, note

Event = dict[str, Any]


class RefusedError(Exception):
    """What Cognito shows to the person who signs up or in."""


class TriggerFailedError(Exception):
    """The trigger itself failed; its cause is in the log."""


def trigger(handle: Callable[[Event], None]) -> Callable[[Event, LambdaContext], Event]:
    """A trigger's Lambda handler of `handle`, which changes the event's `response` in place."""

    @logger.inject_lambda_context(clear_state=True)
    @wraps(handle)
    def handler(event: Event, context: LambdaContext) -> Event:
        annotate(
            user_id=_user_id(event.get("userName")),
            trigger=event.get("triggerSource"),
            correlation_id=context.aws_request_id,
        )
        try:
            handle(event)
        except TenantryError as error:
            if is_ours(error):
                logger.exception("trigger failed", code=error.code)
                raise TriggerFailedError(FAILED) from None
            note(error)
            raise RefusedError(str(error)) from None
        except Exception:
            logger.exception("trigger failed")
            raise TriggerFailedError(FAILED) from None
        logger.info("done")
        return event

    return handler


def _user_id(user_name: Any) -> str | None:
    """The user name when it is an id: someone unknown is named by the e-mail they typed."""
    try:
        return str(UUID(user_name))
    except (ValueError, TypeError, AttributeError):
        return None
