"""Chapter: what a plan limits, who is told when, and licences for a time."""

import json
import secrets
from datetime import UTC, date, datetime, timedelta
from typing import Any

from localcloud.client import Tokens, until
from localcloud.demo.foundation import ACTIVITY, PASSWORD
from localcloud.demo.story import Story, refused

USAGE = """query { usage {
  users { used limit percent } projects { used limit } apiCalls { used limit resetsAt } } }"""
LICENSE = (
    "mutation($input: CreateLicenseInput!) { createLicense(input: $input) { id state endsAt } }"
)
LICENSES = "query { licenses { items { productId startDate endDate state } } }"
ENTITLED = """query($product: ID!, $at: AWSDateTime) {
  entitled(productId: $product, at: $at) { entitled endsAt } }"""


def limits(story: Story) -> None:
    """Usage, warnings, counters that are proven, and licences that end."""
    product, run = story.product, secrets.token_hex(3)
    ada, works = f"ada-{run}@limits.example", f"Limited Engines {run}"

    with story.step("Ada signs up and names her company"):
        owner = product.join(ada, PASSWORD, organization_name=works)
        organization = str(owner.claims["org_id"])

    with story.step("Ada sees what her plan allows, and how much of it is used") as note:
        usage = product.graphql(USAGE, owner)["usage"]
        for kind, used in usage.items():
            note(f"{kind}: {used['used']:.0f} of {used['limit']:.0f}")
        assert usage["users"] == {"used": 1, "limit": 5, "percent": 20}
        assert usage["apiCalls"]["resetsAt"]

    with story.step("A hand in the table makes it 4 users; the next sweep warns at 80 %") as note:
        _set_used_users(story, organization, 4)
        _swept(story, "usage-warn", "told")
        warning = _told(story, owner, "UsageWarning")
        note(f"{warning['kind']}: {warning['used']} of {warning['limit']}, {warning['percent']} %")
        assert warning["percent"] == 80  # noqa: PLR2004 - what the step says

    with story.step("The proof of the counters finds one member, repairs and tells it") as note:
        _swept(story, "usage-prove-counters", "drifted")
        drift = _told(story, owner, "CounterDrifted")
        note(f"{drift['counter']} stood at {drift['counted']}, rows are {drift['rows']}")
        assert product.graphql(USAGE, owner)["usage"]["users"]["used"] == 1

    today = datetime.now(UTC).date()
    given = {
        "organizationId": organization,
        "enterpriseId": f"enterprise-{run}",
        "productId": "difference-engine",
        "serviceId": "difference-engine.api",
        "contactFullName": "Ada Lovelace",
        "contactEmail": ada,
        "contactTimeZone": "Europe/Berlin",
        "reason": "Order 7",
    }

    with story.step("An operator licenses a product to her organisation for some days") as note:
        operator = _operator(story, f"root-{run}@limits.example")
        days = _days(today - timedelta(days=30), today - timedelta(days=2))
        made = product.graphql(LICENSE, operator, input={**given, **days})["createLicense"]
        note(f"{days['startDate']} to {days['endDate']}, so until {made['endsAt']}")

    with story.step("Another licence for one of these days is refused") as note:
        overlapping = {**given, **_days(today - timedelta(days=2), today)}
        note(
            refused(
                lambda: product.graphql(LICENSE, operator, input=overlapping), "LICENSE_OVERLAP"
            )
        )

    with story.step("Ada cannot license anything herself, but sees what is licensed") as note:
        note(refused(lambda: product.graphql(LICENSE, owner, input=given | days), "FORBIDDEN"))
        [seen] = product.graphql(LICENSES, owner)["licenses"]["items"]
        note(f"{seen['productId']}: {seen['state']}")

    with story.step("She was entitled within its days, and is no longer after its end") as note:
        within = f"{today - timedelta(days=10)}T12:00:00Z"
        for at, expected in ((within, True), (None, False)):
            answer = product.graphql(ENTITLED, owner, product="difference-engine", at=at)
            note(f"{at or 'now'}: {'entitled' if answer['entitled']['entitled'] else 'refused'}")
            assert answer["entitled"]["entitled"] is expected

    with story.step("The hourly run tells that it has lapsed"):
        _swept(story, "licenses-remind", "told")
        assert _told(story, owner, "LicenseLapsed")["license_id"] == made["id"]


def _days(first: date, last: date) -> dict[str, str]:
    return {"startDate": str(first), "endDate": str(last)}


def _set_used_users(story: Story, organization: str, users: int) -> None:
    story.aws("dynamodb").update_item(
        TableName=story.product.outputs["PlatformTable"],
        Key={"PK": {"S": f"ORG#{organization}"}, "SK": {"S": "ORGANIZATION"}},
        UpdateExpression="SET used_users = :n",
        ExpressionAttributeValues={":n": {"N": str(users)}},
    )


def _swept(story: Story, function: str, found: str) -> None:
    """Run a sweep ahead of its schedule until it found something.

    A new organisation is visited once the news of its founding has come.
    """

    def ran() -> bool:
        answer = story.aws("lambda").invoke(
            FunctionName=f"{story.product.outputs['Prefix']}-{function}",
            Payload=json.dumps({"anew": True}),
        )
        return bool(json.loads(answer["Payload"].read()).get(found))

    until(f"{function} finding something", ran)


def _told(story: Story, tokens: Tokens, kind: str) -> dict[str, Any]:
    """What the activity says of the latest event of a type, once it is there."""
    query = ACTIVITY.replace("type actor", "type data actor")

    def found() -> dict[str, Any] | None:
        items = story.product.graphql(query, tokens)["activity"]["items"]
        return next((json.loads(item["data"]) for item in items if item["type"] == kind), None)

    return until(f"{kind} in the activity", found)


def _operator(story: Story, email: str) -> Tokens:
    story.product.join(email, PASSWORD)
    story.aws("cognito-idp").admin_add_user_to_group(
        UserPoolId=story.product.outputs["UserPoolId"], Username=email, GroupName="SuperAdmin"
    )
    return story.product.sign_in(email, PASSWORD)
