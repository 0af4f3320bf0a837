"""REST routes on the usual stack."""

import os
import uuid
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from models import CreateOrganization, Organization
from stack import dynamodb, logger, metrics, platform_table, tracer

app = APIGatewayRestResolver()


@app.post("/api/organizations")
@tracer.capture_method
def create_organization() -> Response:
    given = CreateOrganization(**app.current_event.json_body)
    user_id = app.current_event.request_context.authorizer.claims["sub"]
    now = datetime.now(UTC)
    slug = given.slug or given.name.lower().replace(" ", "-")
    organization = Organization(
        tenant_id=str(uuid.uuid4()), name=given.name, slug=slug, created_at=now, updated_at=now
    )
    item = organization.model_dump(mode="json")
    pk = f"ORG#{organization.tenant_id}"
    owner = {"PK": pk, "SK": f"MEMBER#{user_id}", "role": "OWNER"}
    reserved = {"PK": f"SLUG#{slug}", "SK": "SLUG", "tenant_id": organization.tenant_id}
    dynamodb.meta.client.transact_write_items(
        TransactItems=[
            {
                "Put": {
                    "TableName": platform_table.name,
                    "Item": put,
                    "ConditionExpression": "attribute_not_exists(PK)",
                }
            }
            for put in ({**item, "PK": pk, "SK": "ORGANIZATION"}, owner, reserved)
        ]
    )
    return Response(201, "application/json", item)


@app.get("/health")
@tracer.capture_method
def health() -> Response:
    key = {"PK": "HEALTH", "SK": "HEALTH"}
    platform_table.get_item(Key=key)
    dynamodb.Table(os.environ["AUDIT_TABLE"]).get_item(Key=key)
    boto3.client("events").describe_event_bus(Name=os.environ["EVENT_BUS"])
    return Response(200, "application/json", {"status": "ok"})


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    answer = app.resolve(event, context)
    logger.info("answered")
    return answer
