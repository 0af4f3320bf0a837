"""What AWS's services say when they cannot answer right now, as what a caller can act on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tenantry.errors import UnavailableError

BUSY = frozenset(
    {
        "503",  # of a HEAD, whose answer has no body to name it
        "DependencyTimeoutException",
        "ExecutionLimitExceeded",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceException",
        "KMSInternalException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyUpdates",
    }
)


@contextmanager
def reached(what: str) -> Iterator[None]:
    """UnavailableError, naming `what`, for a service that is busy or does not answer in time."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in BUSY:
            raise UnavailableError(f"{what} is busy right now; try again.") from error
        raise
    except BotoCoreError as error:
        raise UnavailableError(f"{what} cannot be reached; try again later.") from error


def calling(what: str) -> Callable[..., Any]:
    """Calls an operation of AWS with its request, and says of `what` that it is busy or away."""

    def called(operation: Callable[..., Any], **request: Any) -> Any:
        with reached(what):
            return operation(**request)

    return called
