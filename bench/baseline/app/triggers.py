"""A Cognito trigger on the usual stack: it reads the user's profile."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from models import Profile
from stack import logger, metrics, platform_table, tracer


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda
    found = platform_table.get_item(Key={"PK": f"USER#{event['userName']}", "SK": "PROFILE"})
    if "Item" in found and Profile(**found["Item"]).status != "ACTIVE":
        raise PermissionError("refused")
    logger.info("done")
    return event
