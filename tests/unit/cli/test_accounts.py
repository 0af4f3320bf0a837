"""`tenantry accounts`, as it asks REST and shows what is answered."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tenantry_cli.errors import BusyError, CliError, UnreachableError
from tenantry_cli.main import main
from tenantry_cli.profiles import NEEDED
from tenantry_cli.session import Session

PLANNED = {"plan": {"action": "provision", "steps": [], "resources": [], "hash": "h-1"}}
DONE = {"id": "o-1", "kind": "PROVISION", "status": "SUCCEEDED", "percent": 100, "steps": []}
MADE = {"account": {"id": "a-1"}, "operation": DONE}


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    body: Any = None
    headers: Any = None
    query: Any = None


@dataclass
class Rest:
    """What is asked, and what is answered."""

    asked: list[Asked] = field(default_factory=list)
    answers: Callable[[Asked], Any] = lambda _asked: MADE

    def __call__(self, method: str, path: str, *given: Any, **named: Any) -> Any:
        asked = Asked(method, path, *given, **named)
        self.asked.append(asked)
        return self.answers(asked)


@pytest.fixture
def rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rest:
    made = Rest()
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps(dict.fromkeys(NEEDED, "x")))
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TENANTRY_OUTPUTS", str(outputs))
    monkeypatch.setattr(Session, "rest", lambda _session, *a, **b: made(*a, **b))
    return made


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


CREATE = ("accounts", "create", "Own", "--master", "M")


def test_what_is_only_looked_at_has_no_key_but_one_that_is_given(rest: Rest) -> None:
    rest.answers = lambda _asked: PLANNED
    run(*CREATE, "--dry-run")
    run(*CREATE, "--dry-run", "--key", "k-1")

    assert [each.headers for each in rest.asked] == [{}, {"idempotency-key": "k-1"}]


def test_what_is_asked_for_has_a_key_of_its_own_and_the_plan_that_was_looked_at(
    rest: Rest,
) -> None:
    for _ in range(2):
        assert run(*CREATE, "--plan", "h-1", "--no-watch") == 0

    first, second = rest.asked
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]
    assert first.query["plan"] == second.query["plan"] == "h-1"


def test_everything_that_rest_takes_can_be_said(rest: Rest) -> None:
    words = ("--address", "A 1", "--address", "B 2", "--licenses", "7", "--capacity", "provisioned")
    run(*CREATE, "--cloud-type", "dedicated", *words, "--parameters", "--no-watch")
    run(*CREATE, "--no-watch")

    body = {"name": "Own", "masterAccountName": "M", "cloudType": "dedicated"}
    told = {
        "addresses": ["A 1", "B 2"],
        "licenses": 7,
        "options": {"capacity": "provisioned", "parameters": True},
    }
    assert [each.body for each in rest.asked] == [
        {**body, **told},
        {**body, "cloudType": "public"},
    ]


@pytest.mark.parametrize(
    "odd", ["../organizations", "a/b", "a?plan=1", "a#b", "a b", "", "a%2Fb", "."]
)
@pytest.mark.parametrize(
    "words",
    [
        ("accounts", "show", "{}"),
        ("accounts", "storage", "{}"),
        ("accounts", "retry", "{}"),
        ("accounts", "cancel", "{}"),
        ("accounts", "move", "{}", "--to", "private"),
        ("accounts", "teardown", "{}", "--plan", "h"),
        ("accounts", "approve", "{}", "approval"),
        ("accounts", "technical-user", "show", "{}"),
        ("accounts", "technical-user", "credentials", "{}"),
        ("operations", "watch", "{}"),
        ("operations", "watch", "a-1", "{}"),
        ("tenants", "migrate", "{}", "--execute"),
        ("tenants", "migrate", "{}", "--dry-run"),
        ("tenants", "migrate", "{}", "--validate"),
    ],
    ids=" ".join,
)
def test_what_is_no_id_leads_nowhere(rest: Rest, words: tuple[str, ...], odd: str) -> None:
    """It would lead to another route: `..` to what lies beside accounts."""
    if odd == "" and words[:3] == ("operations", "watch", "a-1"):
        return  # left out, as the latest

    assert run(*(word.replace("{}", odd) for word in words)) != 0
    assert rest.asked == []


# following


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr("tenantry_cli.accounts.time.sleep", waits.append)
    return waits


def running(step: str = "PENDING") -> dict[str, Any]:
    steps = [{"name": "CREATE", "state": step, "attempts": 1, "error": None}]
    return {**DONE, "status": "RUNNING", "percent": 0, "steps": steps}


def answering(*answers: Any) -> Callable[[Asked], Any]:
    """One after the other; errors are raised."""
    left = iter(answers)

    def answer(_asked: Asked) -> Any:
        found = next(left)
        if isinstance(found, Exception):
            raise found
        return found

    return answer


def test_what_stands_still_is_looked_at_less_and_less_often(rest: Rest, slept: list[float]) -> None:
    rest.answers = answering(*[running()] * 40, running("DONE"), running("DONE"), DONE)
    assert run("operations", "watch", "a-1", "o-1") == 0

    assert slept[0] == slept[40] == 0.5
    assert slept[:40] == sorted(slept[:40])
    assert max(slept) == 10.0
    assert sum(slept) > 200


@pytest.mark.parametrize(
    "passing", [BusyError("no", "INTERNAL_ERROR"), UnreachableError("nobody there")]
)
def test_that_the_product_does_not_answer_for_a_while_ends_nothing(
    rest: Rest, slept: list[float], passing: Exception
) -> None:
    rest.answers = answering(passing, running(), *[passing] * 20, running(), DONE)
    assert run("operations", "watch", "a-1", "o-1") == 0
    assert max(slept) == 10.0


def test_a_quarter_of_an_hour_without_an_answer_does(rest: Rest, slept: list[float]) -> None:
    rest.answers = answering(running(), *[UnreachableError("nobody there")] * 200)
    assert run("operations", "watch", "a-1", "o-1") == 4
    assert 600 < sum(slept) < 1200


def test_a_refusal_ends_it(rest: Rest, slept: list[float]) -> None:
    rest.answers = answering(running(), CliError("no", "FORBIDDEN"))
    assert run("operations", "watch", "a-1", "o-1") == 1
    assert len(slept) == 1
