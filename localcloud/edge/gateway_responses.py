"""Gateway responses that an OpenAPI body defines.

MiniStack imports routes, integrations and authorisers of a body, but not what API Gateway answers
itself: see "x-amazon-apigateway-gateway-responses object" in the API Gateway developer guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.services import apigateway_v1

EXTENSION = "x-amazon-apigateway-gateway-responses"


def install() -> None:
    """Put the responses of a body when it is imported."""
    import_rest_api = apigateway_v1._import_rest_api

    def import_with_responses(spec: Mapping[str, Any], *args: Any, **kwargs: Any) -> str:
        api_id: str = import_rest_api(spec, *args, **kwargs)
        for kind, response in (spec.get(EXTENSION) or {}).items():
            status, _, body = apigateway_v1._put_gateway_response(
                api_id,
                kind,
                {**response, "statusCode": str(response["statusCode"])}
                if "statusCode" in response
                else dict(response),
            )
            if status >= 400:  # noqa: PLR2004 - an HTTP error status
                raise ValueError(f"gateway response {kind} was refused: {body!r}")
        return api_id

    apigateway_v1._import_rest_api = import_with_responses
