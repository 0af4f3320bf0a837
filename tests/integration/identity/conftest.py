"""The identity context's functions, in-process, on moto or on the local cloud."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import cognito_user_pool_event

from functions.identity import (
    api,
    custom_message,
    post_authentication,
    post_confirmation,
    pre_authentication,
    pre_sign_up,
    pre_token_generation,
    user_migration,
)
from tenantry.persistence.items import from_wire
from tenantry.persistence.keys import user_pk
from tenantry.persistence.table import Table
from tenantry.runtime.observability import metrics
from tests.support.invocations import appsync_event, wire
from tests.support.lambda_context import lambda_context
from tests.support.ministack import MiniStack
from tests.support.tables import items

EVENTS = Path(__file__).parents[2] / "contracts" / "localcloud" / "fixtures" / "cognito"
"""Each names the AWS page that it follows, and the Powertools class that reads it."""

FUNCTIONS: dict[str, ModuleType] = {
    "pre_sign_up": pre_sign_up,
    "pre_sign_up_admin": pre_sign_up,
    "post_confirmation": post_confirmation,
    "post_confirmation_admin": post_confirmation,
    "post_confirmation_forgot_password": post_confirmation,
    "pre_authentication": pre_authentication,
    "pre_authentication_unknown": pre_authentication,
    "post_authentication": post_authentication,
    "pre_token_generation": pre_token_generation,
    "custom_message_sign_up": custom_message,
    "custom_message_resend_code": custom_message,
    "custom_message_forgot_password": custom_message,
    "custom_message_update_user_attribute": custom_message,
    "custom_message_verify_user_attribute": custom_message,
    "custom_message_admin_create_user": custom_message,
    "user_migration": user_migration,
    "user_migration_forgot_password": user_migration,
}
ADA = "5f0c1a52-aaaa-4c66-9a63-5d2f1a0f7b11"
EMAIL = "ada@example.com"
ISSUER = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_TestPool1"


def cognito_event(
    name: str,
    *,
    user: str = ADA,
    email: str = EMAIL,
    password: str = "old secret",
    attributes: dict[str, str] | None = None,
    **request: Any,
) -> dict[str, Any]:
    """An event of the Cognito guide; what is given goes over what the page shows."""
    told = json.loads((EVENTS / f"{name}.json").read_text())
    values = {
        "region": "eu-central-1",
        "pool": "eu-central-1_TestPool1",
        "client": "testclient0000000000000000",
        "user": user,
        "email": email,
        "password": password,
    }
    event: dict[str, Any] = _filled(told["event"], values)
    if "userAttributes" in event["request"]:
        event["request"]["userAttributes"] |= attributes or {}
    event["request"] |= request
    parsed = getattr(cognito_user_pool_event, told["powertools"])(event)
    assert parsed.trigger_source == event["triggerSource"]
    assert told["page"].startswith("https://docs.aws.amazon.com/cognito/")
    return event


def _filled(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(inner, values) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, values) for inner in value]
    if isinstance(value, str) and value[:1] == "{" and value[1:-1] in values:
        return values[value[1:-1]]
    return value


@dataclass
class People:
    """Fires triggers as Cognito does, and asks the API as AppSync does."""

    table: Table
    environment: dict[str, str] = field(default_factory=dict)

    def fire(self, name: str, **more: Any) -> dict[str, Any]:
        """The response of a trigger to an event of the Cognito guide."""
        return self.send(name, cognito_event(name, **more))

    def send(self, name: str, event: dict[str, Any]) -> dict[str, Any]:
        answer = FUNCTIONS[name].handler(event, lambda_context())
        response: dict[str, Any] = answer["response"]
        return response

    def register(
        self, user: str = ADA, email: str = EMAIL, organization: str | None = None
    ) -> None:
        """Sign a person up and confirm them."""
        metadata = {"organization_name": organization} if organization else {}
        self.fire("pre_sign_up", user=user, email=email, clientMetadata=metadata)
        self.fire("post_confirmation", user=user, email=email)

    def claims(self, user: str = ADA, **more: Any) -> dict[str, Any]:
        """What the access token gets."""
        details = self.fire("pre_token_generation", user=user, **more)
        override = details["claimsAndScopeOverrideDetails"]
        claims: dict[str, Any] = override["accessTokenGeneration"]["claimsToAddOrOverride"]
        assert override["idTokenGeneration"]["claimsToAddOrOverride"] == claims
        return claims

    def ask(
        self, name: str, arguments: dict[str, Any] | None = None, user: str = ADA, **who: Any
    ) -> dict[str, Any]:
        """What a field answers: `{data}` or `{error}`."""
        parent = "Query" if name in ("me", "myOrganizations") else "Mutation"
        claims = {"iss": ISSUER, **who.pop("claims", {})}
        event = appsync_event(name, arguments, user=user, parent=parent, claims=claims, **who)
        return api.handler(event, lambda_context())

    def data(self, name: str, arguments: dict[str, Any] | None = None, **who: Any) -> Any:
        answer = self.ask(name, arguments, **who)
        assert "error" not in answer, answer["error"]
        return answer["data"]

    def code(self, name: str, arguments: dict[str, Any] | None = None, **who: Any) -> str:
        """The code of the refusal, or OK."""
        return str(self.ask(name, arguments, **who).get("error", {}).get("code", "OK"))

    def stored(self, client: Any = None) -> list[dict[str, Any]]:
        """Everything in the platform table."""
        client = client or self.table._client
        return [from_wire(item) for item in items(client, self.table.name)]

    def stored_of(self, user: str) -> list[dict[str, Any]]:
        """What is kept under a person's own key."""
        found = self.table.query(user_pk(user), limit=100).items
        assert found
        return found

    def of_type(self, entity_type: str) -> list[dict[str, Any]]:
        return [item for item in self.stored() if item.get("entity_type") == entity_type]


def environment(table: Table, **more: str) -> dict[str, str]:
    return {
        "PLATFORM_TABLE": table.name,
        "SELF_SIGN_UP": "true",
        "FEDERATED_PROVIDERS": "Google",
        "EMAIL_SENDING": "true",
        "PRODUCT_NAME": "Engines",
        "FRONTEND_URL": "https://app.example.com",
        **more,
    }


@pytest.fixture(autouse=True)
def measured_as_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The namespace that the template gives, which the process reads when it starts."""
    monkeypatch.setattr(metrics.provider, "namespace", "Tenantry")


@pytest.fixture
def people(platform_table: Table, legacy_table: str, monkeypatch: pytest.MonkeyPatch) -> People:
    values = environment(platform_table, LEGACY_DIRECTORY="table", LEGACY_TABLE=legacy_table)
    wire(monkeypatch, **values)
    return People(platform_table, values)


@pytest.fixture
def concurrent_people(
    ministack: MiniStack, ministack_platform_table: Table, monkeypatch: pytest.MonkeyPatch
) -> People:
    """On the local cloud, for what happens at once."""
    values = environment(ministack_platform_table)
    wire(monkeypatch, **values, **ministack.environment)
    # As patient as a machine that runs much else needs; how long clients wait is not shown here.
    patient = ministack.client("dynamodb")
    for wiring in ("tenantry.bootstrap", "tenantry.identity.bootstrap.triggers"):
        monkeypatch.setattr(f"{wiring}.dynamodb", lambda: patient)
    return People(ministack_platform_table, values)
