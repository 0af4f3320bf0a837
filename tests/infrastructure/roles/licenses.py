"""Roles of the functions of licenses."""

from tests.infrastructure.grants import DUE, MEMBERSHIPS, PLATFORM, items, keys, of

ROLES = {
    "ApiFunction": {
        *items(PLATFORM, "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *items(MEMBERSHIPS, "Query"),
    },
    "RemindFunction": {
        *items(PLATFORM, "GetItem", "UpdateItem"),
        *items(DUE, "Query"),
        *of("RemindDeadLetters.Arn", "sqs:SendMessage"),
    },
}

KEYS = {
    "RemindFunction": {
        ("dynamodb:GetItem", "ORG#*"),
        ("dynamodb:UpdateItem", "ORG#*"),
    },
    "ApiFunction": {
        *keys("ORG#*", "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *keys("USER#*", "BatchGetItem", "GetItem", "Query"),
    },
}

INDEX_KEYS = {
    "ApiFunction": {(MEMBERSHIPS, "CLIENT#*")},
    "RemindFunction": {(DUE, "LICENSES_DUE#*")},
}
