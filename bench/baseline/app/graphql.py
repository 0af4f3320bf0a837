"""GraphQL fields on the usual stack."""

import os
from typing import Any

import boto3
from aws_lambda_powertools.event_handler import AppSyncResolver
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Key
from models import Event, Member, Organization, Profile
from stack import dynamodb, logger, metrics, platform_table, tracer

app = AppSyncResolver()


@app.resolver(type_name="Query", field_name="organization")
@tracer.capture_method
def organization() -> dict[str, Any]:
    return acting()[0].model_dump(mode="json")


@app.resolver(type_name="Query", field_name="me")
@tracer.capture_method
def me() -> dict[str, Any]:
    user_id = app.current_event.identity.claims["sub"]
    item = platform_table.get_item(Key={"PK": f"USER#{user_id}", "SK": "PROFILE"})["Item"]
    return Profile(**item).model_dump(mode="json")


@app.resolver(type_name="Query", field_name="activity")
@tracer.capture_method
def activity(first: int) -> dict[str, Any]:
    """Reads under the tenant's own credentials, a session a request."""
    org, _ = acting()
    given = boto3.client("sts").assume_role(
        RoleArn=os.environ["TENANT_DATA_ROLE_ARN"], RoleSessionName=org.tenant_id
    )["Credentials"]
    session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    table = session.resource("dynamodb").Table(os.environ["AUDIT_TABLE"])
    month = Key("PK").eq(f"ORG#{org.tenant_id}#AUDIT#2026-03")
    items = table.query(KeyConditionExpression=month, Limit=first)["Items"]
    events = [Event(id=item["event_id"], **item).model_dump(mode="json") for item in items]
    return {"items": events, "nextCursor": None}


def acting() -> tuple[Organization, Member]:
    claims = app.current_event.identity.claims
    pk = f"ORG#{claims['org_id']}"
    keys = [{"PK": pk, "SK": "ORGANIZATION"}, {"PK": pk, "SK": f"MEMBER#{claims['sub']}"}]
    name = platform_table.name
    read = {name: {"Keys": keys, "ConsistentRead": True}}
    items = dynamodb.batch_get_item(RequestItems=read)["Responses"][name]
    by_key = {item["SK"]: item for item in items}
    return Organization(**by_key[keys[0]["SK"]]), Member(**by_key[keys[1]["SK"]])


@logger.inject_lambda_context(correlation_id_path=correlation_paths.APPSYNC_RESOLVER)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    data = app.resolve(event, context)
    logger.info("answered")
    return {"data": data}
