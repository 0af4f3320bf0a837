"""Roles of the functions of streams."""

from tests.infrastructure.grants import BUS, OWN_TABLES, PLATFORM, items, of

ROLES = {
    "PublishChangesFunction": {
        *of(BUS, "events:PutEvents"),
        *of("PublisherFailures.Arn", "sqs:SendMessage"),
        *items("PlatformStreamArn", "DescribeStream", "GetRecords", "GetShardIterator"),
        *items("TenantStreamArn", "DescribeStream", "GetRecords", "GetShardIterator"),
        *items(f"{OWN_TABLES}/stream/*", "DescribeStream", "GetRecords", "GetShardIterator"),
        *items("*", "ListStreams"),
        *of("${FailuresBucket}/*", "s3:PutObject"),
        *of("${FailuresBucket}", "s3:ListBucket"),
    },
    "AdmitChangesFunction": {
        *items(PLATFORM, "GetItem"),
        *of(BUS, "events:PutEvents"),
        *of(
            "AdmitChangesQueue.Arn",
            *("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
        ),
    },
}

KEYS = {
    "AdmitChangesFunction": {("dynamodb:GetItem", "ORG#*")},
}
