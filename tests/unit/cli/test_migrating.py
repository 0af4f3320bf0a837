"""Tenants moved one after the other: planned, done, looked at, and gone on with."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tenantry_cli import accounts
from tenantry_cli.errors import CliError, UnreachableError
from tenantry_cli.main import main
from tenantry_cli.profiles import NEEDED
from tenantry_cli.session import Session

DAY = "2026-01-01T00:00:00Z"
STAYS = {"oldVersions": 12, "oldBytes": 345, "measuredAt": DAY}

type Run = Callable[..., int]

SAME = {"same": 3, "changed": 0, "added": 0, "missing": 0}
SUMS = {"items": 3, "objects": 1, "bytes": 5, "checksum": "c"}


@dataclass
class Platform:
    """Accounts behind the REST routes; a move takes two looks, and ends as `ends` says."""

    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    now: dict[str, dict[str, int] | None] = field(default_factory=dict)
    """How the items of an account have come apart; None where no old copy is left."""

    def has(self, name: str, kind: str = "public") -> None:
        self.operations[f"{name}-0"] = _operation(f"{name}-0", "PROVISION", "SUCCEEDED")
        self.accounts[name] = {
            "id": name,
            "cloudType": kind,
            "provisioningStatus": "active",
            "operationId": f"{name}-0",
        }

    def moves(self, name: str) -> dict[str, Any]:
        operation = _operation(f"{name}-1", "MOVE", "RUNNING")
        self.operations[f"{name}-1"] = operation
        self.accounts[name] |= {"operationId": f"{name}-1", "provisioningStatus": "pending"}
        return operation

    def rest(
        self,
        _session: Session,
        method: str,
        path: str,
        body: Any = None,
        _headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Any:
        match method, path.split("/")[1:]:
            case "GET", ["accounts"]:
                return {"items": list(self.accounts.values()), "nextCursor": None}
            case "GET", ["accounts", name]:
                return dict(self.accounts[name])
            case "GET", ["accounts", name, "operations", operation]:
                found = dict(self.operations[operation])
                if found["status"] == "RUNNING":
                    self._end(name, operation)
                return found
            case "GET", ["accounts", name, "comparison"]:
                return self._compared(name, (query or {})["after"])
            case "POST", ["accounts", name, "move"]:
                query = {name: value for name, value in (query or {}).items() if value}
                if query == {"dryRun": "true"}:
                    planned = {"action": f"move to {body['to']}", "hash": f"h-{name}"}
                    return {"plan": {**planned, "steps": [], "resources": [], "notMoved": STAYS}}
                assert query == {"plan": f"h-{name}"}
                self.asked.append(name)
                return {"account": self.accounts[name], "operation": self.moves(name)}
        raise AssertionError(path)

    def _compared(self, name: str, after: str | None) -> dict[str, Any]:
        """In two parts."""
        tally = self.now.get(name, SAME)
        if tally is None:
            raise CliError("There is no old copy to compare with.", "CONFLICT")
        is_equal = not (tally["changed"] or tally["added"] or tally["missing"])
        return {
            "comparedAt": "2026-01-02T00:00:00Z",
            "isWhole": after == "more",
            "isEqual": after == "more" and is_equal,
            "items": tally,
            "objects": SAME,
            "nextCursor": None if after == "more" else "more",
        }

    def _end(self, name: str, operation: str) -> None:
        status = self.ends.get(name, "SUCCEEDED")
        done = status == "SUCCEEDED"
        self.accounts[name]["provisioningStatus"] = "active"
        if done:
            self.accounts[name]["cloudType"] = "private"
        self.operations[operation] |= {
            "status": status,
            "error": None if done else "The copy differs.",
            "errorCode": None if done else "COPY_DIFFERS",
            "comparison": {"isEqual": done, "comparedAt": DAY, "old": SUMS, "new": SUMS},
            "oldCopyUntil": "2026-02-01T00:00:00Z" if done else None,
        }


def _operation(name: str, kind: str, status: str) -> dict[str, Any]:
    return {
        "id": name,
        "kind": kind,
        "status": status,
        "percent": 0,
        "steps": [],
        "comparison": None,
        "oldCopyUntil": None,
    }


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Platform:
    found = Platform()

    def rest(session: Session, *words: Any, **named: Any) -> Any:
        return found.rest(session, *words, **named)

    monkeypatch.setattr(Session, "rest", rest)
    monkeypatch.setattr("tenantry_cli.accounts.time.sleep", lambda _seconds: None)
    return found


@pytest.fixture
def run(
    platform: Platform,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps(dict.fromkeys(NEEDED, "x")))
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TENANTRY_OUTPUTS", str(outputs))

    def go(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        return int(ended.value.code or 0)

    return go


def rows(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    return [(row["account"], row["state"]) for row in json.loads(capsys.readouterr().out)]


MIGRATE = ("--json", "tenants", "migrate")


def test_a_dry_run_moves_nobody(
    run: Run, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.has("a")
    platform.has("b", "private")

    assert run(*MIGRATE, "a", "b", "--dry-run") == 0
    assert rows(capsys) == [("a", "would be moved"), ("b", "is there")]
    assert platform.asked == []


@pytest.mark.parametrize(
    "words",
    [
        ("tenants", "migrate", "a", "--dry-run"),
        ("accounts", "move", "a", "--to", "private", "--dry-run"),
    ],
)
def test_what_does_not_move_is_said_before(
    run: Run, platform: Platform, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    platform.has("a")
    run("--json", *words)
    [planned] = json.loads(capsys.readouterr().out)
    assert planned["notMoved"] == STAYS
    run(*words)
    told = " ".join(capsys.readouterr().out.split())
    assert "12" in told
    assert "older" in told


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (None, ""),
        ({"oldVersions": 0, "oldBytes": 0, "measuredAt": DAY}, ""),
        ({"oldVersions": 0, "oldBytes": 0, "measuredAt": None}, "nobody has counted"),
        (STAYS, "345 bytes"),
    ],
)
def test_nothing_is_said_where_nothing_stays(left: dict[str, Any] | None, words: str) -> None:
    said = accounts.staying({"notMoved": left})
    assert words in said
    assert bool(words) == bool(said)


def test_those_who_are_named_are_moved_and_those_who_are_there_are_left(
    run: Run, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.has("a")
    platform.has("b", "private")

    assert run(*MIGRATE, "a", "b", "--execute") == 0
    assert rows(capsys) == [("a", "moved"), ("b", "is there")]
    assert run(*MIGRATE, "a", "b", "--validate") == 0
    assert rows(capsys) == [("a", "equal"), ("b", "is there")]
    assert run(*MIGRATE, "a", "b", "--execute") == 0
    assert platform.asked == ["a"]


def test_a_run_that_was_interrupted_is_gone_on_with(run: Run, platform: Platform) -> None:
    platform.has("a")
    platform.moves("a")

    assert run(*MIGRATE, "a", "--execute") == 0
    assert platform.asked == []
    assert platform.accounts["a"]["cloudType"] == "private"


def test_one_that_fails_keeps_no_other_from_moving_and_is_told(
    run: Run, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.has("a")
    platform.has("b")
    platform.ends["a"] = "FAILED"

    assert run(*MIGRATE, "a", "b", "--execute") == 1
    assert rows(capsys) == [("a", "not moved"), ("b", "moved")]
    assert run(*MIGRATE, "a", "b", "--validate") == 1
    assert rows(capsys) == [("a", "not moved"), ("b", "equal")]


def test_a_comparison_that_did_not_hold_is_told(
    run: Run, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.has("a", "private")
    platform.moves("a")["comparison"] = {"isEqual": False, "old": SUMS, "new": SUMS}

    assert run(*MIGRATE, "a", "--validate") == 1
    assert rows(capsys) == [("a", "not equal")]


def test_what_was_written_since_is_counted_beside_what_was_compared(
    run: Run, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.has("a")
    platform.has("b")
    run(*MIGRATE, "a", "b", "--execute")
    platform.now = {"a": {"same": 1, "changed": 2, "added": 4, "missing": 1}, "b": None}
    capsys.readouterr()

    assert run(*MIGRATE, "a", "b", "--validate") == 0
    a, b = json.loads(capsys.readouterr().out)
    assert (a["state"], a["changed"], a["added"], a["missing"]) == ("written since", 2, 4, 1)
    assert (a["comparedAt"], a["now"]) == (DAY, "2026-01-02T00:00:00Z")
    assert (b["state"], b["comparedAt"], b["now"]) == ("equal", DAY, "the old copy is gone")


def test_without_a_name_it_is_ones_own_and_no_other(
    run: Run, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.has("a")
    assert run(*MIGRATE, "--execute") == 0
    assert rows(capsys) == [("a", "moved")]

    platform.has("b")
    assert run(*MIGRATE, "--execute") == 1
    assert platform.asked == ["a"]


@pytest.mark.parametrize("words", [(), ("--dry-run", "--execute"), ("--execute", "--validate")])
def test_one_of_the_three_is_chosen(run: Run, words: tuple[str, ...]) -> None:
    assert run(*MIGRATE, "a", *words) == 2


def test_what_does_not_answer_ends_it(
    run: Run, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.has("a")

    def silent(*_words: object, **_named: object) -> None:
        raise UnreachableError("It does not answer.")

    monkeypatch.setattr(Session, "rest", silent)
    assert run(*MIGRATE, "a", "--execute") == 4


def test_moving_one_account_takes_the_hash_of_a_dry_run(
    run: Run, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.has("a")
    words = ("--json", "accounts", "move", "a", "--to", "private")

    assert run(*words, "--dry-run") == 0
    [planned] = json.loads(capsys.readouterr().out)
    assert run(*words, "--plan", planned["hash"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "SUCCEEDED"


def leaves(platform: Platform, name: str, opened: str) -> dict[str, Any]:
    """A private account on its way to public: it is where it is until that is open."""
    platform.has(name, "private")
    operation = platform.moves(name)
    operation["steps"] = [{"name": "OPEN", "state": opened}]
    platform.accounts[name]["provisioningStatus"] = "active"
    return operation


@pytest.mark.parametrize("step", ["--execute", "--dry-run"])
def test_what_is_on_its_way_elsewhere_is_not_there(
    run: Run, platform: Platform, capsys: pytest.CaptureFixture[str], step: str
) -> None:
    leaves(platform, "a", "PENDING")

    assert run(*MIGRATE, "a", step) == 1
    assert rows(capsys) == [("a", "moves away")]
    assert platform.asked == []


def test_what_has_been_let_in_there_is_there(
    run: Run, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its move has but to be announced."""
    leaves(platform, "a", "DONE")
    assert run(*MIGRATE, "a", "--execute") == 0
    assert rows(capsys) == [("a", "is there")]


def test_what_was_moved_before_the_product_fell_silent_is_shown(
    run: Run,
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    platform.has("a")
    answers = platform.rest

    def falls_silent(session: Session, method: str, path: str, *words: Any, **named: Any) -> Any:
        if path.startswith("/accounts/b"):
            raise UnreachableError("It does not answer.")
        return answers(session, method, path, *words, **named)

    monkeypatch.setattr(Session, "rest", falls_silent)
    assert run(*MIGRATE, "a", "b", "--execute") == 4
    assert json.loads(capsys.readouterr().out)[0]["state"] == "moved"


def test_one_that_nobody_knows_keeps_no_other_from_moving(
    run: Run,
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    platform.has("b")
    answers = platform.rest

    def knows(session: Session, method: str, path: str, *words: Any, **named: Any) -> Any:
        if path.startswith("/accounts/a"):
            raise CliError("There is no such account.", "NOT_FOUND")
        return answers(session, method, path, *words, **named)

    monkeypatch.setattr(Session, "rest", knows)
    assert run(*MIGRATE, "a", "b", "--execute") == 1
    assert rows(capsys) == [("a", "not moved"), ("b", "moved")]


def test_words_that_are_no_ids_are_refused_before_anybody_is_moved(
    run: Run, platform: Platform
) -> None:
    platform.has("a")
    assert run(*MIGRATE, "a", "../b", "--execute") == 2
    assert platform.asked == []
