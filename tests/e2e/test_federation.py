"""Federated sign-ins at the deployed trigger: who is linked, and who is let in (row 5).

The local cloud has no page of another provider's to sign in at: the deployed function is given the
event that Cognito documents, and links in the user pool of the same deployment.
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html
"""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from localcloud.client import Product
from localcloud.demo.stage import Stage
from tests.e2e.conftest import PASSWORD
from tests.support.triggers import cognito_event

# The other deployment lists these.
LISTED = (
    "Google",
    "Facebook",
    "LoginWithAmazon",
    "SignInWithApple",
    "CorporateSaml",
    "PartnerOidc",
)
VERIFIED = {"true": "true", "false": "false", "missing": None, "True": "True"}
EXISTING = ("confirmed", "unconfirmed", "disabled", "nobody")

_numbers = itertools.count()


@dataclass
class Deployment:
    """A deployment with a list of providers."""

    product: Product
    aws: Callable[[str], Any]

    @property
    def pool(self) -> str:
        return self.product.outputs["UserPoolId"]

    def somebody(self, state: str) -> str:
        """The address of an account in that state."""
        email = f"federated-{next(_numbers)}@example.com"
        if state == "nobody":
            return email
        self.product.sign_up(email, PASSWORD)
        if state != "unconfirmed":
            self.product.confirm(email, self.product.code_mailed_to(email))
        if state == "disabled":
            self.aws("cognito-idp").admin_disable_user(UserPoolId=self.pool, Username=email)
        return email

    def arrives(self, provider: str, email: str, verified: str | None) -> str | None:
        """What a sign-in by that provider is refused with; None when Cognito may go on."""
        attributes = {"email": email} | ({"email_verified": verified} if verified else {})
        event = cognito_event(
            "PreSignUp_ExternalProvider",
            f"{provider}_{subject_of(email)}",
            attributes,
            user_pool_id=self.pool,
            validationData={},
        )
        answer = self.aws("lambda").invoke(
            FunctionName=f"{self.product.outputs['Prefix']}-identity-pre-sign-up",
            Payload=json.dumps(event),
        )
        told = json.loads(answer["Payload"].read())
        return str(told["errorMessage"]) if answer.get("FunctionError") else None

    def identities(self, email: str) -> list[tuple[str, str]]:
        """Providers and subjects that are linked to the account."""
        user = self.aws("cognito-idp").admin_get_user(UserPoolId=self.pool, Username=email)
        attributes = {each["Name"]: each["Value"] for each in user["UserAttributes"]}
        known = json.loads(attributes.get("identities", "[]"))
        return [(each["providerName"], each["userId"]) for each in known]


def subject_of(email: str) -> str:
    """What the providers call the person of that address."""
    return f"subject-of-{email.partition('@')[0]}"


@pytest.fixture(scope="module")
def deployment(strict: Stage) -> Deployment:
    return Deployment(strict[0], strict[1])


@pytest.mark.parametrize("existing", EXISTING)
@pytest.mark.parametrize("verified", VERIFIED)
def test_who_is_vouched_for_is_linked_to_a_proven_account_or_let_in(
    deployment: Deployment, verified: str, existing: str
) -> None:
    for provider in LISTED:
        email = deployment.somebody(existing)

        refused = deployment.arrives(provider, email, VERIFIED[verified])

        if existing == "nobody":
            assert (refused is None) == (verified == "true")
            continue
        # Linked or not, this sign-in ends: Cognito would make a second account.
        assert refused
        linked = verified == "true" and existing == "confirmed"
        assert deployment.identities(email) == ([(provider, subject_of(email))] if linked else [])


@pytest.mark.parametrize("verified", VERIFIED)
def test_a_provider_that_is_not_listed_links_and_brings_nobody(
    deployment: Deployment, verified: str
) -> None:
    for state in ("confirmed", "nobody"):
        email = deployment.somebody(state)

        assert deployment.arrives("Unlisted", email, VERIFIED[verified])

        if state == "confirmed":
            assert deployment.identities(email) == []


def test_what_is_linked_once_is_linked_no_second_time(deployment: Deployment) -> None:
    email = deployment.somebody("confirmed")

    first, second = (deployment.arrives("Google", email, "true") for _ in range(2))

    assert first == second
    assert deployment.identities(email) == [("Google", subject_of(email))]
