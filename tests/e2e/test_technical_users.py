"""An account's technical user on the deployed system: tokens of the pool's own endpoint, IAM on."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import requests

from localcloud.client import GraphqlError, Product, Tokens
from tenantry.tenancy.router import Whereabouts
from tenantry.tenancy.s3 import S3TenantStorage
from tenantry.tenancy.stored import Area
from tests.e2e.conftest import People, Person
from tests.e2e.test_accounts import body, ended, request, torn_down

type Aws = Callable[[str], Any]

TURNED_AWAY = {(401, "UNAUTHENTICATED"), (403, "FORBIDDEN")}
"""What the gateway says itself, before anything of the product runs."""


@dataclass
class Program:
    """A program with credentials."""

    product: Product
    credentials: dict[str, Any]
    tokens: Tokens | None = None

    def signs_in(self, **form: str) -> int:
        """https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html"""
        answer = requests.post(
            self.product.outputs["TokenUrl"],
            data={"grant_type": "client_credentials", **form},
            auth=(self.credentials["clientId"], self.credentials["clientSecret"]),
            timeout=30,
        )
        if answer.ok:
            self.tokens = Tokens(answer.json()["access_token"], "", "")
        return answer.status_code

    def reads(self, path: str, at: str | None = None) -> Any:
        answer = self._asks("GET", path, at)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def is_told(self, method: str, path: str, at: str | None = None) -> tuple[int, str]:
        answer = self._asks(method, path, at)
        return answer.status_code, answer.json().get("code")

    def _asks(self, method: str, path: str, at: str | None) -> requests.Response:
        headers = {"x-organization-id": at} if at else {}
        sent: Any = {} if method == "POST" else None
        return self.product.rest(method, path, self.tokens, body=sent, headers=headers)


@dataclass
class World:
    """An organisation whose account has a technical user, with what was asked for, and another."""

    owner: Person
    asked: Any
    other: Person
    theirs: Any

    @property
    def path(self) -> str:
        return f"/accounts/{self.asked['account']['id']}"


@pytest.fixture(scope="module")
def world(product: Product, people: People) -> World:
    owner, other = people.owner("Programs"), people.owner("Elsewhere")
    wanted = {**body("public"), "technicalUser": "erp"}
    answer = product.rest("POST", "/accounts", owner.tokens, body=wanted)
    assert answer.status_code == 202, answer.text
    theirs = request(product, other.tokens, "public")
    for person, asked in ((owner, answer.json()), (other, theirs)):
        assert ended(product, person.tokens, asked)["status"] == "SUCCEEDED"
    return World(owner, answer.json(), other, theirs)


def issued(product: Product, world: World, **values: Any) -> Program:
    """Credentials, as the owner is given them, and a token for them."""
    path = f"{world.path}/technical-user/credentials"
    answer = product.rest("POST", path, world.owner.tokens, body=values)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    program = Program(product, answer.json())
    assert program.signs_in() == 200
    return program


def clients(product: Product, aws: Aws, world: World) -> set[str]:
    """In the pool, by their names."""
    own = f"{product.outputs['Prefix']}-technical-user-{world.asked['account']['id']}-"
    pages = (
        aws("cognito-idp")
        .get_paginator("list_user_pool_clients")
        .paginate(UserPoolId=product.outputs["UserPoolId"])
    )
    found = [each for page in pages for each in page["UserPoolClients"]]
    return {each["ClientId"] for each in found if each["ClientName"].startswith(own)}


def test_a_program_reads_its_organisations_account_and_does_nothing_else(
    product: Product, aws: Aws, world: World
) -> None:
    program, operation_id = issued(product, world), world.asked["operation"]["id"]
    own, at = world.path, world.owner.organization_id

    assert program.reads(own)["provisioningStatus"] == "active"
    assert [each["id"] for each in program.reads("/accounts", at)["items"]] == [
        world.asked["account"]["id"]
    ]
    assert program.reads(f"{own}/operations/{operation_id}", at)["status"] == "SUCCEEDED"
    assert program.reads("/api/usage")["users"]["used"] == 1
    assert program.reads("/api/entitlements?productId=p-1", at)["entitled"] is False
    [client] = program.reads(f"{own}/technical-user", at)["clients"]
    assert client["clientId"] == program.credentials["clientId"]

    # Another organisation's is not there, and to name that one does not help.
    foreign, elsewhere = f"/accounts/{world.theirs['account']['id']}", world.other.organization_id
    assert program.is_told("GET", foreign) == (404, "NOT_FOUND")
    assert program.is_told("GET", foreign, elsewhere) == (403, "NOT_A_MEMBER")
    for path in (own, "/api/usage", "/api/entitlements?productId=p-1"):
        assert program.is_told("GET", path, elsewhere) == (403, "NOT_A_MEMBER"), path

    for method, path in (
        ("DELETE", f"{own}?plan=none"),
        ("POST", f"{own}/retry"),
        ("POST", f"{own}/technical-user/credentials"),
        ("GET", f"{own}/teardown-plan"),
        ("POST", "/api/organizations"),
    ):
        assert program.is_told(method, path) in TURNED_AWAY, path
    # AppSync knows no scopes: there the product says so itself.
    with pytest.raises(GraphqlError) as refused:
        product.graphql("query { account { id } }", program.tokens)
    assert refused.value.code == "MACHINE_NOT_ALLOWED"
    # No scope beyond what its client has, and none of people's.
    assert program.signs_in(scope="aws.cognito.signin.user.admin") == 400

    # The secret was shown, and is nowhere else.
    secret = program.credentials["clientSecret"]
    rows = aws("dynamodb").query(
        TableName=product.outputs["PlatformTable"],
        KeyConditionExpression="PK = :pk",
        ExpressionAttributeValues={":pk": {"S": f"ORG#{at}"}},
    )["Items"]
    assert program.credentials["clientId"] in json.dumps(rows)
    assert secret not in json.dumps(rows)
    group = f"/aws/lambda/{product.outputs['Prefix']}-accounts-credentials"
    pages = aws("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    assert not [e for page in pages for e in page["events"] if secret in e["message"]]


def test_what_is_uploaded_by_a_signed_form_is_measured_and_counts_against_the_plan(
    product: Product, aws: Aws, world: World
) -> None:
    """Under the roles that are deployed; the function is called as its schedule calls it."""
    tenant_id, prefix = world.owner.organization_id, product.outputs["Prefix"]
    bucket, content = product.outputs["TenantRawBucket"], b"x" * 12_345
    place = Whereabouts(tenant_id, "public", "", bucket, "", "", 1)
    storage = S3TenantStorage(lambda _: aws("s3"), place)
    form = storage.presign_post(
        Area.RAW, "up/1.bin", "application/octet-stream", len(content), timedelta(minutes=1)
    )
    uploaded = requests.post(form.url, data=form.fields, files={"file": content}, timeout=30)
    assert uploaded.status_code == 204, uploaded.text
    program = issued(product, world)
    assert program.reads("/api/usage")["storage"]["used"] == 0

    rule = next(
        each
        for each in aws("events").get_paginator("list_rules").paginate().search("Rules[]")
        if "MeterStorageRule" in each["Name"]
    )
    assert rule["State"] == "ENABLED"
    event = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "anew": True}
    answer = aws("lambda").invoke(
        FunctionName=f"{prefix}-usage-meter-storage", Payload=json.dumps(event).encode()
    )
    done = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, done
    assert done["waiting"] == 0

    assert program.reads("/api/usage")["storage"]["used"] == len(content)
    for owner, used in ((world.owner, len(content)), (world.other, 0)):
        query = "query { storageUsage(first: 1) { items { bytes objects } } }"
        [day] = product.graphql(query, owner.tokens)["storageUsage"]["items"]
        assert day == {"bytes": used, "objects": int(used > 0)}
    path = f"{world.path}/storage"
    shown = product.rest("GET", path, world.owner.tokens).json()["items"]
    assert [each["bytes"] for each in shown] == [len(content)]


def test_new_credentials_end_the_old_ones_whose_token_is_refused_at_once(
    product: Product, aws: Aws, world: World
) -> None:
    first = issued(product, world)
    second = issued(product, world)
    for program in (first, second):  # in the grace of the first
        program.reads(world.path)

    third = issued(product, world, graceSeconds=0)

    for program in (first, second):
        assert program.is_told("GET", world.path) == (403, "NOT_A_MEMBER")
        assert program.signs_in() == 400
    third.reads(world.path)
    assert clients(product, aws, world) == {third.credentials["clientId"]}


def test_whoever_is_no_owner_is_given_none(product: Product, people: People, world: World) -> None:
    path = f"{world.path}/technical-user/credentials"
    admin = people.member(world.owner.organization_id, "ADMIN")
    for person, told in ((admin, "FORBIDDEN"), (world.other, "NOT_FOUND")):
        answer = product.rest("POST", path, person.tokens)
        assert answer.json()["code"] == told


def test_a_suspended_organisations_program_waits_and_an_ended_ones_is_gone(
    product: Product, people: People, aws: Aws, world: World
) -> None:
    program, operator = issued(product, world), people.operator()
    at = world.owner.organization_id
    told = f'organizationId: "{at}", reason: "unpaid"'
    product.graphql(f"mutation {{ suspendOrganization({told}) {{ id }} }}", operator.tokens)
    assert program.is_told("GET", world.path) == (403, "ORGANIZATION_SUSPENDED")
    product.graphql(f"mutation {{ reactivateOrganization({told}) {{ id }} }}", operator.tokens)
    program.reads(world.path)

    _, done = torn_down(product, world.owner, operator, world.asked)

    assert done["status"] == "SUCCEEDED", done
    assert program.is_told("GET", world.path) == (403, "NOT_A_MEMBER")
    assert clients(product, aws, world) == set()
    assert program.signs_in() == 400
