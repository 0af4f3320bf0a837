"""Who has an account is not told: known and unknown users are answered alike.

200 known and 200 unknown users a flow, on a cloud of their own: each answer costs invocations of
deployed functions. SignUp itself tells, by Cognito's design (docs/security.md).
"""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pycognito.aws_srp import AWSSRP

from localcloud.client import Product
from localcloud.demo.stage import Stage, on
from localcloud.deployed import deployed_cloud
from tests.e2e.conftest import PASSWORD, People

COUNT = 200
WRONG_PASSWORD = "Wrong-Horse-9-Battery"

Aws = Callable[[str], Any]
Flow = Callable[[Product, str, str], Any]


@pytest.fixture(scope="module")
def own_stage() -> Iterator[Stage]:
    with deployed_cloud() as running:
        yield on(*running)


@pytest.fixture(scope="module")
def product(own_stage: Stage) -> Product:
    return own_stage[0]


@pytest.fixture(scope="module")
def aws(own_stage: Stage) -> Aws:
    return own_stage[1]


@pytest.fixture(scope="module")
def people(product: Product, aws: Aws) -> People:
    return People(product, aws)


@pytest.fixture(scope="module")
def confirmed(product: Product, aws: Aws) -> list[str]:
    """Addresses of users who could sign in."""
    client, pool = aws("cognito-idp"), product.outputs["UserPoolId"]

    def made(number: int) -> str:
        email = f"known-{number:03}@accounts.example"
        client.admin_create_user(
            UserPoolId=pool,
            Username=email,
            MessageAction="SUPPRESS",
            UserAttributes=[
                {"Name": "email", "Value": email},
                {"Name": "email_verified", "Value": "true"},
            ],
        )
        client.admin_set_user_password(
            UserPoolId=pool, Username=email, Password=PASSWORD, Permanent=True
        )
        return email

    with ThreadPoolExecutor(4) as pool_of_threads:
        return list(pool_of_threads.map(made, range(COUNT)))


@pytest.fixture(scope="module")
def unconfirmed(product: Product) -> list[str]:
    """Addresses of users who have not confirmed yet."""
    emails = [f"known-new-{number:03}@accounts.example" for number in range(COUNT)]
    for email in emails:
        product.sign_up(email, PASSWORD)
    return emails


@pytest.fixture
def unknown() -> Iterator[str]:
    """Addresses that look the same, of nobody."""
    return (f"knows-{number:03}@accounts.example" for number in itertools.count())


def _srp(product: Product, client: str, email: str) -> Any:
    """Both steps; the first tells nothing either: the same kind of challenge."""
    srp = AWSSRP(
        username=email,
        password=WRONG_PASSWORD,
        pool_id=product.outputs["UserPoolId"],
        client_id=client,
        client=product.cognito,
    )
    parameters = srp.get_auth_params()
    challenge = product.cognito.initiate_auth(
        ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters=parameters
    )
    assert challenge["ChallengeName"] == "PASSWORD_VERIFIER"
    assert sorted(challenge["ChallengeParameters"]) == [
        "SALT",
        "SECRET_BLOCK",
        "SRP_B",
        "USERNAME",
        "USER_ID_FOR_SRP",
    ]
    return product.cognito.respond_to_auth_challenge(
        ClientId=client,
        ChallengeName="PASSWORD_VERIFIER",
        ChallengeResponses=srp.process_challenge(challenge["ChallengeParameters"], parameters),
    )


def _password(product: Product, client: str, email: str) -> Any:
    return product.cognito.initiate_auth(
        ClientId=client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": WRONG_PASSWORD},
    )


def _forgot(product: Product, client: str, email: str) -> Any:
    return product.cognito.forgot_password(ClientId=client, Username=email)


def _new_password(product: Product, client: str, email: str) -> Any:
    """With a code that nobody was sent: the flow of one who has asked for it."""
    _forgot(product, client, email)
    return product.cognito.confirm_forgot_password(
        ClientId=client, Username=email, ConfirmationCode="0000000", Password=WRONG_PASSWORD
    )


def _resend(product: Product, client: str, email: str) -> Any:
    return product.cognito.resend_confirmation_code(ClientId=client, Username=email)


def _confirm(product: Product, client: str, email: str) -> Any:
    return product.cognito.confirm_sign_up(
        ClientId=client, Username=email, ConfirmationCode="0000000"
    )


def answer(flow: Flow, product: Product, client: str, email: str) -> tuple[int, str]:
    """Status and body, the one that a caller sees, without the request's own id."""
    try:
        found = flow(product, client, email)
    except ClientError as error:
        told = error.response["Error"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status, f"{told['Code']}: {told['Message']}"
    metadata = found.pop("ResponseMetadata")
    return metadata["HTTPStatusCode"], repr(sorted(found.items()))


def answers(flow: Flow, product: Product, client: str, emails: list[str]) -> set[tuple[int, str]]:
    with ThreadPoolExecutor(4) as pool:
        return set(pool.map(lambda email: answer(flow, product, client, email), emails))


@pytest.mark.parametrize(
    ("flow", "client"),
    [
        (_srp, "UserPoolClientId"),
        (_password, "MigrationClientId"),
        (_forgot, "UserPoolClientId"),
        (_new_password, "UserPoolClientId"),
    ],
)
def test_confirmed_users_and_nobody_are_told_the_same(
    product: Product, confirmed: list[str], unknown: Iterator[str], flow: Flow, client: str
) -> None:
    nobody = list(itertools.islice(unknown, COUNT))

    known = answers(flow, product, product.outputs[client], confirmed)

    assert len(known) == 1
    assert answers(flow, product, product.outputs[client], nobody) == known


@pytest.mark.parametrize("flow", [_resend, _confirm])
def test_unconfirmed_users_and_nobody_are_told_the_same(
    product: Product, unconfirmed: list[str], unknown: Iterator[str], flow: Flow
) -> None:
    client = product.outputs["UserPoolClientId"]
    nobody = list(itertools.islice(unknown, COUNT))

    known = answers(flow, product, client, unconfirmed)

    assert len(known) == 1
    assert answers(flow, product, client, nobody) == known


def test_what_cognito_tells_by_design_is_what_the_security_page_names(
    product: Product, people: People
) -> None:
    someone = people.join()
    client = product.outputs["UserPoolClientId"]

    def sign_up(product: Product, _client: str, email: str) -> Any:
        return product.sign_up(email, PASSWORD)

    _, again = answer(sign_up, product, client, someone.email)
    _, confirmed = answer(_confirm, product, client, someone.email)
    _, nobody = answer(_confirm, product, client, "nobody@accounts.example")

    assert again.startswith("UsernameExistsException")
    assert confirmed.startswith("NotAuthorizedException")
    assert nobody.startswith("CodeMismatchException")
    page = (Path(__file__).parents[2] / "docs/security.md").read_text()
    assert "**SignUp itself tells**" in page
    assert "ConfirmSignUp says of a confirmed account that it is" in page


@pytest.mark.parametrize("flow", [_srp, _password, _forgot])
def test_a_client_that_is_not_told_to_hide_it_tells(
    product: Product, confirmed: list[str], unknown: Iterator[str], aws: Aws, flow: Flow
) -> None:
    """The twin: what the tests above would look like without the setting."""
    client = aws("cognito-idp").create_user_pool_client(
        UserPoolId=product.outputs["UserPoolId"],
        ClientName="telling",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"],
        PreventUserExistenceErrors="LEGACY",
    )["UserPoolClient"]["ClientId"]

    _, of_nobody = answer(flow, product, client, next(unknown))

    assert of_nobody.startswith("UserNotFoundException")
    assert not answer(flow, product, client, confirmed[0])[1].startswith("UserNotFoundException")


def test_a_suspended_user_is_told_what_a_wrong_password_is_told(
    product: Product, people: People
) -> None:
    """Within Cognito's own frame around a trigger's words, as docs/security.md says."""
    someone, operator = people.join(), people.operator()
    product.graphql(
        'mutation($id: ID!) { suspendUser(userId: $id, reason: "test") { status } }',
        operator.tokens,
        id=someone.user_id,
    )

    _, told = answer(
        lambda product, _client, email: product.sign_in(email, PASSWORD),
        product,
        "",
        someone.email,
    )

    assert told.endswith("Incorrect username or password.")
