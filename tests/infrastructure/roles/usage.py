"""Roles of the functions of usage."""

from tests.infrastructure.grants import AUDIT, PLATFORM, items, of

ROLES = {
    "WarnFunction": {
        *items(PLATFORM, "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *items(AUDIT, "Query"),
        *of("WarnDeadLetters.Arn", "sqs:SendMessage"),
    },
    "ProveCountersFunction": {
        *items(PLATFORM, "GetItem", "PutItem", "Query", "UpdateItem"),
        *items(AUDIT, "Query"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
        *of("ProveCountersDeadLetters.Arn", "sqs:SendMessage"),
    },
    "MeterStorageFunction": {
        *items(
            PLATFORM,
            *("BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        ),
        *items(AUDIT, "Query"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
        *of("MeterStorageDeadLetters.Arn", "sqs:SendMessage"),
    },
}

KEYS = {
    "WarnFunction": {
        ("dynamodb:GetItem", "SWEEP#*"),
        ("dynamodb:BatchGetItem", "ORG#*"),
        *((f"dynamodb:{w}Item", key) for w in ("Put", "Update") for key in ("ORG#*", "SWEEP#*")),
    },
    "ProveCountersFunction": {
        *(
            (f"dynamodb:{w}Item", key)
            for w in ("Get", "Put", "Update")
            for key in ("ORG#*", "SWEEP#*")
        ),
        ("dynamodb:Query", "ORG#*"),
    },
    "MeterStorageFunction": {
        *(
            (f"dynamodb:{w}Item", key)
            for w in ("Get", "Put", "Update")
            for key in ("ORG#*", "SWEEP#*")
        ),
        ("dynamodb:BatchGetItem", "ORG#*"),
        *(("dynamodb:DeleteItem", key) for key in ("ORG#*", "SWEEP#*")),
        *(("dynamodb:Query", key) for key in ("ORG#*", "SWEEP#*")),
    },
}

INDEX_KEYS = {
    "WarnFunction": {(AUDIT, "AUDIT#ORGANIZATIONS#*")},
    "ProveCountersFunction": {(AUDIT, "AUDIT#ORGANIZATIONS#*")},
    "MeterStorageFunction": {(AUDIT, "AUDIT#ORGANIZATIONS#*")},
}
