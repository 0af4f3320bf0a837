"""Many at once: what must be one stays one, in the deployed functions with real rights."""

import json
import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from localcloud.client import Product, until
from tests.e2e.conftest import PASSWORD, People
from tests.support.refusals import refusal
from tests.support.triggers import cognito_event

Aws = Callable[[str], Any]
ACTIVITY = "query { activity(first: 100) { items { type entityId } } }"
CREATE = "mutation($i: CreateOrganizationInput!) { createOrganization(input: $i) { id slug } }"


def test_a_confirmation_told_three_times_at_once_makes_one_of_everything(
    product: Product, people: People, aws: Aws
) -> None:
    email = people.address("thrice")
    user_id = product.sign_up(email, PASSWORD, organization_name="Thrice", name="Thrice")
    event = cognito_event(
        "PostConfirmation_ConfirmSignUp",
        user_id,
        {"sub": user_id, "email": email, "email_verified": "true"},
        user_pool_id=product.outputs["UserPoolId"],
        client_id=product.outputs["UserPoolClientId"],
    )
    together = Barrier(3)

    def tell() -> dict[str, Any]:
        client = aws("lambda")
        together.wait()
        answer = client.invoke(
            FunctionName=f"{product.outputs['Prefix']}-identity-post-confirmation",
            Payload=json.dumps(event).encode(),
        )
        return {"error": answer.get("FunctionError"), **json.loads(answer["Payload"].read())}

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: tell(), range(3)))
    assert [answer["error"] for answer in answers] == [None] * 3
    assert all(answer["userName"] == user_id for answer in answers)
    # And once more the way it happens in life, followed by a sign-in, which asks again.
    product.confirm(email, product.code_mailed_to(email))
    tokens = product.sign_in(email, PASSWORD)

    platform = aws("dynamodb").query(
        TableName=product.outputs["PlatformTable"],
        IndexName="GSI1",
        KeyConditionExpression="GSI1PK = :pk",
        ExpressionAttributeValues={":pk": {"S": f"USER#{user_id}"}},
    )["Items"]
    assert [item["GSI1SK"]["S"] for item in platform] == [f"ORG#{tokens.claims['org_id']}"]

    def told() -> Counter[str] | None:
        found = Counter(_user_events(product, aws, user_id))
        found += Counter(
            item["type"] for item in product.graphql(ACTIVITY, tokens)["activity"]["items"]
        )
        return found if found["UserSignedIn"] else None

    assert until("the sign-in in the audit log", told, every=0.5) == {
        "OrganizationCreated": 1,
        "MemberJoined": 1,
        "UserRegistered": 1,
        "UserSignedIn": 1,
    }
    assert len(product.mails_to(email)) == 1


def _user_events(product: Product, aws: Aws, user_id: str) -> list[str]:
    """Types of what the audit log holds of a user outside of any organisation."""
    items = aws("dynamodb").scan(
        TableName=product.outputs["AuditTable"],
        FilterExpression="entity_id = :id AND attribute_not_exists(tenant_id)",
        ExpressionAttributeValues={":id": {"S": user_id}},
    )["Items"]
    return [item["type"]["S"] for item in items]


def test_sixty_four_at_once_who_want_one_slug_get_one(
    product: Product, people: People, aws: Aws
) -> None:
    founders = [people.join("founder") for _ in range(4)]
    slug = f"wanted-{secrets.token_hex(4)}"

    def found(number: int) -> str:
        founder = founders[number % len(founders)]
        wish = {"name": f"Wanted {number}", "slug": slug}
        if number % 2:
            answer = product.rest("POST", "/api/organizations", founder.tokens, body=wish)
            return "made" if answer.status_code == 201 else str(answer.json()["code"])
        try:
            product.graphql(CREATE, founder.tokens, i=wish)
        except Exception as error:
            return str(getattr(error, "code", error))
        return "made"

    with ThreadPoolExecutor(16) as pool:
        outcomes = Counter(pool.map(found, range(64)))

    assert outcomes == {"made": 1, "SLUG_TAKEN": 63}
    holder = aws("dynamodb").get_item(
        TableName=product.outputs["PlatformTable"],
        Key={"PK": {"S": f"SLUG#{slug}"}, "SK": {"S": "SLUG"}},
    )["Item"]
    assert holder
    free = {"name": "Free", "slug": f"free-{secrets.token_hex(4)}"}
    assert product.graphql(CREATE, founders[0].tokens, i=free)


def test_one_request_sent_many_times_at_once_makes_one_organisation(
    product: Product, people: People
) -> None:
    founder = people.join("founder")
    wish = {"name": "Once", "clientMutationId": secrets.token_hex(8)}

    def found(_: int) -> str:
        made = product.graphql(CREATE, founder.tokens, i=wish)["createOrganization"]
        return str(made["id"])

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(found, range(16)))

    assert len(ids) == 1
    other = {**wish, "name": "Twice"}
    assert (
        refusal(lambda: product.graphql(CREATE, founder.tokens, i=other)).code
        == "IDEMPOTENCY_MISMATCH"
    )


def test_changes_of_one_version_at_once_are_one_change(product: Product, people: People) -> None:
    owner = people.owner("Contended")
    rename = """mutation($i: UpdateOrganizationInput!) {
      updateOrganization(input: $i) { name version }
    }"""
    read = "query { organization { name version } }"
    version = product.graphql(read, owner.tokens)["organization"]["version"]

    def change(number: int) -> str:
        wish = {"name": f"Contended {number}", "expectedVersion": version}
        try:
            product.graphql(rename, owner.tokens, i=wish)
        except Exception as error:
            return str(getattr(error, "code", error))
        return "changed"

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(change, range(16)))

    assert outcomes == {"changed": 1, "CONFLICT": 15}
    assert product.graphql(read, owner.tokens)["organization"]["version"] == version + 1
