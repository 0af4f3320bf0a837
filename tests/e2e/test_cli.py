"""The operators' command line against the deployed product, with no AWS credentials."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from localcloud.client import Product
from tests.e2e.conftest import PASSWORD, People, Person
from tests.e2e.test_invitations import ACCEPT
from tests.e2e.test_logs import token_mailed_to

ROOT = Path(__file__).parents[2]
MEMBERS = "query { members { items { email status } } }"


class Cli:
    """Runs `tenantry`, with a configuration folder of its own; `last` is how it went."""

    def __init__(self, home: Path, product: Product) -> None:
        outputs = home / "outputs.json"
        outputs.write_text(json.dumps(dict(product.outputs)))
        self._environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "TENANTRY_HOME": str(home / "config"),
            "TENANTRY_OUTPUTS": str(outputs),
            "TENANTRY_PASSWORD": PASSWORD,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def __call__(self, *words: str, ends: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tenantry_cli", *words],
            env=self._environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == ends, (done.stdout, done.stderr)
        return done.stdout + done.stderr

    def json(self, *words: str) -> Any:
        return json.loads(self("--json", *words))

    def login(self, person: Person) -> None:
        self("login", "--email", person.email)


@pytest.fixture
def cli(tmp_path: Path, product: Product) -> Cli:
    return Cli(tmp_path, product)


@pytest.fixture(scope="module")
def owner(people: People) -> Person:
    return people.owner("Commanding")


@pytest.fixture(scope="module")
def operator(people: People) -> Person:
    return people.operator()


@pytest.fixture
def dead(aws: Callable[[str], Any], product: Product) -> Iterator[str]:
    """The name of a queue of dead letters in which one waits, and nothing that others left."""
    sqs, name = aws("sqs"), f"{product.outputs['Prefix']}-audit-record-events-dead-letters"
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    sqs.purge_queue(QueueUrl=url)
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"no": "event"}))
    yield name
    sqs.purge_queue(QueueUrl=url)


def test_it_is_installed_as_the_page_says(tmp_path: Path) -> None:
    """By uv, which takes the same words as pip and keeps what it has fetched."""
    place = tmp_path / "venv"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
    subprocess.run(
        [uv, "pip", "install", "-e", "."],
        env={**os.environ, "VIRTUAL_ENV": str(place)},
        cwd=ROOT,
        check=True,
    )
    said = subprocess.run(
        [place / "bin" / "tenantry", "--help"], capture_output=True, text=True, check=True
    )
    assert {"login", "doctor", "queues"} <= set(said.stdout.split())


def test_who_has_not_signed_in_is_told_how(cli: Cli) -> None:
    assert "tenantry login" in cli("whoami", ends=3)


def test_a_wrong_password_is_refused(cli: Cli, people: People) -> None:
    assert "NotAuthorizedException" in cli("login", "--email", people.address("nobody"), ends=1)


def test_an_owner_signs_in_looks_and_signs_out(cli: Cli, owner: Person) -> None:
    cli.login(owner)

    [who] = cli.json("whoami")
    assert (who["email"], who["role"], who["operator"]) == (owner.email, "OWNER", False)
    assert "OrganizationCreated" in cli("events", "tail", "--no-follow")
    assert "FORBIDDEN" in cli("queues", "list", ends=1)
    assert all(finding["well"] is not False for finding in cli.json("doctor"))

    cli("logout")
    cli("whoami", ends=3)


def test_an_operator_sends_back_what_was_given_up(cli: Cli, operator: Person, dead: str) -> None:
    cli.login(operator)
    waiting = {place["name"]: place["waiting"] for place in cli.json("queues", "list")}
    assert waiting[dead] == 1
    assert dead in cli("doctor", ends=1)

    shown = cli.json("queues", "redrive", dead, "--dry-run")
    assert [place["name"] for place in shown] == [dead]
    [moved] = cli.json("queues", "redrive", dead)

    assert (moved["moved"], moved["stayed"]) == (1, 0)
    assert cli.json("queues", "redrive", dead) == []


def test_an_operator_grants_a_plan_and_suspends_and_reopens(
    cli: Cli, operator: Person, people: People
) -> None:
    own = people.owner("Granted").organization_id
    cli.login(operator)
    until = (datetime.now(UTC) + timedelta(days=90)).date().isoformat()
    grant = ("organizations", "grant-plan", own, "professional", "--until", until)
    because = ("--reason", "a pilot")

    [planned] = cli.json(*grant, *because, "--dry-run")
    assert (planned["plan"], planned["until"]) == ("PROFESSIONAL", f"{until}T00:00:00+00:00")
    [granted] = cli.json(*grant, *because)
    assert (granted["plan"], granted["granted"], granted["status"]) == (
        "PROFESSIONAL",
        True,
        "ACTIVE",
    )
    [suspended] = cli.json("organizations", "suspend", own, *because)
    assert suspended["status"] == "SUSPENDED"
    assert cli.json("organizations", "suspend", own, *because) == [suspended]
    [reopened] = cli.json("organizations", "reactivate", own, *because)
    assert reopened["status"] == "ACTIVE"


def test_only_operators_decide_about_organisations(cli: Cli, owner: Person) -> None:
    cli.login(owner)
    words = ("organizations", "suspend", owner.organization_id, "--reason", "mine")
    assert "FORBIDDEN" in cli(*words, ends=1)


def test_an_owner_asks_for_an_account_and_follows_it(cli: Cli, people: People) -> None:
    cli.login(people.owner("Accounted"))
    words = ("accounts", "create", "Accounted", "--master", "Accounted Ltd")
    [planned] = cli.json(*words, "--dry-run")
    [private] = cli.json(*words, "--cloud-type", "private", "--dry-run")
    assert cli.json(*words, "--cloud-type", "private", "--dry-run") == [private]
    assert "PLAN_CHANGED" in cli(*words, "--plan", private["hash"], ends=1)
    assert cli.json("accounts", "list") == []

    done = cli.json(*words, "--plan", planned["hash"])

    assert (done["status"], done["percent"]) == ("SUCCEEDED", 100)
    [account] = cli.json("accounts", "list")
    assert account["provisioningStatus"] == "active"
    assert cli.json("accounts", "show", account["id"]) == account
    assert "SUCCEEDED" in cli("operations", "watch", account["id"])
    assert "CONFLICT" in cli("accounts", "cancel", account["id"], ends=1)


def test_an_owner_moves_to_a_place_of_their_own(cli: Cli, people: People) -> None:
    cli.login(people.owner("Moving"))
    words = ("accounts", "create", "Moving", "--master", "Moving Ltd")
    cli.json(*words)
    [planned] = cli.json("tenants", "migrate", "--dry-run")
    assert (planned["from"], planned["to"], planned["state"]) == (
        "public",
        "private",
        "would be moved",
    )
    [same] = cli.json("accounts", "move", planned["account"], "--to", "private", "--dry-run")
    assert same["hash"] == planned["hash"]

    [moved] = cli.json("tenants", "migrate", "--execute")
    [equal] = cli.json("tenants", "migrate", "--validate")

    assert (moved["state"], equal["state"]) == ("moved", "equal")
    assert (equal["changed"], equal["added"], equal["missing"]) == (0, 0, 0)
    assert equal["now"] > equal["comparedAt"]
    assert equal["items"] > 0
    assert equal["oldCopyUntil"] == moved["oldCopyUntil"]
    [account] = cli.json("accounts", "list")
    assert account["cloudType"] == "private"


def test_an_operator_sets_a_tenant_up_and_hands_it_over(
    cli: Cli, people: People, operator: Person, product: Product
) -> None:
    owner = people.join("newcomer")
    cli.login(operator)
    words = ("tenants", "setup", "Handed Works", "--owner", owner.email)
    assert [step["step"] for step in cli.json(*words, "--dry-run")] == [
        "found",
        "provide",
        "invite",
        "hand over",
    ]

    [first] = cli.json(*words)
    [again] = cli.json(*words)

    assert (again["organizationId"], again["account"]) == (
        first["organizationId"],
        first["account"],
    )
    assert first["provisioningStatus"] == "active"
    product.graphql(ACCEPT, owner.tokens, token=token_mailed_to(product, owner.email))
    [handed] = cli.json(*words)
    assert handed["next"] == "handed over"
    [over] = cli.json(*words)
    assert over["next"] == "handed over"
    members = product.graphql(MEMBERS, owner.tokens, first["organizationId"])["members"]["items"]
    standing = {each["email"]: each["status"] for each in members}
    assert standing == {owner.email: "ACTIVE"}


def test_words_that_are_off_are_told(cli: Cli) -> None:
    cli("queues", "redrive", ends=2)
    cli("nonsense", ends=2)
    assert "profiles add" in cli("--profile", "prod", "whoami", ends=2)


def test_a_deployment_is_added_by_its_stacks_outputs(
    cli: Cli, tmp_path: Path, owner: Person, product: Product
) -> None:
    described = tmp_path / "stack.json"
    outputs = [{"OutputKey": k, "OutputValue": v} for k, v in product.outputs.items()]
    described.write_text(json.dumps({"Stacks": [{"Outputs": outputs}]}))
    cli("profiles", "add", "prod", "--outputs", str(described))
    cli("--profile", "prod", "login", "--email", owner.email)

    listed = {row["profile"]: row["signed in"] for row in cli.json("profiles", "list")}

    assert listed == {"local": False, "prod": True}
