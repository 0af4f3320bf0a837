"""Roles of the functions of deadletters."""

from tests.infrastructure.grants import PLATFORM, items, of

ROLES = {
    "ApiFunction": {
        *items(PLATFORM, "GetItem", "PutItem"),
        *of("*", "sqs:ListQueues"),
        *of(
            "${Prefix}-*",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        ),
        *of("${StreamFailuresBucket}", "s3:ListBucket"),
        *of("${StreamFailuresBucket}/*", "s3:DeleteObject", "s3:GetObject"),
        *of("function:${Prefix}-streams-publish-changes", "lambda:InvokeFunction"),
    },
}

KEYS = {
    "ApiFunction": {
        (f"dynamodb:{action}", key)
        for action in ("GetItem", "PutItem")
        for key in ("USER#*", "REDRIVE#*")
    },
}
