"""Chapter: a person signs up, gets an organisation, and sees what happened in it."""

import secrets
from http import HTTPStatus
from typing import Any

import bcrypt

from localcloud.client import Tokens, until
from localcloud.demo.story import Story, refused

PASSWORD = "Correct-Horse-7-Battery"
LEGACY_PASSWORD = "an old Password from 2009!"

ME = "query { me { id email name activeOrganization { name role plan } } }"
ORGANIZATION = "query { organization { id name slug plan limits { maxUsers } version } }"
RENAME = """mutation($input: UpdateOrganizationInput!) {
  updateOrganization(input: $input) { name version }
}"""
ACTIVITY = "query { activity(first: 20) { items { type actor { id kind name } occurredAt } } }"


def foundation(story: Story) -> None:
    """Sign-up, sign-in, organisations and their activity."""
    product, run = story.product, secrets.token_hex(3)
    ada, bob = f"ada-{run}@analytical.example", f"bob-{run}@difference.example"

    with story.step("A disposable address is refused") as note:
        note(
            refused(
                lambda: product.sign_up(f"x-{run}@mailinator.com", PASSWORD),
                "UserLambdaValidationException",
            )
        )

    with story.step("Ada signs up and names her company"):
        product.sign_up(
            ada, PASSWORD, organization_name=f"Analytical Engines {run}", locale="de", name="Ada"
        )

    with story.step("She reads her code in the mailbox and confirms") as note:
        code = product.code_mailed_to(ada)
        note(f"{product.mails_to(ada)[0]['subject']}: {code}")
        product.confirm(ada, code)

    with story.step("She signs in (SRP); her token carries the organisation") as note:
        tokens = product.sign_in(ada, PASSWORD)
        claims = tokens.claims
        note(f"org_id {claims['org_id']}, role {claims['role']}, plan {claims['plan']}")
        assert claims["role"] == "OWNER"
        me = product.graphql(ME, tokens)["me"]
        assert me["activeOrganization"]["role"] == "OWNER", me

    with story.step("A wrong password is refused") as note:
        note(refused(lambda: product.sign_in(ada, "Wrong-1-password!"), "NotAuthorizedException"))

    with story.step("A user of the older system comes over with an old password") as note:
        legacy = f"grace-{run}@legacy.example"
        _remember_legacy_user(story, legacy)
        migrated = product.sign_in_with_password(legacy, LEGACY_PASSWORD)
        profile = product.graphql(ME, migrated)["me"]
        note(f"{profile['name']} is now {profile['id']}; next time SRP serves")
        again = product.sign_in(legacy, LEGACY_PASSWORD)
        assert again.claims["sub"] == profile["id"]
        note(refused(lambda: product.graphql(ORGANIZATION, migrated), "NO_ORGANIZATION"))

    with story.step("Ada renames her organisation") as note:
        before = product.graphql(ORGANIZATION, tokens)["organization"]
        renamed = product.graphql(
            RENAME,
            tokens,
            input={"name": f"Analytical Society {run}", "expectedVersion": before["version"]},
        )["updateOrganization"]
        note(f"{before['name']} -> {renamed['name']} (version {renamed['version']})")

    with story.step("A change made on an old version is refused") as note:
        note(
            refused(
                lambda: product.graphql(
                    RENAME, tokens, input={"name": "Late", "expectedVersion": before["version"]}
                ),
                "CONFLICT",
            )
        )

    with story.step("Bob of another organisation is refused, whatever he sends") as note:
        stranger = product.join(bob, PASSWORD, organization_name=f"Difference Works {run}")
        note(
            refused(
                lambda: product.graphql(ORGANIZATION, stranger, organization=claims["org_id"]),
                "NOT_A_MEMBER",
            )
        )

    with story.step("Ada opens a second organisation by REST") as note:
        answer = product.rest(
            "POST",
            "/api/organizations",
            tokens,
            body={"name": f"Analytical Labs {run}"},
            headers={"idempotency-key": f"labs-{run}"},
        )
        assert answer.status_code == HTTPStatus.CREATED, answer.text
        note(f"{answer.json()['name']} at {answer.json()['slug']}")

    with story.step("The activity shows who did what, published by stream, bus and queue") as note:
        for line in _activity(story, tokens):
            note(line)

    with story.step("The product says how it is"):
        assert product.rest("GET", "/health").status_code == HTTPStatus.OK


def _remember_legacy_user(story: Story, email: str) -> None:
    story.aws("dynamodb").put_item(
        TableName=story.product.outputs["LegacyTable"],
        Item={
            "email": {"S": email},
            "password_hash": {
                "S": bcrypt.hashpw(LEGACY_PASSWORD.encode(), bcrypt.gensalt(4)).decode()
            },
            "name": {"S": "Grace"},
            "locale": {"S": "en"},
        },
    )


def _activity(story: Story, tokens: Tokens) -> list[str]:
    """The activity once it tells of the renaming, as lines."""

    def told() -> list[dict[str, Any]] | None:
        items: list[dict[str, Any]] = story.product.graphql(ACTIVITY, tokens)["activity"]["items"]
        return items if any(item["type"] == "OrganizationUpdated" for item in items) else None

    return [
        f"{item['occurredAt'][11:19]}  {item['type']} by {_name_of(item['actor'])}"
        for item in until("the renaming in the activity", told)
    ]


def _name_of(actor: dict[str, str]) -> str:
    return actor["name"] or actor["kind"]
