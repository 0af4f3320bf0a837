"""The outputs of a deployment as clients on this machine get them."""

from __future__ import annotations

from pathlib import Path

from localcloud import outputs
from localcloud.place import Place

WHERE = Place(4999, Path("/nowhere"))
STACK = {
    "Region": "eu-central-1",
    "UserPoolId": "eu-central-1_abc",
    "UserPoolClientId": "client",
    "GraphqlApiId": "graph",
    "GraphqlUrl": "https://graph.appsync-api.eu-central-1.amazonaws.com/graphql",
    "RestUrl": "https://rest1234.execute-api.eu-central-1.amazonaws.com/v1",
    "TokenUrl": "https://acme.auth.eu-central-1.amazoncognito.com/oauth2/token",
    "WebSocketUrl": "wss://sock1234.execute-api.eu-central-1.amazonaws.com/live",
}


def test_every_url_is_one_that_needs_no_host_header() -> None:
    found = outputs.localized(WHERE, STACK)

    assert found["Endpoint"] == "http://127.0.0.1:4999"
    assert found["GraphqlUrl"] == "http://127.0.0.1:4999/v1/apis/graph/graphql"
    assert found["RestUrl"] == "http://127.0.0.1:4999/_aws/execute-api/rest1234/v1"
    assert found["WebSocketUrl"] == "ws://127.0.0.1:4999/_aws/execute-api/sock1234/live"
    assert found["TokenUrl"] == "http://127.0.0.1:4999/oauth2/token"
    assert found["MailboxUrl"] == "http://127.0.0.1:4999/mailbox"
    assert found["UserPoolId"] == "eu-central-1_abc"


def test_amplify_gets_its_generation_two_file() -> None:
    """https://docs.amplify.aws/react/reference/amplify_outputs/"""
    found = outputs.amplify(WHERE, outputs.localized(WHERE, STACK))

    assert found["version"].startswith("1")
    assert found["auth"]["user_pool_id"] == "eu-central-1_abc"
    assert found["auth"]["user_pool_client_id"] == "client"
    assert found["auth"]["aws_region"] == "eu-central-1"
    assert found["data"]["url"] == "http://127.0.0.1:4999/v1/apis/graph/graphql"
    assert found["data"]["default_authorization_type"] == "AMAZON_COGNITO_USER_POOLS"
    assert found["custom"]["userPoolEndpoint"] == "http://127.0.0.1:4999"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    where = Place(4999, tmp_path)
    found = outputs.localized(where, STACK)

    outputs.write(where, found)

    assert outputs.read(where) == found
    assert where.amplify.exists()
