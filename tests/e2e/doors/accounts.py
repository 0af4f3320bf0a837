"""Who may use the doors of accounts."""

from tests.e2e.door import OWNERS_AND_OPERATORS, Field

REQUEST = """mutation($name: String!) {
  requestAccount(
    input: {name: $name, masterAccountName: $name, cloudType: public}, dryRun: true
  ) { plan { hash } }
}"""

FIELDS = {
    "account": Field("query { account { id } }", "OWNER"),
    "accountOperation": Field(
        'query { accountOperation(accountId: "MISSING", operationId: "MISSING") { id } }', "OWNER"
    ),
    "requestAccount": Field(REQUEST, "OWNER", writes=True),
    "retryAccount": Field(
        'mutation { retryAccount(accountId: "MISSING") { account { id } } }', "OWNER", writes=True
    ),
    "cancelAccountOperation": Field(
        'mutation { cancelAccountOperation(accountId: "MISSING") { account { id } } }',
        "OWNER",
        writes=True,
    ),
    "moveAccount": Field(
        'mutation { moveAccount(accountId: "MISSING", to: private) { account { id } } }',
        "OWNER",
        writes=True,
    ),
    "accountComparison": Field(
        'query { accountComparison(accountId: "MISSING") { isWhole } }', "OWNER"
    ),
    "accountTeardownPlan": Field(
        'query { accountTeardownPlan(accountId: "MISSING") { hash } }', "OWNER"
    ),
    "teardownAccount": Field(
        'mutation { teardownAccount(accountId: "MISSING") { account { id } } }',
        "OWNER",
        writes=True,
    ),
    "approveAccountTeardown": Field(
        """mutation {
  approveAccountTeardown(accountId: "MISSING", approvalId: "MISSING") { account { id } }
}""",
        "OWNER",
        writes=True,
    ),
}

ROUTES = {
    ("GET", "/accounts"): OWNERS_AND_OPERATORS,
    ("POST", "/accounts"): OWNERS_AND_OPERATORS,
    ("GET", "/accounts/{accountId}"): OWNERS_AND_OPERATORS,
    ("GET", "/accounts/{accountId}/operations/{operationId}"): OWNERS_AND_OPERATORS,
    ("GET", "/accounts/{accountId}/storage"): OWNERS_AND_OPERATORS,
    ("POST", "/accounts/{accountId}/retry"): OWNERS_AND_OPERATORS,
    ("POST", "/accounts/{accountId}/cancel"): OWNERS_AND_OPERATORS,
    ("POST", "/accounts/{accountId}/move"): OWNERS_AND_OPERATORS,
    ("GET", "/accounts/{accountId}/technical-user"): OWNERS_AND_OPERATORS,
    # Operators are given none: NOT_A_MEMBER, like anybody who does not belong.
    ("POST", "/accounts/{accountId}/technical-user/credentials"): "OWNER",
    ("GET", "/accounts/{accountId}/comparison"): OWNERS_AND_OPERATORS,
    ("GET", "/accounts/{accountId}/teardown-plan"): OWNERS_AND_OPERATORS,
    ("DELETE", "/accounts/{accountId}"): OWNERS_AND_OPERATORS,
    ("POST", "/accounts/{accountId}/approve"): OWNERS_AND_OPERATORS,
}
