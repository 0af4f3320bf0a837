"""Logs and metrics: one logger, one metrics sink, and the context that every line carries.

Every line names tenant, user, correlation id and, in consumers, the event id. Values that could
hold secrets or personal data are never logged: handlers log codes, ids and counts.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

logger = Logger(utc=True)
metrics = Metrics()

__all__ = ["MetricUnit", "annotate", "logger", "metrics"]


def annotate(**context: Any) -> None:
    """Add `context` to every later line of this invocation; None values are left out."""
    logger.append_keys(**{name: value for name, value in context.items() if value is not None})
