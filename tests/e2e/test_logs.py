"""What is logged: enough to follow a request, and nothing that is a secret or about a person.

These tests come last, so that the logs hold what the whole suite made the functions do.
"""

import json
import re
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import bcrypt
import pytest
import requests

from localcloud.client import Product, Tokens, until
from tests.e2e.conftest import PASSWORD, People
from tests.support.refusals import refusal

Aws = Callable[[str], Any]
type Line = Mapping[str, Any]

ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{12,}")
SLOW = 90
INVITE = "mutation($i: InviteUserInput!) { inviteUserToOrganization(input: $i) { id } }"
ACCEPT = "mutation($t: String!) { acceptOrganizationInvite(token: $t) { role } }"
INVITATION = re.compile(r"/invitation#(\S+)")
OLD_PASSWORD = "canary-Old-Password-2009"
WRONG_PASSWORD = "canary-Wrong-Password-1"
NEW_PASSWORD = "canary-New-Password-2"


@dataclass(frozen=True)
class Log:
    """Every line of every function, by the function's name."""

    lines: Mapping[str, list[str]]

    @classmethod
    def read(cls, aws: Aws, product: Product) -> "Log":
        logs, prefix = aws("logs"), f"/aws/lambda/{product.outputs['Prefix']}-"
        found: dict[str, list[str]] = {}
        groups = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
        for name in (group["logGroupName"] for page in groups for group in page["logGroups"]):
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name)
            found[name.removeprefix(prefix)] = [
                event["message"] for page in pages for event in page["events"]
            ]
        return cls(found)

    def structured(self, function: str) -> Iterator[Line]:
        """The lines that our logger wrote; metrics and Lambda's own are none."""
        for text in self.lines[function]:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and "_aws" not in line and "message" in line:
                yield line

    def holding(self, secret: str | re.Pattern[str]) -> list[str]:
        """Names of the functions that logged it, with the line."""
        return [
            f"{function}: {line[:300]}"
            for function, lines in self.lines.items()
            for line in lines
            if (secret in line if isinstance(secret, str) else secret.search(line))
        ]


def token_mailed_to(product: Product, email: str) -> str:
    """The token of the newest invitation in a mailbox."""

    def newest() -> str | None:
        found = (INVITATION.search(mail["text"]) for mail in product.mails_to(email))
        return next((each[1] for each in found if each), None)

    return until(f"an invitation mailed to {email}", newest)


@pytest.fixture(scope="module")
def canaries(product: Product, people: People, aws: Aws) -> dict[str, str]:
    """Secrets and personal data, each sent through every flow that takes such a thing."""
    run = secrets.token_hex(4)
    email, legacy = f"canary-{run}@birds.example", f"old-canary-{run}@birds.example"
    name, company = f"Canary Personname {run}", f"Canary Company {run}"
    client = product.outputs["UserPoolClientId"]
    found = {
        "address": email,
        "address in capitals": email.upper(),
        "legacy address": legacy,
        "unknown address": f"nobody-{run}@birds.example",
        "domain": "birds.example",
        "name": name,
        "new name": f"Canary Newname {run}",
        "company": company,
        "password": PASSWORD,
        "wrong password": WRONG_PASSWORD,
        "old password": OLD_PASSWORD,
        "new password": NEW_PASSWORD,
        "unknown metadata": f"canary-metadata-{run}",
        "bad locale": f"canary-locale-{run}",
        "bad slug": f"Canary Slug {run}",
        "bad cursor": f"canary-cursor-{run}",
        "idempotency key": f"canary-key-{run}",
        "user agent": f"canary-agent-{run}",
        "description": f"canary description {run}",
        "reason": f"canary reason {run}",
        "avatar": f"canary-avatar-{run}.png",
        "support address": f"support-{run}@birds.example",
        "mistaken token": f"eyJ{secrets.token_hex(16)}",
        "industry": f"canary industry {run}",
        "allowed domain": f"allowed-{run}.example",
        "claimed domain": f"claimed-{run}.example",
        "bad time zone": f"Canary/Zone-{run}",
        "bad colour": f"#canary-colour-{run}",
        "bad logo": f"canary-logo-{run}.png",
        "bad filter": f"canary filter {run}",
        "bad id": f"canary-id-{run}",
        "comment of a query": f"canary comment {run}",
        "unknown key of a body": f"canary-body-{run}",
        "query of a route": f"canary-query-{run}",
        "cookie": f"canary-cookie-{run}",
        "invited address": f"invited-{run}@birds.example",
        "temporary password": f"canary-Temporary-{run}-1",
        "guest's address": f"guest-{run}@birds.example",
        "message of an invitation": f"canary message {run}",
    }
    refusal(
        lambda: product.sign_up(
            f"canary-{run}@mailinator.com", PASSWORD, name=name, locale=found["bad locale"]
        )
    )
    product.sign_up(
        email,
        PASSWORD,
        organization_name=company,
        name=name,
        unknown=found["unknown metadata"],
    )
    found["code"] = product.code_mailed_to(email)
    refusal(lambda: product.confirm(email, "000000"))
    product.confirm(email, found["code"])
    refusal(lambda: product.sign_in(email, WRONG_PASSWORD))
    tokens = product.sign_in(email.upper(), PASSWORD)
    _remember(found, "first", tokens)
    _remember(found, "second", product.refresh(tokens))
    refusal(lambda: product.sign_in_with_password(found["unknown address"], WRONG_PASSWORD))
    aws("dynamodb").put_item(
        TableName=product.outputs["LegacyTable"],
        Item={
            "email": {"S": legacy},
            "password_hash": {
                "S": bcrypt.hashpw(OLD_PASSWORD.encode(), bcrypt.gensalt(4)).decode()
            },
            "name": {"S": name},
        },
    )
    refusal(lambda: product.sign_in_with_password(legacy, WRONG_PASSWORD))
    _remember(found, "migrated", product.sign_in_with_password(legacy, OLD_PASSWORD))
    product.cognito.forgot_password(ClientId=client, Username=email)
    found["reset code"] = until(
        "the reset code", lambda: product.mails_to(email)[1:] and product.mails_to(email)
    )[0]["codes"][0]
    product.cognito.confirm_forgot_password(
        ClientId=client,
        Username=email,
        ConfirmationCode=found["reset code"],
        Password=NEW_PASSWORD,
    )
    newest = product.sign_in(email, NEW_PASSWORD)
    _remember(found, "newest", newest)
    found["authenticator's secret"] = product.cognito.associate_software_token(
        AccessToken=newest.access
    )["SecretCode"]
    aws("cognito-idp").admin_create_user(
        UserPoolId=product.outputs["UserPoolId"],
        Username=found["invited address"],
        TemporaryPassword=found["temporary password"],
        UserAttributes=[{"Name": "email", "Value": found["invited address"]}],
    )
    _through_an_invitation(product, found, tokens)
    _through_the_apis(product, people, found, tokens)
    return found


def _remember(found: dict[str, str], which: str, tokens: Tokens) -> None:
    for kind in ("access", "id", "refresh"):
        if token := getattr(tokens, kind):
            found[f"{which} {kind} token"] = token
            found[f"signature of the {which} {kind} token"] = token.rpartition(".")[2]


def _through_an_invitation(product: Product, found: dict[str, str], tokens: Tokens) -> None:
    """A token from the mailbox at every door that takes one, and mistaken ones there too."""
    guest = found["guest's address"]
    wish = {"email": guest, "role": "VIEWER", "message": found["message of an invitation"]}
    product.graphql(INVITE, tokens, i=wish)
    token = token_mailed_to(product, guest)
    found["invitation token"] = token
    found["secret of the invitation token"] = token.rpartition("~")[2]
    forged = token.rpartition("~")[0] + "~" + secrets.token_urlsafe(32)
    found["forged invitation token"] = forged
    for each in (token, forged):
        product.rest("POST", "/api/invitations/lookup", body={"token": each})
        refusal(partial(product.graphql, ACCEPT, tokens, t=each))
    refusal(lambda: product.sign_up(guest, PASSWORD, invitation_token=forged))
    product.rest("POST", "/api/invitations/decline", body={"token": forged})
    product.sign_up(guest, PASSWORD, invitation_token=token)
    _remember(found, "guest's", product.sign_in(guest, PASSWORD))
    refusal(lambda: product.graphql(ACCEPT, tokens, t=token))


def _through_the_apis(
    product: Product, people: People, found: dict[str, str], tokens: Tokens
) -> None:
    """Fields that take text, with what is right and what is wrong."""
    session = requests.Session()
    session.headers["user-agent"] = found["user agent"]
    session.headers["cookie"] = f"session={found['cookie']}"
    curious = Product(product.outputs, session)
    update = "mutation($i: UpdateProfileInput!) { updateProfile(input: $i) { id } }"
    create = "mutation($i: CreateOrganizationInput!) { createOrganization(input: $i) { id } }"
    change = "mutation($i: UpdateOrganizationInput!) { updateOrganization(input: $i) { id } }"
    settings = """mutation($i: OrganizationSettingsInput!) {
      updateOrganizationSettings(input: $i) { id }
    }"""
    curious.graphql(update, tokens, i={"name": found["new name"]})
    curious.graphql(change, tokens, i={"description": found["description"]})
    curious.graphql(settings, tokens, i={"branding": {"supportEmail": found["support address"]}})
    curious.graphql(
        create,
        tokens,
        i={"name": f"{found['company']} II", "clientMutationId": found["idempotency key"]},
    )
    curious.rest(
        "POST",
        "/api/organizations",
        tokens,
        body={"name": f"{found['company']} III"},
        headers={"idempotency-key": f"{found['idempotency key']}-2"},
    )
    proof = curious.graphql(
        "mutation($d: String!) { claimDomain(domain: $d) { recordValue } }",
        tokens,
        d=found["claimed domain"],
    )
    found["proof of a domain"] = proof["claimDomain"]["recordValue"]
    curious.graphql(change, tokens, i={"industry": found["industry"]})
    curious.graphql(settings, tokens, i={"allowedDomains": [found["allowed domain"]]})
    curious.graphql(f"query {{ me {{ id }} }} # {found['comment of a query']}", tokens)
    assert (
        curious.rest(
            "POST",
            "/api/organizations",
            tokens,
            body={"name": "x", found["unknown key of a body"]: 1},
        ).status_code
        == 400
    )
    curious.rest("GET", f"/health?q={found['query of a route']}")
    page = "query($after: String) { activity(after: $after) { items { id } } }"
    for wrong in (
        lambda: curious.graphql(update, tokens, i={"locale": found["bad locale"]}),
        lambda: curious.graphql(update, tokens, i={"avatarKey": f"users/x/{found['avatar']}"}),
        lambda: curious.graphql(create, tokens, i={"name": "x", "slug": found["bad slug"]}),
        lambda: curious.graphql(change, tokens, i={"name": found["name"] * 9}),
        lambda: curious.graphql(page, tokens, after=found["bad cursor"]),
        lambda: curious.graphql(page, tokens, organization=found["bad slug"]),
        lambda: curious.graphql(page, Tokens(found["mistaken token"], "", "")),
        lambda: curious.graphql(update, tokens, i={"timeZone": found["bad time zone"]}),
        lambda: curious.graphql(
            settings, tokens, i={"branding": {"primaryColor": found["bad colour"]}}
        ),
        lambda: curious.graphql(settings, tokens, i={"branding": {"logoKey": found["bad logo"]}}),
        lambda: curious.graphql(
            "query($t: String) { activity(filter: {type: $t}) { items { id } } }",
            tokens,
            t=found["bad filter"],
        ),
        lambda: curious.graphql(
            "mutation($o: ID!) { switchOrganization(organizationId: $o) { role } }",
            tokens,
            o=found["bad id"],
        ),
    ):
        refusal(wrong)
    someone, operator = people.join(), people.operator()
    for what in ("suspendUser", "reactivateUser"):
        curious.graphql(
            f"mutation($id: ID!, $r: String!) {{ {what}(userId: $id, reason: $r) {{ status }} }}",
            operator.tokens,
            id=someone.user_id,
            r=found["reason"],
        )
    assert curious.graphql("query { activity(first: 1) { items { id } } }", tokens)["activity"][
        "items"
    ]
    assert product.rest("GET", "/health").ok


# What the canaries themselves go through.
DRIVEN = {
    "audit-api",
    "audit-record-events",
    "identity-api",
    "identity-custom-message",
    "identity-post-authentication",
    "identity-post-confirmation",
    "identity-pre-authentication",
    "identity-pre-sign-up",
    "identity-pre-token-generation",
    "identity-user-migration",
    "invitations-api",
    "invitations-send-mails",
    "organizations-api",
    "streams-publish-changes",
}


@pytest.fixture(scope="module")
def log(canaries: Mapping[str, str], product: Product, aws: Aws) -> Log:
    """The logs once nothing is added any more."""
    before = Log.read(aws, product)
    deadline = time.monotonic() + SLOW
    while True:
        now = Log.read(aws, product)
        settled = {name: len(lines) for name, lines in now.lines.items()}
        if settled == {name: len(lines) for name, lines in before.lines.items()}:
            return now
        assert time.monotonic() < deadline, "the logs never came to rest"
        before = now


def test_there_is_something_to_look_at(canaries: Mapping[str, str], log: Log) -> None:
    """The twin: every function that ran has written, and what may be logged is found.

    Only health says nothing while all is well. Those that a schedule alone calls need not have run.
    """
    # A token's signature is looked for by itself too, and is no canary of its own.
    distinct = {value for what, value in canaries.items() if not what.startswith("signature")}
    assert len(distinct) >= 50
    ran = {name for name, lines in log.lines.items() if any(x.startswith("START ") for x in lines)}
    assert ran >= DRIVEN
    for function in ran - {"health-api"}:
        assert list(log.structured(function)), f"{function} has not logged a line"
    assert log.holding(re.compile(r'"user_id":\s?"[0-9a-f-]{36}"'))
    assert log.holding("INVALID_INPUT")


def test_the_suite_costs_the_local_cloud_few_invocations(log: Log) -> None:
    """It does some 70 a second: what needs thousands runs handlers in-process."""
    ran = Counter(
        {
            function: sum(line.startswith("START ") for line in lines)
            for function, lines in log.lines.items()
        }
    )
    assert ran.total() < 7000, ran.most_common(12)


def test_no_canary_is_logged(canaries: Mapping[str, str], log: Log) -> None:
    for what, canary in canaries.items():
        secret: str | re.Pattern[str] = canary
        if canary.isdecimal():
            secret = re.compile(rf"(?<![\w.-]){canary}(?![\w.-])")
        assert not log.holding(secret), what


def test_no_address_and_no_token_of_anybody_is_logged(log: Log) -> None:
    assert not log.holding(ADDRESS)
    assert not log.holding(TOKEN)


def test_no_dead_letter_holds_a_canary(
    canaries: Mapping[str, str], product: Product, aws: Aws
) -> None:
    sqs = aws("sqs")
    urls = sqs.list_queues(QueueNamePrefix=product.outputs["Prefix"])["QueueUrls"]
    bodies: list[str] = []
    for url in urls:
        while batch := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=30
        ).get("Messages"):
            bodies += [message["Body"] for message in batch]

    for what, canary in canaries.items():
        assert not any(canary in body for body in bodies), what
    assert not any(ADDRESS.search(body) or TOKEN.search(body) for body in bodies)


def test_no_event_holds_a_persons_data(
    canaries: Mapping[str, str], product: Product, aws: Aws
) -> None:
    """Events say of people who they are by id; what an organisation says of itself is its own."""
    pages = aws("dynamodb").get_paginator("scan").paginate(TableName=product.outputs["AuditTable"])
    entries = [json.dumps(item) for page in pages for item in page["Items"]]
    assert entries
    personal = {
        what: canary
        for what, canary in canaries.items()
        if any(kind in what for kind in ("address", "name", "password", "token", "avatar"))
        and what != "support address"
    }

    for what, canary in personal.items():
        assert not any(canary in entry for entry in entries), what


def test_every_line_says_which_request_it_belongs_to(log: Log) -> None:
    """Lines of a whole batch name their invocation."""
    for function in log.lines:
        for line in log.structured(function):
            assert line["service"], line
            assert line["function_request_id"], line
            if function not in ("streams-publish-changes", "audit-record-events"):
                assert line.get("correlation_id"), (function, line)


def test_lines_name_person_and_organisation_where_they_are_known(log: Log) -> None:
    for function in ("identity-api", "organizations-api", "audit-api"):
        for line in log.structured(function):
            if line["message"] == "answered":
                assert line["user_id"], (function, line)
    for function in (
        "identity-post-confirmation",
        "identity-pre-token-generation",
        "identity-post-authentication",
    ):
        for line in log.structured(function):
            assert line["user_id"], (function, line)
            assert line["trigger"], (function, line)
    for line in log.structured("audit-api"):
        if line["message"] == "answered":
            assert line["tenant_id"], line


def test_consumers_name_the_event(log: Log) -> None:
    consumed = [
        line for line in log.structured("audit-record-events") if line["message"] == "consumed"
    ]

    assert consumed
    for line in consumed:
        assert {"event_id", "event_type", "user_id"} <= line.keys(), line
    of_organizations = [line for line in consumed if line["event_type"] == "OrganizationUpdated"]
    assert of_organizations
    for line in of_organizations:
        assert {"tenant_id", "correlation_id"} <= line.keys(), line
    refused = [line for line in log.structured("audit-record-events") if "code" in line]
    for line in refused:
        assert line["message_id"], line


def test_one_id_leads_from_a_request_to_what_became_of_it(
    product: Product, people: People, aws: Aws
) -> None:
    owner = people.owner("Traced")
    product.graphql('mutation { updateOrganization(input: {industry: "A"}) { id } }', owner.tokens)
    query = """query { activity(first: 20, filter: {type: "OrganizationUpdated"}) {
      items { id correlationId }
    } }"""
    [item] = until(
        "the change in the activity",
        lambda: product.graphql(query, owner.tokens)["activity"]["items"],
        SLOW,
    )

    way = ["organizations-api", "streams-publish-changes", "audit-record-events"]

    def lines() -> dict[str, list[Line]] | None:
        log = Log.read(aws, product)
        found = defaultdict(list)
        for function in log.lines:
            for line in log.structured(function):
                if line.get("correlation_id") == item["correlationId"]:
                    found[function].append(line)
        return found if len(found) >= len(way) else None

    found = until("the id in every log on the way", lines, SLOW)

    assert set(found) == set(way)
    request, published, consumed = (found[function] for function in way)
    assert [line["event_id"] for line in (*published, *consumed)] == [item["id"]] * 2
    for line in (*request, *published, *consumed):
        assert line["tenant_id"] == owner.organization_id
        assert line["user_id"] == owner.user_id
