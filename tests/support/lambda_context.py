"""The context object that Lambda gives a handler."""

from dataclasses import dataclass
from typing import cast

from aws_lambda_powertools.utilities.typing import LambdaContext


@dataclass
class _Context:
    aws_request_id: str
    function_name: str
    memory_limit_in_mb: int = 512
    function_version: str = "$LATEST"
    remaining_ms: int = 5_000

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:eu-central-1:000000000000:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


def lambda_context(
    request_id: str = "5f6f0a1e-0000-4000-8000-000000000001",
    function_name: str = "tenantry-test",
    remaining_ms: int = 5_000,
) -> LambdaContext:
    """A context with just what handlers and Powertools read."""
    return cast("LambdaContext", _Context(request_id, function_name, remaining_ms=remaining_ms))
