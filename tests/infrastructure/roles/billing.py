"""Roles of the functions of billing."""

from tests.infrastructure.grants import DUE, PLATFORM, items, keys, of

ROLES = {
    "ApiFunction": {
        *items(PLATFORM, "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *of("SettleSubscriptionsQueue.Arn", "sqs:SendMessage"),
        *of("StripeSecretArn", "secretsmanager:GetSecretValue"),
    },
    "SettleSubscriptionsFunction": {
        *items(PLATFORM, "BatchGetItem", "GetItem", "UpdateItem"),
        *of("StripeSecretArn", "secretsmanager:GetSecretValue"),
        *of(
            "SettleSubscriptionsQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
    },
    "EndSubscriptionsFunction": {
        *items(PLATFORM, "BatchGetItem", "UpdateItem"),
        *of("StripeSecretArn", "secretsmanager:GetSecretValue"),
        *of(
            "EndSubscriptionsQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
    },
    "SweepSubscriptionsFunction": {
        *items(PLATFORM, "BatchGetItem", "UpdateItem"),
        *items(DUE, "Query"),
        *of("SweepSubscriptionsDeadLetters.Arn", "sqs:SendMessage"),
        *of("StripeSecretArn", "secretsmanager:GetSecretValue"),
    },
}

KEYS = {
    "EndSubscriptionsFunction": keys("ORG#*", "BatchGetItem", "UpdateItem"),
    "ApiFunction": {
        *keys("ORG#*", "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *keys("CUSTOMER#*", "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *keys("USER#*", "BatchGetItem", "GetItem"),
    },
}
