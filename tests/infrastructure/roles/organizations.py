"""Roles of the functions of organizations."""

from tests.infrastructure.grants import DUE, MEMBERSHIPS, PLATFORM, items, keys, of

ROLES = {
    "ApiFunction": {
        *items(
            PLATFORM,
            *("BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        ),
        *items(MEMBERSHIPS, "Query"),
    },
    "RefreshMembersFunction": {
        *items(PLATFORM, "GetItem", "UpdateItem"),
        *items(MEMBERSHIPS, "Query"),
        *of(
            "RefreshMembersQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
    },
    "SweepSupportFunction": {
        *items(PLATFORM, "BatchGetItem", "PutItem", "UpdateItem"),
        *items(DUE, "Query"),
        *of("SweepSupportDeadLetters.Arn", "sqs:SendMessage"),
    },
}

KEYS = {
    "ApiFunction": {
        *keys(
            "ORG#*",
            *("BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        ),
        *keys("USER#*", "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *keys("DOMAIN#*", "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *keys("SLUG#*", "PutItem", "UpdateItem"),
    },
}

INDEX_KEYS = {
    "ApiFunction": {(MEMBERSHIPS, "CLIENT#*")},
}
