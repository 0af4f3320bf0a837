"""Adapter: an older system that answers over HTTP.

    POST <url>/sign-in  {"email", "password"}  ->  200 {"email", "name"?, "locale"?}
    POST <url>/lookup   {"email"}              ->  200 the same

with the shared secret as bearer token. 400, 401, 404 and 422 say that there is nobody of that
address and password: what a stranger types must not count as a failure. Anything else is one, a
403 for a wrong secret too; docs/operations.md tells the older system's side.

Cognito waits five seconds in all, so this gives up after TOTAL; after some failures in a row a
circuit, shared by all environments of the function, answers at once for a while.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as DeadlineError
from http import HTTPStatus
from typing import TYPE_CHECKING

import requests
from aws_lambda_powertools.utilities.circuit_breaker import (
    CircuitBreakerConfig,
    CircuitBreakerError,
    circuit_breaker,
)
from aws_lambda_powertools.utilities.circuit_breaker.persistence import (
    CircuitBreakerDynamoDBPersistence,
)
from aws_lambda_powertools.utilities.parameters import GetParameterError, SecretsProvider
from pydantic import ValidationError

from tenantry.errors import UnavailableError
from tenantry.identity.model import LegacyUser

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.circuit_breaker.persistence import (
        CircuitBreakerPersistenceLayer,
    )
    from botocore.config import Config
    from types_boto3_dynamodb.client import DynamoDBClient

CONNECT, READ, TOTAL = 0.8, 1.5, 2.5
"""Seconds: to connect, between two bytes, and for the whole answer."""
LONGEST = 16 * 1024
FAILURES, PAUSE = 5, 30
SECRET_KEPT = 300

_NOBODY = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)


class HttpLegacyDirectory:
    def __init__(
        self,
        url: str,
        secret: Callable[[], str],
        circuit: "CircuitBreakerPersistenceLayer",
        total: float = TOTAL,
    ) -> None:
        self._url = url.rstrip("/")
        self._secret = secret
        self._total = total
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="legacy")
        self._guarded: Callable[[str, dict[str, str]], LegacyUser | None] = circuit_breaker(
            name=f"legacy-directory {self._url}",
            persistence_store=circuit,
            config=CircuitBreakerConfig(
                failure_threshold=FAILURES,
                recovery_timeout=PAUSE,
                success_threshold=1,
                handled_exceptions=UnavailableError,
            ),
        )(self._asked)

    def sign_in(self, email: str, password: str) -> LegacyUser | None:
        return self._answer("sign-in", {"email": email, "password": password})

    def find(self, email: str) -> LegacyUser | None:
        return self._answer("lookup", {"email": email})

    def _answer(self, path: str, body: dict[str, str]) -> LegacyUser | None:
        try:
            user = self._guarded(path, body)
        except CircuitBreakerError as error:
            raise UnavailableError("The older system has not answered lately.") from error
        if user and user.email != body["email"]:
            raise UnavailableError("The older system answered for somebody else.")
        return user

    def _asked(self, path: str, body: dict[str, str]) -> LegacyUser | None:
        """Ask in a thread: a timeout of `requests` counts anew with every byte."""
        asked: Future[LegacyUser | None] = self._pool.submit(self._ask, path, body)
        try:
            return asked.result(self._total)
        except DeadlineError as error:
            raise UnavailableError("The older system is too slow.") from error
        except (requests.RequestException, GetParameterError, ValidationError) as error:
            reason = type(error).__name__
        raise UnavailableError(f"The older system does not answer sensibly: {reason}.")

    def _ask(self, path: str, body: dict[str, str]) -> LegacyUser | None:
        with requests.post(
            f"{self._url}/{path}",
            json=body,
            headers={"authorization": f"Bearer {self._secret()}"},
            timeout=(CONNECT, READ),
            allow_redirects=False,
            stream=True,
        ) as answer:
            if answer.status_code in _NOBODY:
                return None
            if answer.status_code != HTTPStatus.OK:
                raise UnavailableError(f"The older system answered {answer.status_code}.")
            return LegacyUser.model_validate_json(_text(answer))


def _text(answer: requests.Response) -> bytes:
    """The whole answer, which may come in pieces; UnavailableError when it is too long."""
    text = bytearray()
    for piece in answer.iter_content(LONGEST):
        text += piece
        if len(text) > LONGEST:
            raise UnavailableError("The older system answered too much.")
    return bytes(text)


def secret_of(arn: str, config: "Config | None" = None) -> Callable[[], str]:
    """Reads a secret, kept for SECRET_KEPT seconds so that a rotated one is taken up."""
    provider = SecretsProvider(boto_config=config)

    def read() -> str:
        return str(provider.get(arn, max_age=SECRET_KEPT))

    return read


def circuit_in(client: "DynamoDBClient", table: str) -> CircuitBreakerDynamoDBPersistence:
    """The circuit's state in the platform table: CIRCUIT / <name of the circuit>."""
    return CircuitBreakerDynamoDBPersistence(
        table,
        key_attr="PK",
        sort_key_attr="SK",
        static_pk_value="CIRCUIT",
        expiry_attr="purge_at",
        boto3_client=client,
    )
