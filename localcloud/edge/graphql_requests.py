"""Who may ask a GraphQL API, how much, and what an error tells.

MiniStack believes any token, keeps the limits of an API without holding requests to them, and
loses what `util.error` puts into `errorInfo`. On AWS a user pool's token is verified, a request
stays within the API's depth and number of resolvers, and introspection can be switched off:
https://docs.aws.amazon.com/appsync/latest/devguide/configuration-limits.html
https://docs.aws.amazon.com/appsync/latest/devguide/security-authz.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError, parse
from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from ministack.core import appsync_graphql
from ministack.services import appsync, cognito

TOKENS = 15_000
"""Of one document: AWS publishes no bound; this is the parser's own whose messages it shows."""
_COGNITO = "AMAZON_COGNITO_USER_POOLS"

type Response = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Surround the reading of a request, the check of its token, its execution, its errors."""
    believed: Callable[..., bool] = appsync._request_is_authenticated
    execute: Callable[..., Response] = appsync._execute_with_schema
    rendered: Callable[..., list[dict[str, Any]]] = appsync_graphql._as_appsync_errors
    decode: Callable[[bytes | None], dict[str, Any] | None] = appsync._graphql_request

    def verified(
        api_id: str, api: Mapping[str, Any], request_headers: Mapping[str, Any] | None
    ) -> bool:
        if appsync._auth_modes(api) == {_COGNITO} and not _is_of_pool(api, request_headers or {}):
            return False
        return believed(api_id, api, request_headers)

    def within_limits(
        api_id: str,
        sdl: str,
        query: str,
        variables: Any,
        operation_name: str | None,
        *rest: Any,
    ) -> Response:
        refused = _refusal(appsync._apis.get(api_id) or {}, api_id, query, operation_name)
        return refused or execute(api_id, sdl, query, variables, operation_name, *rest)

    def with_error_info(errors: Iterable[Any] | None) -> list[dict[str, Any]]:
        found = list(errors or [])
        shown = rendered(found)
        for entry, error in zip(shown, found, strict=True):
            info = getattr(getattr(error, "original_error", None), "error_info", None)
            if info is not None:
                entry["errorInfo"] = info
        return shown

    def decoded(body: bytes | None) -> dict[str, Any] | None:
        try:
            return decode(body)
        except RecursionError:
            return None

    appsync._graphql_request = decoded
    appsync._request_is_authenticated = verified
    appsync._execute_with_schema = within_limits
    appsync_graphql._as_appsync_errors = with_error_info


def _is_of_pool(api: Mapping[str, Any], headers: Mapping[str, Any]) -> bool:
    """Whether the request carries a token that the API's user pool signed and that is valid."""
    given = {str(name).lower(): str(value) for name, value in headers.items()}
    scheme, _, rest = given.get("authorization", "").partition(" ")
    token = rest if scheme.lower() == "bearer" else scheme
    claims = cognito._token_claims(token)
    issuer = str(claims.get("iss", ""))
    expires = claims.get("exp")
    return (
        issuer.rpartition("/")[2] == (api.get("userPoolConfig") or {}).get("userPoolId")
        and claims.get("token_use") in ("access", "id")
        and isinstance(expires, int | float)
        and time.time() < expires
        and token.count(".") == 2  # noqa: PLR2004 - header, payload, signature
        and bool(cognito._signature_valid(token))
    )


def _refusal(
    api: Mapping[str, Any], api_id: str, query: str, operation_name: str | None
) -> Response | None:
    try:
        document = parse(query, max_tokens=TOKENS)
    except RecursionError:
        return _malformed()
    except GraphQLError:
        return _malformed()
    cost = _Cost.of(document, operation_name)
    introspects = bool({"__schema", "__type"} & cost.roots.keys())
    if introspects and api.get("introspectionConfig") == "DISABLED":
        return _refused("ValidationError", "Introspection is disabled.")
    deepest = int(api.get("queryDepthLimit") or 0)
    if deepest and cost.depth > deepest:
        return _refused("QueryDepthLimitReached", f"Query depth limit of {deepest} exceeded.")
    most = int(api.get("resolverCountLimit") or 0)
    resolvers = (appsync._resolvers.get(api_id) or {}).get(cost.root_type) or {}
    asked = sum(count for name, count in cost.roots.items() if name in resolvers)
    if most and asked > most:
        return _refused(
            "ResolverExecutionLimitReached", f"Resolver invocation limit of {most} reached."
        )
    return None


@dataclass
class _Cost:
    """How deep an operation is, and how often it asks for each field of the root type."""

    fragments: Mapping[str, FragmentDefinitionNode]
    root_type: str = "Query"
    depth: int = 0
    roots: dict[str, int] = field(default_factory=dict)
    _known: dict[str, tuple[int, dict[str, int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, document: DocumentNode, operation_name: str | None) -> _Cost:
        """The cost of the operation that runs; of none when there is no such operation."""
        cost = cls(
            {
                node.name.value: node
                for node in document.definitions
                if isinstance(node, FragmentDefinitionNode)
            }
        )
        for node in document.definitions:
            named = isinstance(node, OperationDefinitionNode) and (
                not operation_name or (node.name and node.name.value == operation_name)
            )
            if named and isinstance(node, OperationDefinitionNode):
                cost.root_type = node.operation.value.title()
                cost.depth, cost.roots = cost._measured(node.selection_set)
                break
        return cost

    def _measured(self, selections: SelectionSetNode | None) -> tuple[int, dict[str, int]]:
        """Levels below, and fields with how often each is asked for, fragments included."""
        depth, fields = 0, dict[str, int]()
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                below, _ = self._measured(node.selection_set)
                depth, found = max(depth, below + 1), {node.name.value: 1}
            elif isinstance(node, FragmentSpreadNode):
                below, found = self._fragment(node.name.value)
                depth = max(depth, below)
            else:
                below, found = self._measured(getattr(node, "selection_set", None))
                depth = max(depth, below)
            for name, count in found.items():
                fields[name] = fields.get(name, 0) + count
        return depth, fields

    def _fragment(self, name: str) -> tuple[int, dict[str, int]]:
        """Measured once; one within itself counts as empty there, and validation refuses it."""
        if name not in self._known:
            self._known[name] = (0, {})
            fragment = self.fragments.get(name)
            if fragment:
                self._known[name] = self._measured(fragment.selection_set)
        return self._known[name]


def _refused(error_type: str, message: str) -> Response:
    body = {"data": None, "errors": [{"errorType": error_type, "message": message}]}
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


def _malformed() -> Response:
    refused: Response = appsync._malformed_graphql_request("Unable to parse GraphQL query.")
    return refused
