"""What each role may do: typed here, and within what the function's code calls."""

import ast

import pytest

from tests.infrastructure import code, rules
from tests.infrastructure.templates import Json, parse, target, templates

PLATFORM = "table/${PlatformTable}"
MEMBERSHIPS = f"{PLATFORM}/index/GSI1"
DUE = f"{PLATFORM}/index/GSI2"
AUDIT = "table/${AuditTable}"
OWN_TABLES = "table/${Prefix}-account-*"
OWN_BUCKETS = "${Prefix}-account-*"
STACKS = "stack/${Prefix}-account-*/*"
TREE = "parameter/${Prefix}/accounts/*"
EXECUTIONS = (
    "execution:${Prefix}-provision-account:*",
    "execution:${Prefix}-teardown-account:*",
    "execution:${Prefix}-move-account:*",
)
MACHINES = ("ProvisionMachine", "TeardownMachine", "MoveMachine")
BUS = "event-bus/${EventBus}"


def of(resource: str, *actions: str) -> set[tuple[str, str]]:
    return {(action, resource) for action in actions}


def items(resource: str, *actions: str) -> set[tuple[str, str]]:
    return of(resource, *(f"dynamodb:{action}" for action in actions))


def keys(key: str, *actions: str) -> set[tuple[str, str]]:
    return of(key, *(f"dynamodb:{action}" for action in actions))


LEDGER = items(PLATFORM, "BatchGetItem", "UpdateItem")
MANAGEMENT = of("ManagementRoleArn", "sts:AssumeRole")
ENTRANCE = "event-bus/${EntranceBus}"
EXTERNAL_IDS = "parameter/${Prefix}/accounts/*/external-id"
SHUTS_OUT = MANAGEMENT | of(ENTRANCE, "events:RemovePermission")
LINE = {
    *LEDGER,
    *items(PLATFORM, "PutItem"),
    *items(f"{PLATFORM}/index/GSI2", "Query"),
    *(pair for machine in MACHINES for pair in of(machine, "states:StartExecution")),
}
RUNS = {
    pair
    for runs in EXECUTIONS
    for pair in of(runs, "states:DescribeExecution", "states:StopExecution")
}
# What looks for everything that there is of an account.
SURVEY = {
    *items(PLATFORM, "Query"),
    *of("TenantDataRoleArn", "sts:AssumeRole"),
    *of(STACKS, "cloudformation:DescribeStacks"),
    *of(
        "*",
        "dynamodb:ListTables",
        "s3:ListAllMyBuckets",
        "ssm:DescribeParameters",
        "tag:GetResources",
    ),
    *of("key/*", "kms:DescribeKey"),
}
DELETES_STACKS = {
    *of(STACKS, "cloudformation:DeleteStack", "cloudformation:DescribeStacks"),
    *of("ProvisionerRole.Arn", "iam:PassRole"),
    *items(OWN_TABLES, "DescribeTable", "UpdateTable"),
    *of(OWN_BUCKETS, "s3:ListBucketVersions"),
    *of(f"{OWN_BUCKETS}/*", "s3:DeleteObject", "s3:DeleteObjectVersion"),
}
ARRIVAL = items(PLATFORM, "BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "UpdateItem")
CONSUME = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")

# context, function: everything that it may do, beyond its own logs and traces
EXPECTED = {
    ("streams", "PublishChangesFunction"): {
        *of(BUS, "events:PutEvents"),
        *of("PublisherFailures.Arn", "sqs:SendMessage"),
        *items("PlatformStreamArn", "DescribeStream", "GetRecords", "GetShardIterator"),
        *items("TenantStreamArn", "DescribeStream", "GetRecords", "GetShardIterator"),
        *items(f"{OWN_TABLES}/stream/*", "DescribeStream", "GetRecords", "GetShardIterator"),
        *items("*", "ListStreams"),
        *of("${FailuresBucket}/*", "s3:PutObject"),
        *of("${FailuresBucket}", "s3:ListBucket"),
    },
    ("streams", "AdmitChangesFunction"): {
        *items(PLATFORM, "GetItem"),
        *of(BUS, "events:PutEvents"),
        *of(
            "AdmitChangesQueue.Arn",
            *("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
        ),
    },
    ("audit", "ApiFunction"): {
        *items(PLATFORM, "BatchGetItem", "UpdateItem"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
    },
    ("audit", "RecordEventsFunction"): {
        *items(AUDIT, "PutItem"),
        *of(
            "RecordEventsQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
    },
    ("audit", "SweepRetentionFunction"): {
        *items(AUDIT, "BatchGetItem", "GetItem", "PutItem", "Query"),
        *items(PLATFORM, "GetItem"),
        *of("SweepRetentionDeadLetters.Arn", "sqs:SendMessage"),
    },
    ("audit", "WriteExportsFunction"): {
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
    ("audit", "StartSealingFunction"): {
        *items(AUDIT, "GetItem", "PutItem", "Query"),
        *of("SealDaysQueue.Arn", "sqs:SendMessage"),
        *of("StartSealingDeadLetters.Arn", "sqs:SendMessage"),
    },
    ("audit", "SealDaysFunction"): {
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
    ("audit", "VerifyApiFunction"): {
        *items(PLATFORM, "BatchGetItem"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
        *of("SealSigningKeyArn", "kms:GetPublicKey"),
        *of("RetiredSealKeyArns", "kms:GetPublicKey"),
    },
    ("identity", "ApiFunction"): {
        *items(PLATFORM, "BatchGetItem", "GetItem", "UpdateItem"),
        *items(MEMBERSHIPS, "Query"),
        *of("UserPoolArn", "cognito-idp:AdminUserGlobalSignOut"),
    },
    ("identity", "PreSignUpFunction"): {
        *items(PLATFORM, "BatchGetItem", "GetItem", "PutItem"),
        *of("UserPoolArn", "cognito-idp:AdminGetUser", "cognito-idp:AdminLinkProviderForUser"),
    },
    ("identity", "PostConfirmationFunction"): ARRIVAL,
    ("identity", "PreAuthenticationFunction"): {
        *items(PLATFORM, "GetItem", "UpdateItem"),
        *items(MEMBERSHIPS, "Query"),
    },
    ("identity", "PostAuthenticationFunction"): ARRIVAL,
    ("identity", "PreTokenGenerationFunction"): ARRIVAL | items(MEMBERSHIPS, "Query"),
    ("identity", "CustomMessageFunction"): set(),
    ("identity", "UserMigrationFunction"): {
        *items(PLATFORM, "GetItem", "PutItem", "UpdateItem"),
        *items("table/${LegacyTable}", "GetItem"),
        *of("LegacyDirectorySecretArn", "secretsmanager:GetSecretValue"),
    },
    ("invitations", "ApiFunction"): items(
        PLATFORM,
        "BatchGetItem",
        "ConditionCheckItem",
        "GetItem",
        "PutItem",
        "Query",
        "UpdateItem",
    ),
    ("invitations", "SendMailsFunction"): {
        *items(PLATFORM, "BatchGetItem", "GetItem", "UpdateItem"),
        *of("identity/${SesIdentity}", "ses:SendEmail"),
        *of("SendMailsQueue.Arn", *CONSUME),
    },
    ("invitations", "SweepFunction"): {
        *items(f"{PLATFORM}/index/GSI2", "Query"),
        *items(PLATFORM, "GetItem", "UpdateItem"),
        *of("SweepQueue.Arn", *CONSUME),
    },
    ("organizations", "ApiFunction"): items(
        PLATFORM, "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"
    ),
    ("organizations", "RefreshMembersFunction"): {
        *items(PLATFORM, "GetItem", "UpdateItem"),
        *items(MEMBERSHIPS, "Query"),
        *of(
            "RefreshMembersQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
    },
    ("organizations", "SweepSupportFunction"): {
        *items(PLATFORM, "BatchGetItem", "PutItem", "UpdateItem"),
        *items(DUE, "Query"),
        *of("SweepSupportDeadLetters.Arn", "sqs:SendMessage"),
    },
    ("deadletters", "ApiFunction"): {
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
    ("usage", "WarnFunction"): {
        *items(PLATFORM, "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *items(AUDIT, "Query"),
        *of("WarnDeadLetters.Arn", "sqs:SendMessage"),
    },
    ("usage", "ProveCountersFunction"): {
        *items(PLATFORM, "GetItem", "PutItem", "Query", "UpdateItem"),
        *items(AUDIT, "Query"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
        *of("ProveCountersDeadLetters.Arn", "sqs:SendMessage"),
    },
    ("licenses", "ApiFunction"): items(
        PLATFORM, "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"
    ),
    ("licenses", "RemindFunction"): {
        *items(PLATFORM, "GetItem", "UpdateItem"),
        *items(DUE, "Query"),
        *of("RemindDeadLetters.Arn", "sqs:SendMessage"),
    },
    ("billing", "ApiFunction"): {
        *items(PLATFORM, "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *of("SettleSubscriptionsQueue.Arn", "sqs:SendMessage"),
        *of("StripeSecretArn", "secretsmanager:GetSecretValue"),
    },
    ("billing", "SettleSubscriptionsFunction"): {
        *items(PLATFORM, "BatchGetItem", "GetItem", "UpdateItem"),
        *of("StripeSecretArn", "secretsmanager:GetSecretValue"),
        *of(
            "SettleSubscriptionsQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
    },
    ("billing", "EndSubscriptionsFunction"): {
        *items(PLATFORM, "BatchGetItem", "UpdateItem"),
        *of("StripeSecretArn", "secretsmanager:GetSecretValue"),
        *of(
            "EndSubscriptionsQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
    },
    ("billing", "SweepSubscriptionsFunction"): {
        *items(PLATFORM, "BatchGetItem", "UpdateItem"),
        *items(DUE, "Query"),
        *of("SweepSubscriptionsDeadLetters.Arn", "sqs:SendMessage"),
        *of("StripeSecretArn", "secretsmanager:GetSecretValue"),
    },
    ("accounts", "ApiFunction"): {
        *items(PLATFORM, "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *items(MEMBERSHIPS, "Query"),
        *SURVEY,
        *of(TREE, "ssm:DeleteParameter"),
    },
    ("accounts", "AwaitGraceFunction"): LEDGER,
    ("accounts", "ExportFunction"): LEDGER | SURVEY | of("${Archive.Arn}/*", "s3:PutObject"),
    ("accounts", "StopInflowsFunction"): LEDGER | items(PLATFORM, "GetItem"),
    ("accounts", "PurgeFunction"): {
        *LEDGER,
        *items(PLATFORM, "BatchWriteItem", "DeleteItem", "GetItem", "Query"),
        *items(MEMBERSHIPS, "Query"),
        *of(
            "UserPoolArn",
            "cognito-idp:AdminDeleteUser",
            "cognito-idp:AdminListGroupsForUser",
        ),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
        *of(TREE, "ssm:DeleteParameter"),
        *of("*", "ssm:DescribeParameters"),
    },
    ("accounts", "DeleteStackFunction"): {
        *LEDGER,
        *DELETES_STACKS,
        *SHUTS_OUT,
        *of(EXTERNAL_IDS, "ssm:DeleteParameter"),
    },
    ("accounts", "AwaitDeletionFunction"): {
        *LEDGER,
        *of(STACKS, "cloudformation:DescribeStacks"),
        *SHUTS_OUT,
        *of(EXTERNAL_IDS, "ssm:DeleteParameter"),
    },
    ("accounts", "InventoryFunction"): {
        *LEDGER,
        *SURVEY,
        *MANAGEMENT,
        *items("table/${TenantTable}", "Scan"),
        *items(PLATFORM, "Scan"),
    },
    ("accounts", "ReleaseFunction"): LEDGER | MANAGEMENT,
    ("accounts", "CloseFunction"): LEDGER | MANAGEMENT,
    ("accounts", "CertifyFunction"): {
        *LEDGER,
        *items(PLATFORM, "GetItem", "PutItem"),
        *SURVEY,
        *items(AUDIT, "GetItem", "PutItem", "UpdateItem"),
        *of("${Archive.Arn}/*", "s3:GetObject", "s3:PutObject"),
        *of("CertificateKey.Arn", "kms:Sign"),
    },
    ("accounts", "HaltFunction"): LEDGER | items(PLATFORM, "GetItem"),
    ("accounts", "ValidateFunction"): LEDGER | items(PLATFORM, "GetItem"),
    ("accounts", "ReserveFunction"): LEDGER | items(PLATFORM, "GetItem"),
    ("accounts", "AdoptSharedFunction"): LEDGER,
    ("accounts", "VendFunction"): LEDGER | MANAGEMENT | of(ENTRANCE, "events:DescribeEventBus"),
    ("accounts", "PlaceFunction"): LEDGER | MANAGEMENT,
    ("accounts", "GuardFunction"): LEDGER | of("TenantDataRoleArn", "sts:AssumeRole"),
    ("accounts", "CreateStackFunction"): {
        *LEDGER,
        *MANAGEMENT,
        *of(ENTRANCE, "events:PutPermission"),
        *of(EXTERNAL_IDS, "ssm:GetParameter", "ssm:PutParameter"),
        *of(STACKS, "cloudformation:CreateStack"),
        *of("ProvisionerRole.Arn", "iam:PassRole"),
    },
    ("accounts", "AwaitStackFunction"): {
        *MANAGEMENT,
        *LEDGER,
        *items(PLATFORM, "PutItem"),
        *of(STACKS, "cloudformation:DescribeStackEvents", "cloudformation:DescribeStacks"),
    },
    ("accounts", "ConfigureFunction"): {
        *LEDGER,
        *items(PLATFORM, "GetItem"),
        *of(TREE, "ssm:PutParameter"),
    },
    ("accounts", "SeedFunction"): {
        *LEDGER,
        *items(PLATFORM, "GetItem"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
    },
    ("accounts", "VerifyFunction"): LEDGER | of("TenantDataRoleArn", "sts:AssumeRole"),
    ("accounts", "ActivateFunction"): LEDGER | items(PLATFORM, "GetItem"),
    ("accounts", "AnnounceFunction"): LEDGER | of(TREE, "ssm:PutParameter"),
    ("accounts", "CompensateFunction"): {
        *SHUTS_OUT,
        *LEDGER,
        *items(PLATFORM, "GetItem", "PutItem"),
        *DELETES_STACKS,
        *of(TREE, "ssm:DeleteParameter", "ssm:PutParameter"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
    },
    ("accounts", "MoveRouteFunction"): LEDGER | items(PLATFORM, "GetItem"),
    ("accounts", "MoveCopyFunction"): {
        *LEDGER,
        *items(PLATFORM, "GetItem"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
    },
    ("accounts", "CompensateMoveFunction"): {
        *LEDGER,
        *items(PLATFORM, "GetItem"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
        *DELETES_STACKS,
    },
    ("accounts", "RetireCopiesFunction"): {
        *LEDGER,
        *items(PLATFORM, "GetItem"),
        *items(DUE, "Query"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
        *DELETES_STACKS,
        *of("RetireCopiesDeadLetters.Arn", "sqs:SendMessage"),
    },
    ("accounts", "CloseQuarantinedFunction"): {
        *items(PLATFORM, "GetItem"),
        *MANAGEMENT,
        *of("CloseQuarantinedDeadLetters.Arn", "sqs:SendMessage"),
    },
    ("accounts", "StartOperationsFunction"): {
        *LINE,
        *of(
            "StartOperationsQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
    },
    ("accounts", "CloseAccountsFunction"): {
        *items(PLATFORM, "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *of(
            "CloseAccountsQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
    },
    ("accounts", "SettleOperationsFunction"): {
        *LEDGER,
        *(pair for machine in MACHINES for pair in of(machine, "states:StartExecution")),
        *RUNS,
        *of(
            "SettleOperationsQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
    },
    ("accounts", "ReconcileFunction"): {
        *LINE,
        *of("ReconcileDeadLetters.Arn", "sqs:SendMessage"),
        *RUNS,
    },
    ("health", "ApiFunction"): {
        *items(PLATFORM, "DescribeTable"),
        *of(BUS, "events:DescribeEventBus"),
    },
}
TENANT_DATA = {
    *of("arn:${AWS::Partition}:iam::*:role/${Prefix}-platform", "sts:AssumeRole"),
    *of(EXTERNAL_IDS, "ssm:GetParameter"),
    *(
        pair
        for place in ("TenantTable.Arn", "${TenantTable.Arn}/index/*")
        for pair in items(
            place,
            "BatchGetItem",
            "BatchWriteItem",
            "ConditionCheckItem",
            "DeleteItem",
            "GetItem",
            "PutItem",
            "Query",
            "UpdateItem",
        )
    ),
    *(
        pair
        for place in (OWN_TABLES, f"{OWN_TABLES}/index/*")
        for pair in items(
            place,
            "BatchGetItem",
            "BatchWriteItem",
            "ConditionCheckItem",
            "DeleteItem",
            "GetItem",
            "PutItem",
            "Query",
            "UpdateItem",
        )
    ),
    *(
        pair
        for place in ("${TenantRaw.Arn}/*", "${TenantProcessed.Arn}/*", f"{OWN_BUCKETS}/*")
        for pair in of(
            place,
            "s3:AbortMultipartUpload",
            "s3:DeleteObject",
            "s3:DeleteObjectVersion",
            "s3:GetObject",
            "s3:PutObject",
            "s3:PutObjectTagging",
        )
    ),
    *(
        pair
        for bucket in ("TenantRaw.Arn", "TenantProcessed.Arn", OWN_BUCKETS)
        for pair in of(bucket, "s3:ListBucket", "s3:ListBucketVersions")
    ),
    *items("AuditTable.Arn", "BatchGetItem", "GetItem", "Query"),
    *items("${AuditTable.Arn}/index/*", "BatchGetItem", "GetItem", "Query"),
    *of("${SealsBucket.Arn}/*", "s3:GetObject"),
    *of("SealsBucket.Arn", "s3:ListBucket"),
    *of("SealWrappingKey.Arn", "kms:Decrypt"),
    *of(
        "${AuditExports.Arn}/*",
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetObject",
        "s3:PutObject",
    ),
    *of("AuditExports.Arn", "s3:ListBucketVersions"),
}

# What arriving reads and writes: the person, their wishes, their organisations.
_ARRIVAL = {
    (f"dynamodb:{action}", f"{key}#*")
    for action in ("BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "UpdateItem")
    for key in ("USER", "SIGNUP", "MIGRATION", "ORG", "SLUG", "DOMAIN")
}

# Cognito's triggers, and what only counts calls: of the platform table, these partitions alone.
KEYS = {
    ("billing", "EndSubscriptionsFunction"): keys("ORG#*", "BatchGetItem", "UpdateItem"),
    ("streams", "AdmitChangesFunction"): {("dynamodb:GetItem", "ORG#*")},
    ("audit", "ApiFunction"): {("dynamodb:BatchGetItem", "*"), ("dynamodb:UpdateItem", "ORG#*")},
    ("audit", "SweepRetentionFunction"): {("dynamodb:GetItem", "ORG#*")},
    ("audit", "WriteExportsFunction"): {
        (f"dynamodb:{action}", key)
        for action in ("BatchGetItem", "GetItem", "Query")
        for key in ("ORG#*", "USER#*")
    },
    ("usage", "WarnFunction"): {
        ("dynamodb:GetItem", "SWEEP#*"),
        ("dynamodb:BatchGetItem", "ORG#*"),
        *((f"dynamodb:{w}Item", key) for w in ("Put", "Update") for key in ("ORG#*", "SWEEP#*")),
    },
    ("usage", "ProveCountersFunction"): {
        *(
            (f"dynamodb:{w}Item", key)
            for w in ("Get", "Put", "Update")
            for key in ("ORG#*", "SWEEP#*")
        ),
        ("dynamodb:Query", "ORG#*"),
    },
    ("invitations", "ApiFunction"): {
        *keys(
            "ORG#*",
            *("BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        ),
        *keys("USER#*", "BatchGetItem", "GetItem"),
    },
    ("invitations", "SendMailsFunction"): {
        *keys("ORG#*", "BatchGetItem", "GetItem", "UpdateItem"),
        *keys("USER#*", "BatchGetItem", "GetItem"),
        *keys("EVENT#*", "UpdateItem"),
    },
    ("invitations", "SweepFunction"): keys("ORG#*", "GetItem", "UpdateItem"),
    ("licenses", "RemindFunction"): {
        ("dynamodb:GetItem", "ORG#*"),
        ("dynamodb:UpdateItem", "ORG#*"),
    },
    ("licenses", "ApiFunction"): {
        *keys("ORG#*", "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *keys("USER#*", "BatchGetItem", "GetItem", "Query"),
    },
    ("organizations", "ApiFunction"): {
        *keys("ORG#*", "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *keys("USER#*", "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *keys("DOMAIN#*", "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *keys("SLUG#*", "PutItem", "UpdateItem"),
    },
    ("billing", "ApiFunction"): {
        *keys("ORG#*", "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *keys("CUSTOMER#*", "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *keys("USER#*", "BatchGetItem", "GetItem"),
    },
    ("accounts", "CloseAccountsFunction"): {
        *keys("ACCOUNT#*", "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *keys("ORG#*", "BatchGetItem", "GetItem"),
    },
    # The ledger is anywhere; of the administration a teardown has one organisation alone.
    ("accounts", "ExportFunction"): {
        *keys("*", "BatchGetItem", "UpdateItem"),
        *keys("ORG#*", "Query"),
    },
    ("accounts", "PurgeFunction"): {
        *keys("*", "BatchGetItem", "UpdateItem"),
        *keys("ORG#*", "BatchWriteItem", "DeleteItem", "Query"),
        *keys("DOMAIN#*", "BatchWriteItem", "DeleteItem", "Query"),
        *keys("USER#*", "BatchWriteItem", "DeleteItem", "GetItem", "Query"),
    },
    ("accounts", "InventoryFunction"): {
        *keys("*", "BatchGetItem", "Scan", "UpdateItem"),
        *keys("ORG#*", "Query"),
    },
    ("accounts", "CertifyFunction"): {
        *keys("*", "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *keys("ORG#*", "Query"),
    },
    ("accounts", "ApiFunction"): {
        *keys("ACCOUNT#*", "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *keys("ORG#*", "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *keys("USER#*", "BatchGetItem", "GetItem", "Query"),
    },
    ("identity", "ApiFunction"): {
        *keys("USER#*", "BatchGetItem", "GetItem", "UpdateItem"),
        *keys("ORG#*", "BatchGetItem", "GetItem"),
    },
    ("identity", "PreSignUpFunction"): {
        ("dynamodb:PutItem", "SIGNUP#*"),
        ("dynamodb:BatchGetItem", "ORG#*"),
        ("dynamodb:GetItem", "ORG#*"),
        ("dynamodb:GetItem", "MIGRATION#*"),
    },
    ("identity", "PreAuthenticationFunction"): {
        ("dynamodb:GetItem", "USER#*"),
        ("dynamodb:UpdateItem", "USER#*"),
    },
    ("identity", "PostConfirmationFunction"): _ARRIVAL,
    ("identity", "PostAuthenticationFunction"): _ARRIVAL,
    ("identity", "PreTokenGenerationFunction"): _ARRIVAL,
    ("deadletters", "ApiFunction"): {
        (f"dynamodb:{action}", key)
        for action in ("GetItem", "PutItem")
        for key in ("USER#*", "REDRIVE#*")
    },
    ("identity", "UserMigrationFunction"): {
        ("dynamodb:PutItem", "MIGRATION#*"),
        ("dynamodb:GetItem", "CIRCUIT"),
        ("dynamodb:PutItem", "CIRCUIT"),
        ("dynamodb:UpdateItem", "CIRCUIT"),
    },
}

# The same for the platform table's indexes and the audit's table: partitions of one kind.
INDEX_KEYS = {
    ("accounts", "CertifyFunction"): {(AUDIT, "ORG#*#SEALS")},
    ("usage", "WarnFunction"): {(AUDIT, "AUDIT#ORGANIZATIONS#*")},
    ("usage", "ProveCountersFunction"): {(AUDIT, "AUDIT#ORGANIZATIONS#*")},
    ("identity", "PreAuthenticationFunction"): {(MEMBERSHIPS, "USER#*")},
    ("identity", "PreTokenGenerationFunction"): {(MEMBERSHIPS, "USER#*")},
    ("invitations", "SweepFunction"): {(DUE, "DUE#INVITATIONS#*")},
    ("licenses", "RemindFunction"): {(DUE, "LICENSES_DUE#*")},
}

WRITES = {f"dynamodb:{each}Item" for each in ("Put", "Update", "Delete", "BatchWrite")}
UNHELD: dict[tuple[str, str], str] = {}
"""API functions that may write under any partition key of a table, and why."""

ALL = templates()
FUNCTIONS = {
    (template.name, logical_id): (
        properties,
        dict(template.properties("AWS::IAM::Role"))[target(properties["Role"])],
    )
    for template in ALL
    for logical_id, properties in template.functions()
}


def of_itself(logical_id: str) -> set[tuple[str, str]]:
    """Its logs and, where switched on, its traces."""
    logs = logical_id.replace("Function", "Logs")
    return {
        *of(f"{logs}.Arn", "logs:CreateLogStream", "logs:PutLogEvents"),
        *of("*", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    }


def test_the_older_systems_secret_is_read_wherever_its_service_is_asked() -> None:
    _, role = FUNCTIONS["identity", "UserMigrationFunction"]
    chosen = {
        each["Fn::If"][1]["Sid"]: each["Fn::If"][0]
        for policy in role["Policies"]
        for each in policy["PolicyDocument"]["Statement"]
        if "Fn::If" in each
    }
    assert chosen["LegacySecret"] == chosen["LegacyCircuit"] == "HasLegacyService"


def module_of(properties: Json) -> str:
    return str(properties["Handler"]).removesuffix(".handler")


def test_every_function_is_in_the_table() -> None:
    assert FUNCTIONS.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED, ids=".".join)
def test_a_role_may_do_exactly_what_is_typed_here(name: tuple[str, str]) -> None:
    _, role = FUNCTIONS[name]
    assert rules.grants(role) == EXPECTED[name] | of_itself(name[1])


@pytest.mark.parametrize("name", EXPECTED, ids=".".join)
def test_a_role_is_held_to_the_keys_that_are_typed_here(name: tuple[str, str]) -> None:
    _, role = FUNCTIONS[name]
    any_key = {(action, "*") for action, resource in EXPECTED[name] if resource == PLATFORM}
    assert rules.keyed(role, PLATFORM) == KEYS.get(name, any_key)
    held = {
        (index, key)
        for index in (MEMBERSHIPS, DUE, AUDIT)
        for _, key in rules.keyed(role, index)
        if key != "*"
    }
    assert held == INDEX_KEYS.get(name, set())


def test_every_function_that_people_call_writes_under_its_own_keys_only() -> None:
    """Whatever a caller makes of a request, it changes no item of a kind that is not its own."""
    open_to_all = {
        name
        for name, (_, role) in FUNCTIONS.items()
        if name[1].endswith("ApiFunction")
        for action, key in rules.keyed_writes(role, WRITES)
        if key == "*"
    }
    assert open_to_all == UNHELD.keys()


@pytest.mark.parametrize("name", EXPECTED, ids=".".join)
def test_a_role_may_do_nothing_that_its_code_does_not_call(name: tuple[str, str]) -> None:
    properties, role = FUNCTIONS[name]
    module = module_of(properties)
    assert code.module_path(module), f"{module} does not exist"

    called = code.actions(module)
    if called & {"cloudformation:CreateStack", "cloudformation:DeleteStack"}:
        called |= {"iam:PassRole"}  # of the role that CloudFormation works with
    if name == ("identity", "UserMigrationFunction"):
        # Powertools' circuit breaker and its secrets make their calls themselves.
        called |= {"dynamodb:GetItem", "dynamodb:UpdateItem"}

    template = next(each for each in ALL if each.name == name[0])
    if rules.gives_up_to(template, name[1]):
        called |= {"sqs:SendMessage"}  # Lambda sends what failed, in the function's name

    assert rules.beyond_code(role, called) == set()


def test_every_function_that_counts_api_calls_may_add_them_up() -> None:
    """Who reads standings counts calls, and every fiftieth time writes: to organisations alone."""
    counting = {
        name
        for name, (properties, _) in FUNCTIONS.items()
        if name[1] == "ApiFunction"
        and "tenantry.organizations.bootstrap.access" in code.imported(module_of(properties))
    }
    assert {("audit", "ApiFunction"), ("licenses", "ApiFunction")} <= counting
    for name in counting:
        keys = {
            key
            for action, key in rules.keyed(FUNCTIONS[name][1], PLATFORM)
            if action == "dynamodb:UpdateItem"
        }
        assert keys & {"ORG#*", "*"}, name


@pytest.mark.parametrize("name", EXPECTED, ids=".".join)
def test_a_function_is_told_nothing_that_its_code_does_not_read(name: tuple[str, str]) -> None:
    properties, _ = FUNCTIONS[name]
    told = {
        variable
        for variable in properties["Environment"]["Variables"]
        if not variable.startswith("POWERTOOLS_") and variable != "STAGE"
    }
    assert told - code.texts(module_of(properties)) == set()


def test_tenant_data_is_reached_by_one_role_that_only_tagged_roles_assume() -> None:
    root = ALL[0]
    role = dict(root.properties("AWS::IAM::Role"))["TenantDataRole"]

    assert rules.grants(role) == TENANT_DATA
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {
        "StringEquals": {"aws:PrincipalTag/tenant-data": {"Ref": "Prefix"}}
    }
    tagged = {
        name
        for name, (_, function_role) in FUNCTIONS.items()
        if {"Key": "tenant-data", "Value": {"Ref": "Prefix"}} in function_role.get("Tags", [])
    }
    assuming = {
        name
        for name, allowed in EXPECTED.items()
        if ("sts:AssumeRole", "TenantDataRoleArn") in allowed
    }
    assert tagged == assuming


OF_ALL_TENANTS = {
    # What a teardown looks for in everybody's table: keys alone, as the test below holds.
    ("accounts", "InventoryFunction"): {("dynamodb:Scan", "table/${TenantTable}")},
    # The key of an organisation's seals gets the date of its end.
    ("accounts", "CertifyFunction"): items(AUDIT, "GetItem", "PutItem", "UpdateItem"),
}


def test_handlers_of_tenant_data_reach_it_by_no_other_way() -> None:
    for name, allowed in EXPECTED.items():
        if "sts:AssumeRole" in dict(allowed):
            others = {pair for pair in allowed if "Audit" in pair[1] or "Tenant" in pair[1]}
            if name in REGISTER_ONLY:
                register = {place for place, _ in INDEX_KEYS[name]}
                others = {pair for pair in others if pair[1] not in register}
            known = OF_ALL_TENANTS.get(name, set()) | {("sts:AssumeRole", "TenantDataRoleArn")}
            assert others <= known, name


REGISTER_ONLY = {("usage", "ProveCountersFunction")}
"""Reads which organisations there are, as the audit's register says, under its keys alone."""


def test_the_register_holds_no_tenants_data() -> None:
    for name in REGISTER_ONLY:
        assert INDEX_KEYS[name] == {(AUDIT, "AUDIT#ORGANIZATIONS#*")}


def test_whoever_may_scan_the_tables_that_all_share_sees_keys_alone() -> None:
    (scanning,) = [
        (name, statement)
        for name, (_, role) in FUNCTIONS.items()
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "dynamodb:Scan" in statement.get("Action", [])
    ]
    assert scanning[0] == ("accounts", "InventoryFunction")
    assert scanning[1]["Condition"] == {
        "ForAllValues:StringEquals": {"dynamodb:Attributes": ["PK", "SK"]},
        "StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
    }


def test_the_end_of_an_account_touches_no_more_of_the_audit_than_the_key_of_the_seals() -> None:
    _, role = FUNCTIONS["accounts", "CertifyFunction"]
    keys_of_seals = keys("ORG#*#SEALS", "GetItem", "PutItem", "UpdateItem")
    assert rules.keyed(role, AUDIT) == keys_of_seals


FOR_THIS_ACCOUNT = ("appsync.amazonaws.com", "cloudformation.amazonaws.com", "states.amazonaws.com")


def test_roles_are_assumed_by_services_of_this_account_only() -> None:
    for template in ALL:
        for logical_id, role in template.properties("AWS::IAM::Role"):
            for trust in role["AssumeRolePolicyDocument"]["Statement"]:
                service = trust["Principal"].get("Service")
                if service in FOR_THIS_ACCOUNT:
                    assert "aws:SourceAccount" in str(trust["Condition"]), logical_id
                else:
                    assert service in (None, "lambda.amazonaws.com", "apigateway.amazonaws.com")
                assert trust["Action"] == "sts:AssumeRole"


ROLE = """
Resources:
  R:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Statement:
              - {Effect: Allow, Action: dynamodb:GetItem, Resource: !Sub "${AWS::AccountId}:T"}
              - !If [Some, {Effect: Allow, Action: [%s], Resource: !Ref Q}, !Ref AWS::NoValue]
"""
MODULE = """
class Adapter:
    def read(self):
        return self._table.get_all([])

    def write(self):
        self._table.transact([Check({}), Count({}, "n", 1)])
        partial(self._client.put_events, Entries=[])
        {}.get("x")
"""


def test_a_wider_role_is_noticed_by_table_and_by_code() -> None:
    good, bad = (
        dict(parse("x", ROLE % action).properties())["R"]
        for action in ("sqs:SendMessage", "sqs:SendMessage, dynamodb:Scan")
    )
    allowed = {("dynamodb:GetItem", "T"), ("sqs:SendMessage", "Q")}
    called = {"dynamodb:GetItem", "sqs:SendMessage"}

    assert rules.grants(good) == allowed
    assert rules.beyond_code(good, called) == set()
    assert rules.wider_than(good, allowed) == set()
    assert rules.wider_than(bad, allowed) == {("dynamodb:Scan", "Q")}
    assert rules.beyond_code(bad, called) == {"dynamodb:Scan"}


KEYED = """
Resources:
  R:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Statement:
              - Effect: Allow
                Action: dynamodb:PutItem
                Resource: !Sub "${AWS::AccountId}:T"
                Condition: %s
"""
LIKE = "ForAllValues:StringLike: {dynamodb:LeadingKeys: ['A#*']}"


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        (f"{{{LIKE}, 'Null': {{dynamodb:LeadingKeys: 'false'}}}}", {"A#*"}),
        (f"{{{LIKE}}}", {"*"}),
        (f"{{{LIKE}, 'Null': {{dynamodb:LeadingKeys: 'true'}}}}", {"*"}),
        ("{'Null': {dynamodb:LeadingKeys: 'false'}}", {"*"}),
        ("{}", {"*"}),
    ],
)
def test_a_condition_that_leaves_keys_open_is_noticed(condition: str, keys: set[str]) -> None:
    """`ForAllValues` holds for a request that names no key, so `Null` goes with it."""
    role = dict(parse("x", KEYED % condition).properties())["R"]

    assert rules.keyed(role, "T") == {("dynamodb:PutItem", key) for key in keys}


def test_calls_are_read_from_code() -> None:
    assert set(code.actions_of(ast.parse(MODULE))) == {
        "dynamodb:BatchGetItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:UpdateItem",
        "events:PutEvents",
    }
