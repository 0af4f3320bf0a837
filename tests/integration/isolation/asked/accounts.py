"""What is asked of accounts across tenants."""

from functions.accounts import api, credentials
from tests.integration.isolation.asking import Question, Seeded
from tests.integration.isolation.conftest import World, canary, tenant_id, user_id
from tests.support.invocations import appsync_event
from tests.support.lambda_context import lambda_context

OWN = "/accounts/{accountId}"


def seeded(world: World, tenant: int) -> Seeded:
    own = {
        "name": canary(tenant, "account"),
        "masterAccountName": canary(tenant, "master"),
        "cloudType": "public",
        "technicalUser": canary(tenant, "program"),
    }
    event = appsync_event(
        "requestAccount",
        {"input": own},
        user=user_id(tenant, 0),
        organization=tenant_id(tenant),
    )
    made = api.handler(event, lambda_context())
    assert "error" not in made, made
    ids = {
        "accountId": made["data"]["account"]["id"],
        "operationId": made["data"]["operation"]["id"],
    }
    return Seeded(tenant, ids)


def _account(other: Seeded) -> dict[str, str]:
    return {"accountId": other.ids["accountId"]}


QUESTIONS = (
    Question(api.handler, "account", reads=True, names_none=True),
    Question(
        api.handler,
        "requestAccount",
        lambda _: {"input": {"name": "x", "masterAccountName": "x", "cloudType": "public"}},
        names_none=True,
    ),
    Question(api.handler, "accountOperation", lambda other: dict(other.ids)),
    Question(api.handler, "retryAccount", _account),
    Question(api.handler, "cancelAccountOperation", _account),
    Question(api.handler, "moveAccount", lambda other: {**_account(other), "to": "private"}),
    Question(api.handler, "accountComparison", _account),
    Question(api.handler, "accountTeardownPlan", _account),
    Question(api.handler, "teardownAccount", _account),
    Question(
        api.handler,
        "approveAccountTeardown",
        lambda other: {**_account(other), "approvalId": other.ids["operationId"]},
    ),
    Question(api.handler, "GET /accounts", reads=True, names_none=True),
    Question(
        api.handler,
        "POST /accounts",
        lambda _: {"name": "x", "masterAccountName": "x", "cloudType": "public"},
        names_none=True,
    ),
    Question(api.handler, f"GET {OWN}"),
    Question(api.handler, f"GET {OWN}/operations/{{operationId}}"),
    Question(api.handler, f"GET {OWN}/storage"),
    Question(api.handler, f"POST {OWN}/retry"),
    Question(api.handler, f"POST {OWN}/cancel"),
    Question(api.handler, f"POST {OWN}/move", lambda _: {"to": "private"}),
    Question(api.handler, f"GET {OWN}/comparison"),
    Question(api.handler, f"GET {OWN}/teardown-plan"),
    Question(api.handler, f"DELETE {OWN}"),
    Question(
        api.handler, f"POST {OWN}/approve", lambda other: {"approvalId": other.ids["operationId"]}
    ),
    Question(credentials.handler, f"GET {OWN}/technical-user"),
    Question(credentials.handler, f"POST {OWN}/technical-user/credentials"),
)
