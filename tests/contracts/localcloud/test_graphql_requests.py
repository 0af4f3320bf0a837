"""Who may ask a GraphQL API, how much, and what its errors tell.

https://docs.aws.amazon.com/appsync/latest/devguide/configuration-limits.html
https://docs.aws.amazon.com/appsync/latest/devguide/security-authz.html
https://docs.aws.amazon.com/appsync/latest/devguide/built-in-util-js.html (util.error)
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from localcloud.place import Place

SCHEMA = """
type Query { greeting: Greeting refusal: String }
type Greeting { word: String again: Greeting }
schema { query: Query }
"""
REQUEST = "export function request(ctx) { return { payload: { word: 'hello', again: null } }; }"
ANSWERS = f"{REQUEST}\nexport function response(ctx) {{ return ctx.result; }}"
REFUSES = (
    f"import {{ util }} from '@aws-appsync/utils';\n{REQUEST}\nexport function response(ctx) {{ "
    "util.error('no', 'REFUSED', null, { faults: [{ field: 'a' }] }); }"
)
PASSWORD = "Correct-Horse-7-Battery"


@dataclass(frozen=True)
class Asker:
    """A signed-in user of a pool and the API that believes this pool."""

    url: str
    token: str

    def ask(self, query: str, token: str | None = None) -> tuple[int, dict[str, Any]]:
        return self.send(json.dumps({"query": query}).encode(), token)

    def send(self, body: bytes, token: str | None = None) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(
            self.url,
            data=body,
            headers={
                "content-type": "application/json",
                "authorization": self.token if token is None else token,
            },
        )
        try:
            with urllib.request.urlopen(request) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


@pytest.fixture
def sign_in(client: Any) -> Callable[[str], tuple[str, str]]:
    """Makes a user pool with one user; answers its id and an access token of theirs."""

    def signed_in(name: str) -> tuple[str, str]:
        pools = client("cognito-idp")
        pool = pools.create_user_pool(PoolName=name)["UserPool"]["Id"]
        app = pools.create_user_pool_client(
            UserPoolId=pool, ClientName=name, ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
        )["UserPoolClient"]["ClientId"]
        pools.admin_create_user(UserPoolId=pool, Username="ada", MessageAction="SUPPRESS")
        pools.admin_set_user_password(
            UserPoolId=pool, Username="ada", Password=PASSWORD, Permanent=True
        )
        answer = pools.admin_initiate_auth(
            UserPoolId=pool,
            ClientId=app,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ada", "PASSWORD": PASSWORD},
        )
        return pool, str(answer["AuthenticationResult"]["AccessToken"])

    return signed_in


@pytest.fixture
def asker(
    cloud: Place, client: Any, name: str, sign_in: Callable[[str], tuple[str, str]]
) -> Callable[..., Asker]:
    def made(**limits: Any) -> Asker:
        pool, token = sign_in(name)
        graph = client("appsync")
        api = graph.create_graphql_api(
            name=name,
            authenticationType="AMAZON_COGNITO_USER_POOLS",
            userPoolConfig={
                "userPoolId": pool,
                "awsRegion": "eu-central-1",
                "defaultAction": "ALLOW",
            },
            **limits,
        )["graphqlApi"]["apiId"]
        graph.start_schema_creation(apiId=api, definition=SCHEMA.encode())
        graph.create_data_source(apiId=api, name="none", type="NONE")
        for field, code in (("greeting", ANSWERS), ("refusal", REFUSES)):
            graph.create_resolver(
                apiId=api,
                typeName="Query",
                fieldName=field,
                dataSourceName="none",
                runtime={"name": "APPSYNC_JS", "runtimeVersion": "1.0.0"},
                code=code,
            )
        return Asker(f"{cloud.endpoint}/v1/apis/{api}/graphql", token)

    return made


def nested(depth: int) -> str:
    """A query of `depth` levels."""
    return "{ greeting " + "{ again " * (depth - 2) + "{ word }" + " }" * (depth - 2) + " }"


def test_a_token_of_the_pool_is_let_in(asker: Callable[..., Asker]) -> None:
    status, answer = asker().ask("{ greeting { word } }")

    assert (status, answer) == (200, {"data": {"greeting": {"word": "hello"}}})


def test_a_token_that_the_pool_did_not_sign_is_not(
    asker: Callable[..., Asker], sign_in: Callable[[str], tuple[str, str]], name: str
) -> None:
    someone = asker()
    head, payload, signature = someone.token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = _encoded({**claims, "cognito:groups": ["SuperAdmin"]})
    unsigned = f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{forged}."
    expired = f"{head}.{_encoded({**claims, 'exp': 1})}.{signature}"
    _, of_another_pool = sign_in(f"{name}-other")

    for token in (
        f"{head}.{forged}.{signature}",
        unsigned,
        expired,
        of_another_pool,
        f"{head}.{payload}",
        "nonsense",
        "",
    ):
        status, answer = someone.ask("{ greeting { word } }", token)
        assert status == 401, token
        assert answer["errors"][0]["errorType"] == "UnauthorizedException"


def test_a_request_is_as_deep_as_the_api_allows(asker: Callable[..., Asker]) -> None:
    someone = asker(queryDepthLimit=5)

    assert "errors" not in someone.ask(nested(5))[1]
    assert someone.ask(nested(6))[1]["errors"][0]["errorType"] == "QueryDepthLimitReached"
    hidden = "query { greeting { ...A } } fragment A on Greeting { again { ...B } } "
    hidden += "fragment B on Greeting { again { again { again { word } } } }"
    assert someone.ask(hidden)[1]["errors"][0]["errorType"] == "QueryDepthLimitReached"


def test_a_request_runs_as_many_resolvers_as_the_api_allows(asker: Callable[..., Asker]) -> None:
    someone = asker(resolverCountLimit=3)

    def ask(times: int) -> dict[str, Any]:
        fields = " ".join(f"a{n}: greeting {{ word }}" for n in range(times))
        return someone.ask(f"query {{ {fields} }}")[1]

    assert "errors" not in ask(3)
    assert ask(4)["errors"][0]["errorType"] == "ResolverExecutionLimitReached"


def test_an_api_describes_itself_unless_it_is_told_not_to(asker: Callable[..., Asker]) -> None:
    describe = "{ __schema { queryType { name } } }"

    assert asker().ask(describe)[1] == {"data": {"__schema": {"queryType": {"name": "Query"}}}}
    refused = asker(introspectionConfig="DISABLED")
    assert refused.ask(describe)[1]["data"] is None
    assert refused.ask('{ __type(name: "Query") { name } }')[1]["data"] is None
    assert refused.ask("{ __typename }")[1] == {"data": {"__typename": "Query"}}


def test_a_document_of_many_words_is_refused_before_it_is_looked_at(
    asker: Callable[..., Asker],
) -> None:
    status, answer = asker().ask("{ greeting { " + "word " * 200_000 + "} }")

    assert status == 400
    assert answer["errors"][0]["errorType"] == "MalformedHttpRequestException"


def test_a_body_too_deep_to_read_is_malformed(asker: Callable[..., Asker]) -> None:
    status, answer = asker().send(b"[" * 100_000)

    assert status == 400
    assert answer["errors"][0]["errorType"] == "MalformedHttpRequestException"


def test_an_errors_info_reaches_the_client(asker: Callable[..., Asker]) -> None:
    _, answer = asker().ask("{ refusal }")

    [error] = answer["errors"]
    assert error["errorInfo"] == {"faults": [{"field": "a"}]}


def _encoded(claims: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
