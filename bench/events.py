"""What the measured functions are given: an organisation, its owner, and an event of each kind."""

import json
from typing import Any

from boto3.dynamodb.types import TypeSerializer

ORG = "0199a3c0-7d1e-7cc2-9a51-0a8d2f3c4b5e"
USER = "4f0c2d8e-50a1-70e2-6d7a-1b2c3d4e5f60"
NOW = "2026-03-02T09:00:00+00:00"
EMAIL = "ada@example.com"
ACCOUNT = "000000000000"

ENVIRONMENT = {
    "STAGE": "local",
    "APP_VERSION": "bench",
    "PLATFORM_TABLE": "platform",
    "AUDIT_TABLE": "audit",
    "TENANT_TABLE": "tenant",
    "LEGACY_TABLE": "legacy",
    "EVENT_BUS": "bus",
    "PUBLISHER_FAILURE_QUEUE_URL": f"http://127.0.0.1/{ACCOUNT}/failures",
    "TENANT_DATA_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/tenant-data",
    "PLATFORM_ACCOUNT_ID": ACCOUNT,
    "LEGACY_DIRECTORY": "table",
    "SELF_SIGN_UP": "true",
    "EMAIL_SENDING": "true",
    "PRODUCT_NAME": "Tenantry",
    "FRONTEND_URL": "http://localhost:5173",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "POWERTOOLS_METRICS_NAMESPACE": "Tenantry",
    "POWERTOOLS_LOG_LEVEL": "INFO",
}

_EVENT = {
    "id": "0199a3c0-7d1e-7cc2-9a51-000000000001",
    "type": "OrganizationUpdated",
    "context": "organizations",
    "version": 1,
    "occurred_at": NOW,
    "actor": {"id": USER, "kind": "user"},
    "correlation_id": "Root=1-67c0-0",
    "request": {"source_ip": "203.0.113.7"},
    "data": {"organization_id": ORG, "fields": {"name": {"before": "A", "after": "B"}}},
}
_ENVELOPE = {
    **_EVENT,
    "tenant_id": ORG,
    "entity_type": "Organization",
    "entity_id": ORG,
    "entity_version": 2,
}

_serializer = TypeSerializer()


def _wire(item: dict[str, Any]) -> dict[str, Any]:
    return {name: _serializer.serialize(value) for name, value in item.items()}


_ORGANIZATION = {
    "PK": f"ORG#{ORG}",
    "SK": "ORGANIZATION",
    "entity_type": "Organization",
    "entity_id": ORG,
    "tenant_id": ORG,
    "name": "Analytical Engines",
    "slug": "analytical-engines",
    "status": "ACTIVE",
    "plan": "FREE",
    "settings": {"allowed_domains": ["example.com"], "feature_flags": {"beta": True}},
    "used_users": 1,
    "used_projects": 0,
    "used_storage": 0,
    "used_api_calls": 0,
    "founder_id": USER,
    "created_at": "2026-03-01T09:00:00+00:00",
    "updated_at": NOW,
    "entity_version": 1,
    "events": [_EVENT],
    "event_ids": {"v1": [_EVENT["id"]]},
}
_MEMBER = {
    "PK": f"ORG#{ORG}",
    "SK": f"MEMBER#{USER}",
    "GSI1PK": f"USER#{USER}",
    "GSI1SK": f"ORG#{ORG}",
    "entity_type": "Member",
    "entity_id": USER,
    "tenant_id": ORG,
    "role": "OWNER",
    "status": "ACTIVE",
    "created_at": NOW,
    "entity_version": 1,
}
_PROFILE = {
    "PK": f"USER#{USER}",
    "SK": "PROFILE",
    "entity_type": "User",
    "entity_id": USER,
    "user_id": USER,
    "user_name": USER,
    "email": EMAIL,
    "name": "Ada",
    "status": "ACTIVE",
    "locale": "en",
    "time_zone": "UTC",
    "active_organization_id": ORG,
    "created_at": NOW,
    "updated_at": NOW,
    "entity_version": 1,
}
_AUDITED = {
    **{name: value for name, value in _ENVELOPE.items() if name != "id"},
    "PK": f"ORG#{ORG}#AUDIT#2026-03",
    "SK": f"2026-03-02T09:00:00.000000Z#{_EVENT['id']}",
    "event_id": _EVENT["id"],
}
ITEMS = [_wire(item) for item in (_ORGANIZATION, _MEMBER, _PROFILE, _AUDITED)]
"""What lies in the tables, in DynamoDB's form."""

LEGACY_ITEMS = [
    _wire(
        {
            "email": EMAIL,
            # bcrypt at its lowest cost: the hash is not what is measured.
            "password_hash": "$2b$04$abcdefghijklmnopqrstuuyvlx.4HuOAOlTjNLXGL0mS4Y5QHKcS6",
            "attributes": {"name": "Ada"},
        }
    )
]

_CLAIMS = {
    "sub": USER,
    "token_use": "access",
    "org_id": ORG,
    "cognito:groups": ["OrgAdmin"],
    "username": USER,
}
_HEADERS = {"user-agent": "bench", "x-amzn-trace-id": "Root=1-67c0-0"}


def appsync(field: str, type_name: str = "Query", **arguments: Any) -> dict[str, Any]:
    """The context of a resolver, as the shared APPSYNC_JS file passes it."""
    return {
        "arguments": arguments,
        "identity": {
            "claims": _CLAIMS,
            "sub": USER,
            "username": USER,
            "groups": ["OrgAdmin"],
            "sourceIp": ["203.0.113.7"],
            "issuer": "https://cognito-idp.eu-central-1.amazonaws.com/pool",
            "defaultAuthStrategy": "ALLOW",
        },
        "source": None,
        "request": {"headers": _HEADERS, "domainName": None},
        "info": {
            "fieldName": field,
            "parentTypeName": type_name,
            "variables": {},
            "selectionSetList": ["id"],
            "selectionSetGraphQL": "{ id }",
        },
        "prev": None,
        "stash": {},
    }


def rest(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """A REST API's proxy event."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {**_HEADERS, "content-type": "application/json"},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "httpMethod": method,
            "path": path,
            "stage": "api",
            "authorizer": {"claims": {**_CLAIMS, "cognito:groups": "OrgAdmin"}},
            "identity": {"sourceIp": "203.0.113.7"},
        },
        "body": json.dumps(body) if body is not None else None,
        "isBase64Encoded": False,
    }


def cognito(
    source: str, version: str = "1", user_name: str = USER, **request: Any
) -> dict[str, Any]:
    """A trigger's event."""
    responses: dict[str, dict[str, Any]] = {
        "PreSignUp_SignUp": {
            "autoConfirmUser": False,
            "autoVerifyEmail": False,
            "autoVerifyPhone": False,
        },
        "CustomMessage_SignUp": {"smsMessage": None, "emailMessage": None, "emailSubject": None},
        "TokenGeneration_Authentication": {"claimsAndScopeOverrideDetails": None},
    }
    return {
        "version": version,
        "triggerSource": source,
        "region": "eu-central-1",
        "userPoolId": "eu-central-1_Bench0000",
        "userName": user_name,
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client"},
        "request": {
            "userAttributes": {
                "sub": USER,
                "email": EMAIL,
                "email_verified": "true",
                "cognito:user_status": "CONFIRMED",
            },
            **request,
        },
        "response": responses.get(source, {}),
    }


def sqs() -> dict[str, Any]:
    """A batch of one event of the bus."""
    body = {
        "version": "0",
        "id": "b0d6c9f0-0000-0000-0000-000000000000",
        "detail-type": _EVENT["type"],
        "source": f"tenantry.{_EVENT['context']}",
        "account": ACCOUNT,
        "time": "2026-03-02T09:00:01Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": _ENVELOPE,
    }
    record = {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "r",
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "md5OfBody": "m",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-central-1:{ACCOUNT}:queue",
        "awsRegion": "eu-central-1",
    }
    return {"Records": [record]}


def stream() -> dict[str, Any]:
    """A batch of one changed item of the platform table."""
    record = {
        "eventID": "1",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "eventSourceARN": f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/platform/stream/1",
        "dynamodb": {
            "Keys": {"PK": {"S": f"ORG#{ORG}"}, "SK": {"S": "ORGANIZATION"}},
            "NewImage": ITEMS[0],
            "SequenceNumber": "1",
            "SizeBytes": 900,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }
    return {"Records": [record]}
