"""Logs and metrics: one logger, one metrics sink, and the context that every line carries.

Every line names tenant, user, correlation id and, in consumers, the event id. Values that could
hold secrets or personal data are never logged: handlers log codes, ids and counts, and of an
exception the log keeps where and what kind, not its message, which may quote the very input that
caused it.
"""

import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from tenantry.errors import TenantryError
from tenantry.runtime.failures import is_ours

__all__ = ["MetricUnit", "annotate", "annotated", "left_aside", "logger", "metrics", "note"]


class _DiscreetFormatter(LambdaPowertoolsFormatter):
    """Traces without the messages of exceptions."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        lines: list[str] = []
        error: BaseException | None = ei[1]
        while error is not None:
            frames = [
                f"  {frame.filename}:{frame.lineno} in {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)
            ]
            lines = [*frames, _kind(error), *lines]
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n".join(lines)


def _kind(error: BaseException) -> str:
    """What can be said of any exception: its class, and the code that ours and AWS's carry."""
    name = type(error).__name__
    if isinstance(error, TenantryError):
        return f"{name}: {error.code}"
    answer = getattr(error, "response", None)
    if isinstance(answer, dict) and "Error" in answer:
        return f"{name}: {answer['Error'].get('Code')} in {getattr(error, 'operation_name', '?')}"
    return name


logger = Logger(utc=True, logger_formatter=_DiscreetFormatter(utc=True, serialize_stacktrace=False))
metrics = Metrics()
# An invocation may have nothing to count: what came was there already.
warnings.filterwarnings("ignore", "No application metrics to publish")


def annotate(**context: Any) -> None:
    """Add `context` to every later line of this invocation; None values are left out."""
    logger.append_keys(**{name: value for name, value in context.items() if value is not None})


@contextmanager
def annotated(**context: Any) -> Iterator[None]:
    """Add `context` to the lines of a block only: one message of a batch is not the next one.

    What a name said around the block, it says again after it.
    """
    known = {name: value for name, value in context.items() if value is not None}
    around = dict(logger.get_current_keys())
    try:
        with logger.append_context_keys(**known):
            yield
    finally:
        logger.append_keys(**{name: around[name] for name in known if name in around})


def left_aside(what: str, tenant_id: str) -> None:
    """Say what a sweep could not deal with while it went on with the rest; an alarm rings."""
    logger.error(what, tenant_id=tenant_id)
    metrics.add_metric("LeftAside", MetricUnit.Count, 1)


def note(error: TenantryError) -> None:
    """Log an expected outcome by its code; at error level, with its trace, when it is our fault."""
    if is_ours(error):
        logger.error("failed", code=error.code, exc_info=error)
    else:
        logger.info("refused", code=error.code)
