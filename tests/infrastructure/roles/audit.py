"""Roles of the functions of audit."""

from tests.infrastructure.grants import AUDIT, PLATFORM, items, of

ROLES = {
    "ApiFunction": {
        *items(PLATFORM, "BatchGetItem", "UpdateItem"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
    },
    "RecordEventsFunction": {
        *items(AUDIT, "PutItem"),
        *of(
            "RecordEventsQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
    },
    "SweepRetentionFunction": {
        *items(AUDIT, "BatchGetItem", "GetItem", "PutItem", "Query"),
        *items(PLATFORM, "GetItem"),
        *of("SweepRetentionDeadLetters.Arn", "sqs:SendMessage"),
    },
    "WriteExportsFunction": {
        *items(PLATFORM, "BatchGetItem", "GetItem", "Query"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
        *of(
            "WriteExportsQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        ),
    },
    "StartSealingFunction": {
        *items(AUDIT, "GetItem", "PutItem", "Query"),
        *of("SealDaysQueue.Arn", "sqs:SendMessage"),
        *of("StartSealingDeadLetters.Arn", "sqs:SendMessage"),
    },
    "SealDaysFunction": {
        *items(AUDIT, "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *items(PLATFORM, "BatchGetItem", "PutItem", "Query", "UpdateItem"),
        *of("${SealsBucket}/*", "s3:GetObject", "s3:PutObject"),
        *of("SealSigningKeyArn", "kms:GetPublicKey", "kms:Sign"),
        *of("RetiredSealKeyArns", "kms:GetPublicKey"),
        *of("SealWrappingKeyArn", "kms:Decrypt", "kms:GenerateDataKey"),
        *of("EventArchiveArn", "events:StartReplay"),
        *of("replay/audit-*", "events:StartReplay"),
        *of(
            "SealDaysQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        ),
    },
    "VerifyApiFunction": {
        *items(PLATFORM, "BatchGetItem"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
        *of("SealSigningKeyArn", "kms:GetPublicKey"),
        *of("RetiredSealKeyArns", "kms:GetPublicKey"),
    },
}

KEYS = {
    "ApiFunction": {("dynamodb:BatchGetItem", "*"), ("dynamodb:UpdateItem", "ORG#*")},
    "SweepRetentionFunction": {("dynamodb:GetItem", "ORG#*")},
    "WriteExportsFunction": {
        (f"dynamodb:{action}", key)
        for action in ("BatchGetItem", "GetItem", "Query")
        for key in ("ORG#*", "USER#*")
    },
}
