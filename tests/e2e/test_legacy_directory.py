"""People come over from an older system that answers over HTTP."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcloud.client import Product
from localcloud.demo.stage import Stage
from localcloud.deployment import DIRECTORY_SECRET
from tenantry.identity.http import FAILURES
from tenantry.identity.model import LegacyUser
from tests.support.older_system import OlderSystem, older_system
from tests.support.refusals import Refusal, refusal

OLD_PASSWORD = "an old Password from 2009!"
NEW_PASSWORD = "Another-Horse-8-Battery"
WRONG = Refusal("NotAuthorizedException", "Incorrect username or password.")
ME = "query { me { name locale email } }"
GRACE, HEDY, JOAN, MARY = (
    LegacyUser(email=f"{name.lower()}@older.example", name=name, locale="de")
    for name in ("Grace", "Hedy", "Joan", "Mary")
)


@pytest.fixture
def product(strict: Stage) -> Product:
    return strict[0]


@pytest.fixture
def function(strict: Stage) -> str:
    return f"{strict[0].outputs['Prefix']}-identity-user-migration"


@pytest.fixture
def older(strict: Stage, function: str) -> Iterator[OlderSystem]:
    """The older system, at an address of its own: whose circuit is of its own too."""
    aws = strict[1]
    secret = aws("secretsmanager").get_secret_value(SecretId=DIRECTORY_SECRET)["SecretString"]
    functions = aws("lambda")
    found = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]

    def ask(url: str) -> None:
        functions.update_function_configuration(
            FunctionName=function,
            Environment={"Variables": {**found, "LEGACY_DIRECTORY_URL": url}},
        )

    with older_system(secret, dict.fromkeys((GRACE, HEDY, JOAN, MARY), OLD_PASSWORD)) as running:
        ask(running.url)
        yield running
        ask(found["LEGACY_DIRECTORY_URL"])


@pytest.fixture
def unavailable(strict: Stage, function: str) -> Callable[[], int]:
    """How often the alarm's metric was counted since the test began."""
    began = int(time.time() * 1000)

    def count() -> int:
        lines: list[dict[str, Any]] = strict[1]("logs").filter_log_events(
            logGroupName=f"/aws/lambda/{function}", startTime=began, filterPattern=""
        )["events"]
        return sum("LegacyDirectoryUnavailable" in line["message"] for line in lines)

    return count


def test_somebody_comes_over_with_the_password_and_is_asked_for_once(
    product: Product, older: OlderSystem
) -> None:
    migrated = product.sign_in_with_password(GRACE.email, OLD_PASSWORD)

    assert product.graphql(ME, migrated)["me"] == GRACE.model_dump(
        include={"name", "locale", "email"}
    )
    assert product.sign_in(GRACE.email, OLD_PASSWORD).claims["sub"] == migrated.claims["sub"]
    assert older.asked == 1


def test_a_forgotten_password_brings_somebody_over_too(
    product: Product, older: OlderSystem
) -> None:
    client = product.outputs["MigrationClientId"]

    product.cognito.forgot_password(ClientId=client, Username=HEDY.email)
    product.cognito.confirm_forgot_password(
        ClientId=client,
        Username=HEDY.email,
        ConfirmationCode=product.code_mailed_to(HEDY.email),
        Password=NEW_PASSWORD,
    )

    tokens = product.sign_in(HEDY.email, NEW_PASSWORD)
    assert product.graphql(ME, tokens)["me"]["name"] == HEDY.name


def test_wrong_unknown_and_not_answering_look_the_same_and_the_last_raises_an_alarm(
    product: Product, older: OlderSystem, unavailable: Callable[[], int]
) -> None:
    def tried(email: str, password: str) -> Refusal:
        return refusal(lambda: product.sign_in_with_password(email, password))

    assert tried(JOAN.email, "Wrong-1-password!") == WRONG
    assert tried("nobody@older.example", OLD_PASSWORD) == WRONG
    assert unavailable() == 0

    older.status = 500
    assert tried(JOAN.email, OLD_PASSWORD) == WRONG
    assert unavailable() > 0

    older.status = 0
    assert product.sign_in_with_password(JOAN.email, OLD_PASSWORD).access


def test_a_system_that_is_down_is_left_alone_for_a_while(
    product: Product, older: OlderSystem, unavailable: Callable[[], int]
) -> None:
    older.status = 500

    for _ in range(FAILURES + 2):
        assert refusal(lambda: product.sign_in_with_password(MARY.email, OLD_PASSWORD)) == WRONG

    assert older.asked == FAILURES
    assert unavailable() > FAILURES


def test_another_secret_than_the_shared_one_brings_nobody_over(
    product: Product, older: OlderSystem
) -> None:
    older.secret = "rotated meanwhile"

    assert refusal(lambda: product.sign_in_with_password(MARY.email, OLD_PASSWORD)) == WRONG
