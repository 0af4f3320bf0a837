"""The deployed triggers when they are slow, repeated and at once (row 18).

Cognito waits five seconds for a trigger, calls it up to three times, and then gives up, whatever
the function goes on to do: https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
The function that is slowed down is the deployed one, and does its work before it waits: what
Cognito asks again for has been done already.
"""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from localcloud.client import Product, until
from tests.e2e.conftest import PASSWORD, People
from tests.support.refusals import refusal
from tests.support.triggers import cognito_event
from tools.templates import functions

ROOT = Path(__file__).parents[2]
WARM_SECONDS = 2
SLOWED = """
import importlib, os, time

def handler(event, context):
    module, _, name = os.environ["SLOWED"].rpartition(".")
    answer = getattr(importlib.import_module(module), name)(event, context)
    time.sleep(float(os.environ["DELAY"]))
    return answer
"""
TRIGGERS = (
    "pre-sign-up",
    "post-confirmation",
    "pre-authentication",
    "post-authentication",
    "pre-token-generation",
    "custom-message",
    "user-migration",
)

type Slow = Callable[[str, float], Any]


@pytest.fixture
def slow(product: Product, aws: Callable[[str], Any]) -> Slow:
    """Has a trigger answer late, and as before after that."""
    lambdas = aws("lambda")

    @contextmanager
    def slowed(trigger: str, seconds: float) -> Iterator[None]:
        name = f"{product.outputs['Prefix']}-identity-{trigger}"
        before = lambdas.get_function_configuration(FunctionName=name)
        variables = before["Environment"]["Variables"]
        lambdas.update_function_code(FunctionName=name, ZipFile=_zipped(trigger, SLOWED))
        lambdas.update_function_configuration(
            FunctionName=name,
            Handler="slowed.handler",
            Timeout=30,
            Environment={
                "Variables": {**variables, "SLOWED": before["Handler"], "DELAY": str(seconds)}
            },
        )
        try:
            yield
        finally:
            lambdas.update_function_code(FunctionName=name, ZipFile=_zipped(trigger))
            lambdas.update_function_configuration(
                FunctionName=name,
                Handler=before["Handler"],
                Timeout=before["Timeout"],
                Environment={"Variables": variables},
            )

    return slowed


def _zipped(trigger: str, slowed: str = "") -> bytes:
    logical = "".join(part.title() for part in trigger.split("-"))
    [code] = [
        function.code
        for function in functions(ROOT / ".aws-sam" / "build" / "template.yaml")
        if function.name == f"Identity/{logical}Function"
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(code.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(code))
        if slowed:
            archive.writestr("slowed.py", slowed)
    return packed.getvalue()


@pytest.mark.parametrize("seconds", [1, 4, 6])
def test_a_confirmation_that_answers_late_makes_one_person_and_one_organisation(
    product: Product, people: People, slow: Slow, aws: Callable[[str], Any], seconds: int
) -> None:
    email, company = people.address("late"), f"Late by {seconds}"
    product.sign_up(email, PASSWORD, organization_name=company)
    code = product.code_mailed_to(email)

    with slow("post-confirmation", seconds):
        if seconds < 5:
            product.confirm(email, code)
        else:
            # Three calls of five seconds, each of which did its work.
            assert refusal(lambda: product.confirm(email, code)).code

    tokens = product.sign_in(email, PASSWORD)
    assert tokens.claims["role"] == "OWNER"
    page = product.graphql("query { myOrganizations { items { name } } }", tokens)
    assert [each["name"] for each in page["myOrganizations"]["items"]] == [company]
    assert _told(product, aws, str(tokens.claims["org_id"])) == [
        "MemberJoined",
        "OrganizationCreated",
    ]


@pytest.mark.parametrize("seconds", [1, 4, 6])
@pytest.mark.parametrize("trigger", ["pre-token-generation", "post-authentication"])
def test_a_sign_in_that_is_answered_late_is_granted_or_refused_and_changes_nothing_twice(
    product: Product, people: People, slow: Slow, trigger: str, seconds: int
) -> None:
    owner = people.owner()

    with slow(trigger, seconds):
        if seconds < 5:
            assert product.sign_in(owner.email, PASSWORD).claims["role"] == "OWNER"
        else:
            assert refusal(lambda: product.sign_in(owner.email, PASSWORD)).code

    tokens = product.sign_in(owner.email, PASSWORD)
    page = product.graphql("query { myOrganizations { items { role } } }", tokens)
    assert page["myOrganizations"]["items"] == [{"role": "OWNER"}]


@pytest.fixture(scope="module")
def thrice(product: Product, people: People, aws: Callable[[str], Any]) -> Mapping[str, list[Any]]:
    """What each deployed trigger answers to one event three times at once, when it is warm."""
    owner = people.owner()
    attributes = {"sub": owner.user_id, "email": owner.email, "email_verified": "true"}
    about: dict[str, tuple[str, dict[str, Any]]] = {
        "pre-sign-up": ("PreSignUp_SignUp", {"validationData": {}, "clientMetadata": {}}),
        "post-confirmation": ("PostConfirmation_ConfirmSignUp", {"clientMetadata": {}}),
        "pre-authentication": ("PreAuthentication_Authentication", {"userNotFound": False}),
        "post-authentication": ("PostAuthentication_Authentication", {"newDeviceUsed": False}),
        "pre-token-generation": ("TokenGeneration_Authentication", {"groupConfiguration": {}}),
        "custom-message": ("CustomMessage_SignUp", {"codeParameter": "{####}"}),
        "user-migration": ("UserMigration_Authentication", {"password": "Nobody-7-Nowhere"}),
    }

    def call(trigger: str, barrier: Barrier | None = None) -> dict[str, Any]:
        source, request = about[trigger]
        event = cognito_event(
            source,
            owner.user_id,
            attributes,
            user_pool_id=product.outputs["UserPoolId"],
            version="2" if trigger == "pre-token-generation" else "1",
            field_of_tomorrow={"unknown": True},
            **request,
        )
        if barrier:
            barrier.wait()
        started = time.monotonic()
        answer = aws("lambda").invoke(
            FunctionName=f"{product.outputs['Prefix']}-identity-{trigger}",
            Payload=json.dumps(event),
        )
        taken = time.monotonic() - started
        return {"answer": json.loads(answer["Payload"].read()), "seconds": taken, **answer}

    answers = {}
    with ThreadPoolExecutor(3) as pool:
        for trigger in TRIGGERS:
            list(pool.map(call, [trigger] * 3))  # warms three of them
            barrier = Barrier(3)
            answers[trigger] = list(pool.map(call, [trigger] * 3, [barrier] * 3))
    return answers


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_three_calls_at_once_are_answered_alike_and_soon(
    thrice: Mapping[str, list[Any]], trigger: str
) -> None:
    answers = thrice[trigger]

    assert [each.get("FunctionError") for each in answers] == [None] * 3
    first, *others = (each["answer"]["response"] for each in answers)
    assert others == [first] * 2
    # The quickest of the three: the others wait for a processor, of which there may be two.
    assert min(each["seconds"] for each in answers) < WARM_SECONDS


def _told(product: Product, aws: Callable[[str], Any], tenant_id: str) -> list[str]:
    """The types of the organisation's events, once both of its founding are kept."""
    client, table = aws("dynamodb"), product.outputs["AuditTable"]

    def kept() -> list[str] | None:
        pages = client.get_paginator("scan").paginate(TableName=table)
        types = sorted(
            item["type"]["S"]
            for page in pages
            for item in page["Items"]
            if item.get("tenant_id", {}).get("S") == tenant_id and "type" in item
        )
        return types if len(types) > 1 else None

    return until("the founding in the audit log", kept, 60)
