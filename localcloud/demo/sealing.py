"""Chapter: the audit log is sealed, proven, tampered with, caught, and put right."""

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from localcloud.client import Tokens, until
from localcloud.demo.story import Story

PASSWORD = "Correct-Horse-7-Battery"

ORGANIZATION = "query { organization { id name version } }"
RENAME = """mutation($input: UpdateOrganizationInput!) {
  updateOrganization(input: $input) { name version }
}"""
VERIFY = """query($from: AWSDateTime!, $to: AWSDateTime!) {
  verifyAudit(from: $from, to: $to) {
    verified seals entries unsealed sealedThrough findingCount findings { kind eventId message }
  }
}"""


def sealing(story: Story) -> None:
    """What happened is sealed, and whoever changes it afterwards is found out."""
    product, run = story.product, secrets.token_hex(3)
    log = Log(story.aws, product.outputs)

    with story.step("Grace opens an organisation and renames it twice"):
        email = f"grace-{run}@compilers.example"
        tokens = product.join(email, PASSWORD, organization_name=f"Compilers {run}")
        for name in ("Flow-Matic", "COBOL"):
            before = product.graphql(ORGANIZATION, tokens)["organization"]
            product.graphql(
                RENAME,
                tokens,
                input={"name": f"{name} {run}", "expectedVersion": before["version"]},
            )
    organization = str(tokens.claims["org_id"])

    with story.step(
        "A day later it is sealed: hash-chained, signed, in a bucket that locks"
    ) as note:
        day = log.move_back(organization, wanted={"OrganizationUpdated": 2})
        log.seal(organization, day)
        told = verified(story, tokens, day)
        note(f"verified: {told['seals']} seal, {told['entries']} entries, through {day}")
        assert told["verified"], told

    with story.step("An operator with all rights changes one byte of one entry") as note:
        entry = log.entries(organization, day)[-1]
        kept = entry["type"]["S"]
        changed = {**entry, "type": {"S": f"{kept[:-1]}D"}}
        log.put(changed)
        note(f"{kept} -> {changed['type']['S']}")

    with story.step("The verification names it") as note:
        told = verified(story, tokens, day)
        assert not told["verified"], told
        for found in told["findings"]:
            note(f"{found['kind']}: {found['message']} ({found['eventId']})")

    with story.step("Put right, the audit is proven again") as note:
        log.put(entry)
        told = verified(story, tokens, day)
        assert told["verified"], told
        note(f"{told['entries']} entries as they were sealed")


class Log:
    """The audit table and its sealer, with the operator's credentials."""

    def __init__(self, aws: Callable[[str], Any], outputs: Mapping[str, str]) -> None:
        self._table: Any = aws("dynamodb")
        self._queue: Any = aws("sqs")
        self._outputs = outputs

    def entries(self, organization: str, day: date) -> list[dict[str, Any]]:
        """An organisation's entries of a day."""
        answer = self._table.query(
            TableName=self._outputs["AuditTable"],
            KeyConditionExpression="PK = :pk AND begins_with(SK, :day)",
            ExpressionAttributeValues={
                ":pk": {"S": f"ORG#{organization}#AUDIT#{day.isoformat()[:7]}"},
                ":day": {"S": day.isoformat()},
            },
        )
        found: list[dict[str, Any]] = answer["Items"]
        return found

    def put(self, entry: dict[str, Any]) -> None:
        self._table.put_item(TableName=self._outputs["AuditTable"], Item=entry)

    def move_back(self, organization: str, wanted: dict[str, int], day: date | None = None) -> date:
        """Pretend that what happened today did so on `day`, or the latest that can be sealed.

        No clock of the deployed product can be moved, so the entries are. Waits until as many of
        each type as `wanted` are there; answers the day.
        """
        today = datetime.now(UTC).date()
        day = day or (datetime.now(UTC) - timedelta(hours=2)).date() - timedelta(days=1)

        def recorded() -> list[dict[str, Any]] | None:
            found = self.entries(organization, today)
            types = [entry["type"]["S"] for entry in found]
            return found if all(types.count(t) >= n for t, n in wanted.items()) else None

        for entry in until("the events in the log", recorded):
            at = f"{day.isoformat()}{entry['SK']['S'][10:]}"
            moved = {
                name: {"S": at} if name.endswith("SK") else value for name, value in entry.items()
            }
            moved["PK"] = {"S": f"ORG#{organization}#AUDIT#{day.isoformat()[:7]}"}
            for name in ("occurred_at", "recorded_at"):
                moved[name] = {"S": f"{day.isoformat()}{entry[name]['S'][10:]}"}
            self._table.delete_item(
                TableName=self._outputs["AuditTable"], Key={n: entry[n] for n in ("PK", "SK")}
            )
            self.put(moved)
        return day

    def seal(self, organization: str, day: date) -> None:
        """Ask the sealer, as its schedule does, and wait until it is done."""
        self._queue.send_message(
            QueueUrl=self._outputs["SealQueueUrl"],
            MessageBody=f'{{"tenant_id":"{organization}","day":"{day.isoformat()}"}}',
        )

        def sealed() -> bool:
            item = self._table.get_item(
                TableName=self._outputs["AuditTable"],
                Key={"PK": {"S": f"ORG#{organization}#SEALS"}, "SK": {"S": "POSITION"}},
            ).get("Item", {})
            return bool(item.get("through", {}).get("S", "") >= day.isoformat())

        until("the seal", sealed)


def verified(story: Story, tokens: Tokens, day: date) -> dict[str, Any]:
    """What the public door says of a day."""
    answer = story.product.graphql(
        VERIFY,
        tokens,
        **{"from": f"{day}T00:00:00Z", "to": f"{day + timedelta(days=1)}T00:00:00Z"},
    )
    told: dict[str, Any] = answer["verifyAudit"]
    return told
