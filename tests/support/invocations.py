"""Events that AWS invokes functions with, and functions wired to a test's tables.

AppSync: "Resolver mapping template context reference" and "Lambda data source"
(https://docs.aws.amazon.com/appsync/latest/devguide/resolver-context-reference-js.html).
API Gateway: "Set up Lambda proxy integrations" (input format of a REST API).
SQS: "Using Lambda with Amazon SQS". EventBridge: "AWS events", the event structure.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from tenantry.messaging.event import Actor, Envelope
from tenantry.runtime.observability import metrics
from tests.support.clock import START

ACCOUNT = "000000000000"


def wire(monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
    """Give functions this environment, and nothing that was built in another one."""
    # Powertools reads these when it is imported, which in tests came first.
    monkeypatch.setattr(metrics.provider, "namespace", "Tenantry")
    monkeypatch.setattr(metrics.provider, "service", "tests")
    monkeypatch.setenv("PLATFORM_ACCOUNT_ID", ACCOUNT)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    forget()


def forget() -> None:
    """What a new process would know: nothing that functions keep between invocations."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("tenantry.", "functions.")):
            for value in list(vars(module).values()):
                if callable(clear := getattr(value, "cache_clear", None)):
                    clear()


def appsync_event(
    field: str,
    arguments: dict[str, Any] | None = None,
    *,
    user: str = "ada",
    organization: str | None = None,
    groups: Sequence[str] = (),
    parent: str = "Mutation",
    claims: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A resolver's whole context, with an access token's claims."""
    headers = {"user-agent": "tests/1.0", "x-amzn-trace-id": "Root=1-5f-1"}
    if organization:
        headers["x-organization-id"] = organization
    return {
        "arguments": arguments or {},
        "identity": {
            "sub": user,
            "username": user,
            "sourceIp": ["203.0.113.7"],
            "groups": list(groups) or None,
            "claims": {
                "sub": user,
                "token_use": "access",
                "cognito:groups": list(groups),
                **(claims or {}),
            },
        },
        "source": None,
        "request": {"headers": headers, "domainName": None},
        "prev": None,
        "info": {
            "fieldName": field,
            "parentTypeName": parent,
            "variables": {},
            "selectionSetList": [],
            "selectionSetGraphQL": "",
        },
        "stash": {},
    }


def rest_event(
    method: str,
    path: str,
    body: Any = None,
    *,
    user: str | None = "ada",
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """A proxy event; a `body` that is no text is sent as JSON."""
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    claims = {"sub": user, "token_use": "access", "cognito:groups": "[]"}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {"User-Agent": "tests/1.0", **(headers or {})},
        "multiValueHeaders": {name: [value] for name, value in (headers or {}).items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "stage": "v1",
            "httpMethod": method,
            "path": path,
            "identity": {"sourceIp": "203.0.113.7"},
            "authorizer": {"claims": claims} if user else None,
        },
        "body": text,
        "isBase64Encoded": False,
    }


def bus_event(envelope: Envelope, account: str = ACCOUNT) -> dict[str, Any]:
    """An envelope as EventBridge delivers it."""
    return {
        "version": "0",
        "id": f"bus-{envelope.id}",
        "detail-type": envelope.type,
        "source": f"tenantry.{envelope.context}",
        "account": account,
        "time": envelope.occurred_at.isoformat(),
        "region": "eu-central-1",
        "resources": [],
        "detail": envelope.model_dump(mode="json", exclude_none=True),
    }


def organization_cancelled(tenant_id: str) -> dict[str, Any]:
    """What a consumer hears when an organisation has ended."""
    envelope = Envelope(
        id=f"e-{tenant_id}",
        type="OrganizationCancelled",
        context="organizations",
        occurred_at=START,
        actor=Actor(id="system", kind="system"),
        correlation_id="c-1",
        data={"organization_id": tenant_id, "reason": "torn down"},
        tenant_id=tenant_id,
        entity_type="Organization",
        entity_id=tenant_id,
        entity_version=3,
    )
    return bus_event(envelope)


def queue_event(bodies: Iterable[str]) -> dict[str, Any]:
    """A batch of messages, numbered `m-0`, `m-1` and so on."""
    return {
        "Records": [
            {
                "messageId": f"m-{number}",
                "receiptHandle": f"r-{number}",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1772442000000",
                    "SenderId": "events",
                    "ApproximateFirstReceiveTimestamp": "1772442000001",
                },
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:eu-central-1:{ACCOUNT}:queue",
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies)
        ]
    }
