"""Roles of the functions of invitations."""

from tests.infrastructure.grants import DUE, PLATFORM, items, keys, of

CONSUME = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")

ROLES = {
    "ApiFunction": items(
        PLATFORM,
        "BatchGetItem",
        "ConditionCheckItem",
        "GetItem",
        "PutItem",
        "Query",
        "UpdateItem",
    ),
    "SendMailsFunction": {
        *items(PLATFORM, "BatchGetItem", "GetItem", "UpdateItem"),
        *of("identity/${SesIdentity}", "ses:SendEmail"),
        *of("SendMailsQueue.Arn", *CONSUME),
    },
    "SweepFunction": {
        *items(f"{PLATFORM}/index/GSI2", "Query"),
        *items(PLATFORM, "GetItem", "UpdateItem"),
        *of("SweepQueue.Arn", *CONSUME),
    },
}

KEYS = {
    "ApiFunction": {
        *keys(
            "ORG#*",
            *("BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        ),
        *keys("USER#*", "BatchGetItem", "GetItem"),
    },
    "SendMailsFunction": {
        *keys("ORG#*", "BatchGetItem", "GetItem", "UpdateItem"),
        *keys("USER#*", "BatchGetItem", "GetItem"),
        *keys("EVENT#*", "UpdateItem"),
    },
    "SweepFunction": keys("ORG#*", "GetItem", "UpdateItem"),
}

INDEX_KEYS = {
    "SweepFunction": {(DUE, "DUE#INVITATIONS#*")},
}
