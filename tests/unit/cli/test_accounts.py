"""`tenantry accounts`, as it asks REST and shows what is answered."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

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
