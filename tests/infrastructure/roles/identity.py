"""Roles of the functions of identity."""

from tests.infrastructure.grants import MEMBERSHIPS, PLATFORM, items, keys, of

ARRIVAL = items(PLATFORM, "BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "UpdateItem")
# What arriving reads and writes: the person, their wishes, their organisations.
ARRIVALS_KEYS = {
    (f"dynamodb:{action}", f"{key}#*")
    for action in ("BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "UpdateItem")
    for key in ("USER", "SIGNUP", "MIGRATION", "ORG", "SLUG", "DOMAIN")
}

ROLES = {
    "ApiFunction": {
        *items(PLATFORM, "BatchGetItem", "GetItem", "UpdateItem"),
        *items(MEMBERSHIPS, "Query"),
        *of("UserPoolArn", "cognito-idp:AdminUserGlobalSignOut"),
    },
    "PreSignUpFunction": {
        *items(PLATFORM, "BatchGetItem", "GetItem", "PutItem"),
        *of("UserPoolArn", "cognito-idp:AdminGetUser", "cognito-idp:AdminLinkProviderForUser"),
    },
    "PostConfirmationFunction": ARRIVAL,
    "PreAuthenticationFunction": {
        *items(PLATFORM, "GetItem", "UpdateItem"),
        *items(MEMBERSHIPS, "Query"),
    },
    "PostAuthenticationFunction": ARRIVAL,
    "PreTokenGenerationFunction": ARRIVAL | items(MEMBERSHIPS, "Query"),
    "CustomMessageFunction": set(),
    "UserMigrationFunction": {
        *items(PLATFORM, "GetItem", "PutItem", "UpdateItem"),
        *items("table/${LegacyTable}", "GetItem"),
        *of("LegacyDirectorySecretArn", "secretsmanager:GetSecretValue"),
    },
}

KEYS = {
    "ApiFunction": {
        *keys("USER#*", "BatchGetItem", "GetItem", "UpdateItem"),
        *keys("ORG#*", "BatchGetItem", "GetItem"),
    },
    "PreSignUpFunction": {
        ("dynamodb:PutItem", "SIGNUP#*"),
        ("dynamodb:BatchGetItem", "ORG#*"),
        ("dynamodb:GetItem", "ORG#*"),
        ("dynamodb:GetItem", "MIGRATION#*"),
    },
    "PreAuthenticationFunction": {
        ("dynamodb:GetItem", "USER#*"),
        ("dynamodb:UpdateItem", "USER#*"),
    },
    "PostConfirmationFunction": ARRIVALS_KEYS,
    "PostAuthenticationFunction": ARRIVALS_KEYS,
    "PreTokenGenerationFunction": ARRIVALS_KEYS,
    "UserMigrationFunction": {
        ("dynamodb:PutItem", "MIGRATION#*"),
        ("dynamodb:GetItem", "CIRCUIT"),
        ("dynamodb:PutItem", "CIRCUIT"),
        ("dynamodb:UpdateItem", "CIRCUIT"),
    },
}

INDEX_KEYS = {
    "PreAuthenticationFunction": {(MEMBERSHIPS, "USER#*")},
    "PreTokenGenerationFunction": {(MEMBERSHIPS, "USER#*")},
}
