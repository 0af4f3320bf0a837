"""From a change to its place in the activity, through stream, bus and queue; and what goes wrong.

What is injected is written with the operator's credentials: broken items, dead letters, events
that nobody should have sent.
"""

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localcloud.client import Product, until
from tenantry.deadletters.model import Moved
from tenantry.deadletters.sqs import Redrive
from tests.e2e.conftest import People, Person

ACTIVITY = """query($first: Int, $after: String, $filter: ActivityFilter) {
  activity(first: $first, after: $after, filter: $filter) {
    items {
      id type occurredAt actor { id kind name } entityType entityId entityVersion correlationId data
    }
    nextCursor
  }
}"""
RENAME = """mutation($name: String!) {
  updateOrganization(input: {name: $name}) { name version }
}"""
FOREIGN_ACCOUNT = "999999999999"
SLOW = 90
"""Seconds on a machine that is busy with other things."""

Aws = Callable[[str], Any]


def activity(product: Product, person: Person, **filters: str) -> list[dict[str, Any]]:
    """All of it, page by page, newest first."""
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = product.graphql(
            ACTIVITY, person.tokens, first=7, after=after, filter=filters or None
        )["activity"]
        found += page["items"]
        after = page["nextCursor"]
        if after is None:
            return found


def told_of(product: Product, person: Person, what: str, count: int = 1) -> list[dict[str, Any]]:
    """The activity once it tells `count` times of events of the type `what`."""

    def look() -> list[dict[str, Any]] | None:
        found = activity(product, person)
        return found if Counter(item["type"] for item in found)[what] >= count else None

    return until(f"{what} in the activity", look, SLOW, every=0.5)


@pytest.fixture
def owner(people: People) -> Person:
    return people.owner("Eventful")


@pytest.fixture
def redrive(product: Product, aws: Aws) -> Redrive:
    return Redrive(aws, product.outputs["Prefix"])


def _url(aws: Aws, product: Product, name: str) -> str:
    prefix = product.outputs["Prefix"]
    return str(aws("sqs").get_queue_url(QueueName=f"{prefix}-{name}")["QueueUrl"])


@pytest.fixture
def queue(aws: Aws, product: Product) -> Iterator[str]:
    """The audit's queue, where a failed message is tried again after a second, not minutes."""
    sqs, url = aws("sqs"), _url(aws, product, "audit-record-events")
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    yield url
    sqs.set_queue_attributes(QueueUrl=url, Attributes=before["Attributes"])


@pytest.fixture
def dead_letters(aws: Aws, product: Product) -> str:
    return _url(aws, product, "audit-record-events-dead-letters")


def _messages(aws: Aws, url: str, holding: str) -> list[dict[str, Any]]:
    """Messages of a queue whose body holds a text; they stay where they are, and visible."""
    sqs, found = aws("sqs"), list[dict[str, Any]]()
    while True:
        batch = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=20).get(
            "Messages", []
        )
        if not batch:
            break
        found += batch
    for message in found:
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    return [message for message in found if holding in message["Body"]]


def envelope(person: Person, **changes: Any) -> dict[str, Any]:
    """An event of a kind that nothing publishes, about the organisation of `person`."""
    return {
        "id": f"e2e-{secrets.token_hex(8)}",
        "type": "ThingChanged",
        "context": "things",
        "version": 1,
        "occurred_at": datetime.now(UTC).isoformat(),
        "actor": {"id": "system", "kind": "system"},
        "data": {},
        "tenant_id": person.organization_id,
        "entity_type": "Thing",
        "entity_id": "thing-1",
        "entity_version": 1,
        **changes,
    }


def as_delivered(detail: dict[str, Any], account: str, source: str = "") -> str:
    """What EventBridge puts into a queue for an event of that account."""
    return json.dumps(
        {
            "version": "0",
            "id": secrets.token_hex(8),
            "detail-type": detail.get("type", "ThingChanged"),
            "source": source or f"tenantry.{detail.get('context', 'things')}",
            "account": account,
            "time": datetime.now(UTC).isoformat(),
            "region": "eu-central-1",
            "resources": [],
            "detail": detail,
        }
    )


# what should happen


def test_every_change_is_told_once_with_its_cause(product: Product, owner: Person) -> None:
    began = datetime.now(UTC) - timedelta(minutes=1)
    domain = f"{secrets.token_hex(4)}.example"
    changes = {
        "OrganizationUpdated": 'updateOrganization(input: {industry: "Mills"}) { id }',
        "OrganizationSettingsUpdated": """updateOrganizationSettings(input: {
          branding: {primaryColor: "#112233"}, featureFlags: [{name: "beta", enabled: true}]
        }) { id }""",
        "DomainClaimed": f'claimDomain(domain: "{domain}") {{ status }}',
        "DomainReleased": f'releaseDomain(domain: "{domain}") {{ status }}',
    }
    for change in changes.values():
        product.graphql(f"mutation {{ {change} }}", owner.tokens)
        # The same again changes nothing, and so there is nothing to tell.
        if "claimDomain" not in change:
            product.graphql(f"mutation {{ {change} }}", owner.tokens)

    found = told_of(product, owner, "DomainReleased")

    assert Counter(item["type"] for item in found) == dict.fromkeys(
        ["OrganizationCreated", "MemberJoined", *changes], 1
    )
    assert len({item["id"] for item in found}) == len(found)
    assert [item["occurredAt"] for item in found] == sorted(
        (item["occurredAt"] for item in found), reverse=True
    )
    for item in found:
        assert (item["actor"]["id"], item["actor"]["kind"]) == (owner.user_id, "user")
        assert began < datetime.fromisoformat(item["occurredAt"]) < datetime.now(UTC)
        assert item["correlationId"]
        assert isinstance(json.loads(item["data"]), dict)
    versions = [i["entityVersion"] for i in found if i["entityType"] == "Organization"]
    assert sorted(versions) == [1, 2, 3]
    assert len({item["correlationId"] for item in found if item["type"] in changes}) == 4
    for chosen in ({"type": "DomainClaimed"}, {"entityId": owner.user_id}):
        assert len(activity(product, owner, **chosen)) == 1
    assert len(activity(product, owner, actorId=owner.user_id)) == len(found)
    assert activity(product, owner, actorId="nobody") == []


def test_an_operators_decision_is_told_as_theirs(
    product: Product, people: People, owner: Person
) -> None:
    operator = people.operator()
    for what in ("suspendOrganization", "reactivateOrganization"):
        product.graphql(
            f'mutation($id: ID!) {{ {what}(organizationId: $id, reason: "audit") {{ id }} }}',
            operator.tokens,
            id=owner.organization_id,
        )

    found = told_of(product, owner, "OrganizationReactivated")

    decided = [item for item in found if item["actor"]["kind"] == "operator"]
    assert {item["type"] for item in decided} == {
        "OrganizationSuspended",
        "OrganizationReactivated",
    }
    assert {item["actor"]["id"] for item in decided} == {operator.user_id}


# copies


def test_copies_without_events_publish_nothing(product: Product, owner: Person, aws: Aws) -> None:
    table, client = product.outputs["PlatformTable"], aws("dynamodb")
    told_of(product, owner, "OrganizationCreated")
    items = client.query(
        TableName=table,
        KeyConditionExpression="PK = :pk",
        ExpressionAttributeValues={":pk": {"S": f"ORG#{owner.organization_id}"}},
    )["Items"]
    assert any("events" in item for item in items)
    silent, loud = (f"copy-{secrets.token_hex(4)}" for _ in range(2))

    for copy_id, keeps in ((silent, False), (loud, True)):
        for item in items:
            copied = {name: value for name, value in item.items() if keeps or name != "events"}
            moved = {"PK": {"S": f"ORG#{copy_id}"}, "tenant_id": {"S": copy_id}}
            client.put_item(TableName=table, Item=copied | moved)

    # The twin: copied with its events, the same is told again, as of the other organisation.
    until("the copy that kept its events", lambda: _audited(aws, product, loud), SLOW)
    assert _audited(aws, product, silent) == []


def _audited(aws: Aws, product: Product, tenant_id: str) -> list[str]:
    items = aws("dynamodb").scan(
        TableName=product.outputs["AuditTable"],
        FilterExpression="tenant_id = :tenant",
        ExpressionAttributeValues={":tenant": {"S": tenant_id}},
    )["Items"]
    return sorted(item["event_id"]["S"] for item in items)


# poison


def _poison(product: Product, owner: Person, aws: Aws, table: str) -> str:
    """Write an item whose `events` nobody can read; answers a word that it holds."""
    word = f"poison-{secrets.token_hex(6)}"
    aws("dynamodb").put_item(
        TableName=product.outputs[table],
        Item={
            "PK": {"S": f"ORG#{owner.organization_id}"},
            "SK": {"S": f"THING#{word}"},
            "tenant_id": {"S": owner.organization_id},
            "entity_type": {"S": "Thing"},
            "entity_id": {"S": word},
            "entity_version": {"N": "1"},
            "note": {"S": "x" * 2000},
            "events": {"L": [{"M": {"id": {"S": word}, "type": {"N": "7"}}}]},
        },
    )
    return word


@pytest.mark.parametrize("table", ["PlatformTable", "TenantTable"])
def test_a_record_nobody_can_read_is_kept_whole_and_holds_nothing_up(
    product: Product, owner: Person, aws: Aws, table: str
) -> None:
    failures = product.outputs["PublisherFailureQueueUrl"]
    words = [_poison(product, owner, aws, table) for _ in range(2)]
    product.graphql(RENAME, owner.tokens, name="After the poison")

    found = told_of(product, owner, "OrganizationUpdated")

    assert Counter(item["type"] for item in found)["OrganizationUpdated"] == 1
    for word in words:
        [message] = until("the record", lambda w=word: _messages(aws, failures, w), SLOW)  # type: ignore[misc]
        kept = json.loads(message["Body"])
        assert kept["cause"].startswith("CORRUPT_DATA")
        image = kept["record"]["dynamodb"]["NewImage"]
        assert image["entity_id"] == {"S": word}
        assert len(image["note"]["S"]) == 2000
        assert image["events"]["L"][0]["M"]["type"] == {"N": "7"}


def test_a_kept_record_comes_back_when_it_is_repaired_and_stays_while_it_is_not(
    product: Product, owner: Person, aws: Aws, redrive: Redrive
) -> None:
    failures = product.outputs["PublisherFailureQueueUrl"]
    word = _poison(product, owner, aws, "PlatformTable")
    [message] = until("the record", lambda: _messages(aws, failures, word), SLOW)

    moved = redrive.run(failures)
    assert moved.moved >= 1
    [again] = until("the record once more", lambda: _messages(aws, failures, word), SLOW)
    assert json.loads(again["Body"]) == json.loads(message["Body"])

    repaired = json.loads(again["Body"])
    event = envelope(owner, id=word, entity_id=word)
    stamped = {name: event[name] for name in ("id", "type", "context", "occurred_at")}
    repaired["record"]["dynamodb"]["NewImage"]["events"] = {
        "L": [
            {
                "M": {
                    **{name: {"S": value} for name, value in stamped.items()},
                    "version": {"N": "1"},
                    "actor": {"M": {"id": {"S": "system"}, "kind": {"S": "system"}}},
                    "data": {"M": {}},
                }
            }
        ]
    }
    sqs = aws("sqs")
    sqs.send_message(QueueUrl=failures, MessageBody=json.dumps(repaired))
    until("the repaired record", lambda: len(_messages(aws, failures, word)) == 2 or None, SLOW)
    redrive.run(failures)

    found = told_of(product, owner, "ThingChanged")
    assert [item["id"] for item in found if item["type"] == "ThingChanged"] == [word]
    assert until("the broken one", lambda: _messages(aws, failures, word), SLOW)


# dead letters and events that nobody should have sent


def test_a_dead_letter_is_recorded_after_a_redrive(
    product: Product, owner: Person, aws: Aws, redrive: Redrive, dead_letters: str
) -> None:
    account = aws("sts").get_caller_identity()["Account"]
    event = envelope(owner)
    aws("sqs").send_message(QueueUrl=dead_letters, MessageBody=as_delivered(event, account))
    until("the letter", lambda: _messages(aws, dead_letters, event["id"]), SLOW)
    assert dead_letters in redrive.queues()

    moved: Moved = redrive.run(dead_letters)

    assert moved.moved >= 1
    assert moved.stayed == 0
    found = told_of(product, owner, "ThingChanged")
    assert event["id"] in {item["id"] for item in found}
    assert _messages(aws, dead_letters, event["id"]) == []


def test_an_event_sent_again_is_recorded_once(product: Product, owner: Person, aws: Aws) -> None:
    bus, event = aws("events"), envelope(owner)
    last = envelope(owner, type="ThingEnded")
    for detail in (event, event, event, last):
        entry = {
            "Source": "tenantry.things",
            "DetailType": detail["type"],
            "Detail": json.dumps(detail),
            "EventBusName": product.outputs["EventBusName"],
        }
        answer = bus.put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0

    found = told_of(product, owner, "ThingEnded")

    until("the first one", lambda: _count(product, owner, event["id"]) or None, SLOW)
    assert _count(product, owner, event["id"]) == 1
    assert Counter(item["id"] for item in found)[last["id"]] == 1


def _count(product: Product, owner: Person, event_id: str) -> int:
    return sum(item["id"] == event_id for item in activity(product, owner))


def test_what_is_no_event_of_ours_is_refused_and_ends_among_the_dead_letters(
    product: Product, owner: Person, aws: Aws, queue: str, dead_letters: str
) -> None:
    account = aws("sts").get_caller_identity()["Account"]
    foreign, renamed, incomplete, fine = (envelope(owner) for _ in range(4))
    renamed_body = as_delivered(renamed, account, source="tenantry.organizations")
    del incomplete["entity_version"]
    nonsense = f"nonsense {secrets.token_hex(8)}"
    refused = {
        foreign["id"]: as_delivered(foreign, FOREIGN_ACCOUNT),
        renamed["id"]: renamed_body,
        incomplete["id"]: as_delivered(incomplete, account),
        nonsense: nonsense,
    }
    sqs = aws("sqs")
    # In one batch with one that is fine: it is done once, whatever becomes of the others.
    bodies = [*refused.values(), as_delivered(fine, account)]
    sqs.send_message_batch(
        QueueUrl=queue,
        Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)],
    )

    for word, body in refused.items():
        [letter] = until("a letter", lambda w=word: _messages(aws, dead_letters, w), SLOW)  # type: ignore[misc]
        assert letter["Body"] == body
    found = told_of(product, owner, "ThingChanged")

    assert [item["id"] for item in found if item["type"] == "ThingChanged"] == [fine["id"]]


def test_an_event_that_says_nothing_of_a_tenant_shows_in_no_activity(
    product: Product, owner: Person, aws: Aws
) -> None:
    """What happens to a person outside of organisations is theirs, not their employer's."""
    product.graphql('mutation { updateProfile(input: {name: "Private"}) { id } }', owner.tokens)
    product.graphql(RENAME, owner.tokens, name="Public")

    told_of(product, owner, "OrganizationUpdated")

    def recorded() -> Any:
        return aws("dynamodb").query(
            TableName=product.outputs["AuditTable"],
            IndexName="GSI2",
            KeyConditionExpression="GSI2PK = :pk",
            ExpressionAttributeValues={":pk": {"S": f"USER#{owner.user_id}#TYPE#ProfileUpdated"}},
        )["Items"]

    [item] = until("the profile's change in the audit log", recorded, SLOW)
    assert "Private" not in json.dumps(item)
    assert "ProfileUpdated" not in {item["type"] for item in activity(product, owner)}
