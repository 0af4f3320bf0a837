"""Whether the product is well: for load balancers, monitors and people."""

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.bootstrap import settings
from tenantry.health.bootstrap import health_service
from tenantry.runtime.observability import logger
from tenantry.runtime.rest import rest_resolver

app = rest_resolver()


@app.get("/health")
def get_health() -> Response[dict[str, Any]]:
    found = health_service().health()
    body = {
        "status": "ok" if found.is_up else "degraded",
        "version": settings().text("APP_VERSION", "unknown"),
        "stage": settings().text("STAGE", "unknown"),
        "dependencies": found.dependencies,
    }
    return Response(200 if found.is_up else 503, "application/json", body)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
