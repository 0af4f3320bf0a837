"""Roles of the functions of accounts."""

from tests.infrastructure.grants import (
    AUDIT,
    DUE,
    EXTERNAL_IDS,
    MEMBERSHIPS,
    OWN_BUCKETS,
    OWN_TABLES,
    PLATFORM,
    items,
    keys,
    of,
)

STACKS = "stack/${Prefix}-account-*/*"
TREE = "parameter/${Prefix}/accounts/*"
EXECUTIONS = (
    "execution:${Prefix}-provision-account:*",
    "execution:${Prefix}-teardown-account:*",
    "execution:${Prefix}-move-account:*",
)
MACHINES = ("ProvisionMachine", "TeardownMachine", "MoveMachine")
LEDGER = items(PLATFORM, "BatchGetItem", "UpdateItem")
MANAGEMENT = of("ManagementRoleArn", "sts:AssumeRole")
ENTRANCE = "event-bus/${EntranceBus}"
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
PROGRAMS = of("UserPoolArn", "cognito-idp:ListUserPoolClients")
DELETES_STACKS = {
    *of(STACKS, "cloudformation:DeleteStack", "cloudformation:DescribeStacks"),
    *of("ProvisionerRole.Arn", "iam:PassRole"),
    *items(OWN_TABLES, "DescribeTable", "UpdateTable"),
    *of(OWN_BUCKETS, "s3:ListBucketVersions"),
    *of(f"{OWN_BUCKETS}/*", "s3:DeleteObject", "s3:DeleteObjectVersion"),
}

ROLES = {
    "ApiFunction": {
        *items(PLATFORM, "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *items(MEMBERSHIPS, "Query"),
        *SURVEY,
        *of(TREE, "ssm:DeleteParameter"),
    },
    # The one door at which anybody is given a program's secret.
    "CredentialsFunction": {
        *items(PLATFORM, "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *items(MEMBERSHIPS, "Query"),
        *of(
            "UserPoolArn",
            "cognito-idp:CreateUserPoolClient",
            "cognito-idp:DeleteUserPoolClient",
            "cognito-idp:DescribeUserPoolClient",
        ),
    },
    "AwaitGraceFunction": LEDGER,
    "ExportFunction": {
        *LEDGER,
        *SURVEY,
        *MANAGEMENT,
        *items(PLATFORM, "GetItem"),
        *of("${Archive.Arn}/*", "s3:PutObject"),
    },
    "StopInflowsFunction": LEDGER | items(PLATFORM, "GetItem"),
    "PurgeFunction": {
        *LEDGER,
        *items(PLATFORM, "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query"),
        *items(MEMBERSHIPS, "Query"),
        *of(
            "UserPoolArn",
            "cognito-idp:AdminDeleteUser",
            "cognito-idp:AdminListGroupsForUser",
            "cognito-idp:DeleteUserPoolClient",
            "cognito-idp:ListUserPoolClients",
        ),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
        *of(TREE, "ssm:DeleteParameter"),
        *of("*", "ssm:DescribeParameters"),
    },
    "DeleteStackFunction": {
        *LEDGER,
        *DELETES_STACKS,
        *SHUTS_OUT,
        *of(EXTERNAL_IDS, "ssm:DeleteParameter"),
    },
    "AwaitDeletionFunction": {
        *LEDGER,
        *of(STACKS, "cloudformation:DescribeStacks"),
        *SHUTS_OUT,
        *of(EXTERNAL_IDS, "ssm:DeleteParameter"),
    },
    "InventoryFunction": {
        *LEDGER,
        *SURVEY,
        *PROGRAMS,
        *MANAGEMENT,
        *items("table/${TenantTable}", "Scan"),
        *items(PLATFORM, "Scan"),
    },
    "ReleaseFunction": LEDGER | MANAGEMENT,
    "CloseFunction": LEDGER | MANAGEMENT,
    "CertifyFunction": {
        *LEDGER,
        *items(PLATFORM, "GetItem", "PutItem"),
        *SURVEY,
        *PROGRAMS,
        *items(AUDIT, "GetItem", "PutItem", "UpdateItem"),
        *of("${Archive.Arn}/*", "s3:GetObject", "s3:PutObject"),
        *of("CertificateKey.Arn", "kms:Sign"),
    },
    "HaltFunction": LEDGER | items(PLATFORM, "GetItem"),
    "ValidateFunction": LEDGER | items(PLATFORM, "GetItem"),
    "ReserveFunction": LEDGER | items(PLATFORM, "GetItem"),
    "AdoptSharedFunction": LEDGER,
    "VendFunction": LEDGER | MANAGEMENT | of(ENTRANCE, "events:DescribeEventBus"),
    "PlaceFunction": LEDGER | MANAGEMENT,
    "GuardFunction": LEDGER | of("TenantDataRoleArn", "sts:AssumeRole"),
    "CreateStackFunction": {
        *LEDGER,
        *MANAGEMENT,
        *of(ENTRANCE, "events:PutPermission"),
        *of(EXTERNAL_IDS, "ssm:GetParameter", "ssm:PutParameter"),
        *of(STACKS, "cloudformation:CreateStack"),
        *of("ProvisionerRole.Arn", "iam:PassRole"),
    },
    "AwaitStackFunction": {
        *MANAGEMENT,
        *LEDGER,
        *items(PLATFORM, "PutItem"),
        *of(STACKS, "cloudformation:DescribeStackEvents", "cloudformation:DescribeStacks"),
    },
    "ConfigureFunction": {
        *LEDGER,
        *items(PLATFORM, "GetItem", "PutItem", "Query"),
        *of("UserPoolArn", "cognito-idp:CreateUserPoolClient"),
        *of(TREE, "ssm:PutParameter"),
    },
    "SeedFunction": {
        *LEDGER,
        *items(PLATFORM, "GetItem"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
    },
    "VerifyFunction": LEDGER | of("TenantDataRoleArn", "sts:AssumeRole"),
    "ActivateFunction": LEDGER | items(PLATFORM, "GetItem"),
    "AnnounceFunction": LEDGER | of(TREE, "ssm:DeleteParameter", "ssm:PutParameter"),
    "CompensateFunction": {
        *SHUTS_OUT,
        *LEDGER,
        *items(PLATFORM, "GetItem", "PutItem", "Query"),
        *of("UserPoolArn", "cognito-idp:DeleteUserPoolClient"),
        *DELETES_STACKS,
        *of(TREE, "ssm:DeleteParameter", "ssm:PutParameter"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
    },
    "MoveRouteFunction": LEDGER | items(PLATFORM, "GetItem"),
    "MoveCopyFunction": {
        *LEDGER,
        *items(PLATFORM, "GetItem"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
    },
    "CompensateMoveFunction": {
        *LEDGER,
        *items(PLATFORM, "GetItem"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
        *DELETES_STACKS,
    },
    "RetireCopiesFunction": {
        *LEDGER,
        *items(PLATFORM, "GetItem"),
        *items(DUE, "Query"),
        *of("TenantDataRoleArn", "sts:AssumeRole"),
        *DELETES_STACKS,
        *of(TREE, "ssm:PutParameter"),
        *of("RetireCopiesDeadLetters.Arn", "sqs:SendMessage"),
    },
    "CloseQuarantinedFunction": {
        *items(PLATFORM, "GetItem"),
        *MANAGEMENT,
        *of("CloseQuarantinedDeadLetters.Arn", "sqs:SendMessage"),
    },
    "RemoveStrayClientsFunction": {
        *items(PLATFORM, "BatchGetItem"),
        *PROGRAMS,
        *of(
            "UserPoolArn",
            "cognito-idp:DeleteUserPoolClient",
            "cognito-idp:DescribeUserPoolClient",
        ),
        *of("RemoveStrayClientsDeadLetters.Arn", "sqs:SendMessage"),
    },
    "StartOperationsFunction": {
        *LINE,
        *of(
            "StartOperationsQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
    },
    "CloseAccountsFunction": {
        *items(PLATFORM, "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *of(
            "CloseAccountsQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
    },
    "SendMailsFunction": {
        *items(PLATFORM, "BatchGetItem", "DeleteItem", "GetItem", "Query", "UpdateItem"),
        *of("UserPoolArn", "cognito-idp:ListUsersInGroup"),
        *of("identity/${SesIdentity}", "ses:SendEmail"),
        *of(
            "SendMailsQueue.Arn",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
    },
    "SettleOperationsFunction": {
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
    "ReconcileFunction": {
        *LINE,
        *of("ReconcileDeadLetters.Arn", "sqs:SendMessage"),
        *RUNS,
    },
}

KEYS = {
    "CredentialsFunction": {
        *keys("ACCOUNT#*", "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *keys("ORG#*", "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *keys("USER#*", "BatchGetItem", "GetItem"),
    },
    "ConfigureFunction": {
        *keys("*", "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *keys("ORG#*", "Query"),
    },
    "CompensateFunction": {
        *keys("*", "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *keys("ORG#*", "Query"),
    },
    "RemoveStrayClientsFunction": {
        *keys("ACCOUNT#*", "BatchGetItem"),
        *keys("ORG#*", "BatchGetItem"),
    },
    "CloseAccountsFunction": {
        *keys("ACCOUNT#*", "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *keys("ORG#*", "BatchGetItem", "GetItem"),
    },
    "SendMailsFunction": {
        *keys("ACCOUNT#*", "BatchGetItem", "DeleteItem", "GetItem", "Query"),
        *keys("ORG#*", "BatchGetItem", "GetItem", "Query"),
        *keys("USER#*", "BatchGetItem", "GetItem"),
        *keys("EVENT#*", "UpdateItem"),
    },
    # The ledger is anywhere; of the administration a teardown has one organisation alone.
    "ExportFunction": {
        *keys("*", "BatchGetItem", "UpdateItem"),
        *keys("ORG#*", "GetItem", "Query"),
    },
    "PurgeFunction": {
        *keys("*", "BatchGetItem", "UpdateItem"),
        *keys("ORG#*", "BatchWriteItem", "DeleteItem", "Query"),
        *keys("DOMAIN#*", "BatchWriteItem", "DeleteItem", "Query"),
        *keys("ACCOUNT#*", "PutItem"),
        *keys("USER#*", "BatchWriteItem", "DeleteItem", "GetItem", "Query"),
    },
    "InventoryFunction": {
        *keys("*", "BatchGetItem", "Scan", "UpdateItem"),
        *keys("ORG#*", "Query"),
    },
    "CertifyFunction": {
        *keys("*", "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        *keys("ORG#*", "Query"),
    },
    "ApiFunction": {
        *keys("ACCOUNT#*", "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *keys("ORG#*", "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        *keys("USER#*", "BatchGetItem", "GetItem", "Query"),
    },
}

INDEX_KEYS = {
    "CertifyFunction": {(AUDIT, "ORG#*#SEALS")},
}
