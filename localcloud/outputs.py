"""The deployed stack's outputs as a client on this machine uses them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localcloud.errors import NotRunningError
from localcloud.place import REGION, Place

# API Gateway's addresses name the API in the host; the path-style ones of the local cloud work
# with every HTTP client. https becomes http, wss becomes ws.
_GATEWAY_URL = re.compile(r"(https|wss)://([a-z0-9]+)\.execute-api\.[^/\s]+/([^/\s]+)")
_AMPLIFY_VERSION = "1.3"


def localized(where: Place, outputs: Mapping[str, str]) -> dict[str, str]:
    """The stack's outputs with local URLs, plus `Endpoint` and `MailboxUrl`."""
    local = {name: _local_url(where, value) for name, value in outputs.items()}
    if api := outputs.get("GraphqlApiId"):
        local["GraphqlUrl"] = f"{where.endpoint}/v1/apis/{api}/graphql"
    if "TokenUrl" in outputs:
        local["TokenUrl"] = f"{where.endpoint}/oauth2/token"
    return {
        "Region": REGION,
        "Endpoint": where.endpoint,
        **local,
        "MailboxUrl": f"{where.endpoint}/mailbox",
    }


def _local_url(where: Place, value: str) -> str:
    def path_style(match: re.Match[str]) -> str:
        scheme = "ws" if match[1] == "wss" else "http"
        authority = where.endpoint.removeprefix("http")
        return f"{scheme}{authority}/_aws/execute-api/{match[2]}/{match[3]}"

    return _GATEWAY_URL.sub(path_style, value)


def amplify(where: Place, outputs: Mapping[str, str]) -> dict[str, Any]:
    """Amplify's outputs file (Gen 2) for a front end.

    Amplify reads no Cognito endpoint from this file; a front end sets it before configuring:
    `config.Auth.Cognito.userPoolEndpoint = outputs.custom.userPoolEndpoint`.
    """
    region = outputs.get("Region", REGION)
    return {
        "version": _AMPLIFY_VERSION,
        "auth": {
            "aws_region": region,
            "user_pool_id": outputs.get("UserPoolId", ""),
            "user_pool_client_id": outputs.get("UserPoolClientId", ""),
            "username_attributes": ["email"],
            "standard_required_attributes": ["email"],
            "user_verification_types": ["email"],
            "unauthenticated_identities_enabled": False,
        },
        "data": {
            "aws_region": region,
            "url": outputs.get("GraphqlUrl", ""),
            "default_authorization_type": "AMAZON_COGNITO_USER_POOLS",
            "authorization_types": [],
        },
        "custom": {
            "userPoolEndpoint": where.endpoint,
            "restUrl": outputs.get("RestUrl", ""),
            "mailboxUrl": outputs["MailboxUrl"],
        },
    }


def write(where: Place, outputs: Mapping[str, str]) -> None:
    """Write outputs.json and amplify_outputs.json."""
    _write_json(where.outputs, outputs)
    _write_json(where.amplify, amplify(where, outputs))


def read(where: Place) -> dict[str, str]:
    """What `write` wrote; NotRunningError when nothing was deployed yet."""
    if not where.outputs.exists():
        raise NotRunningError(where.home)
    outputs: dict[str, str] = json.loads(where.outputs.read_text())
    return outputs


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    new = file.with_suffix(".tmp")
    new.write_text(json.dumps(content, indent=2) + "\n")
    new.replace(file)
