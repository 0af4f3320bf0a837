"""A Cognito trigger on the usual stack that asks AWS for nothing: it writes a mail."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda
    code = event["request"]["codeParameter"]
    event["response"]["emailSubject"] = "Your code"
    event["response"]["emailMessage"] = f"<p>Your code is {code}.</p>"
    logger.info("done")
    return event
