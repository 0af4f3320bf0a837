"""What AWS's services say when they cannot answer right now, as what a caller can act on."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from tenantry.errors import UnavailableError

BUSY = frozenset(
    {
        "503",  # of a HEAD, whose answer has no body to name it
        "DependencyTimeoutException",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "KMSInternalException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
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
