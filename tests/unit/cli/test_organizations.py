"""What operators decide about organisations: asked for as GraphQL wants it, or only shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tenantry_cli.api import Api, GraphqlError, Tokens
from tenantry_cli.main import main
from tenantry_cli.profiles import NEEDED
from tenantry_cli.session import Session

type Run = Callable[..., int]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What GraphQL was asked for; it answers that it was done."""
    seen: list[dict[str, Any]] = []

    def graphql(
        _api: Api, query: str, _tokens: Tokens, _organization: str | None, **variables: Any
    ) -> dict[str, Any]:
        seen.append(variables)
        if variables["id"] == "paying":
            raise GraphqlError({"message": "It is paid for.", "errorType": "CONFLICT"})
        field = next(name for name in FIELDS if name in query)
        return {field: {"status": "DONE"}}

    monkeypatch.setattr(Api, "graphql", graphql)
    monkeypatch.setattr(Session, "tokens", lambda _session: Tokens("access", "id", "refresh"))
    return seen


FIELDS = ("grantPlan", "suspendOrganization", "reactivateOrganization", "appointOwner")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `tenantry`; answers its exit code."""
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps(dict.fromkeys(NEEDED, "x")))
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TENANTRY_OUTPUTS", str(outputs))

    def go(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        return int(ended.value.code or 0)

    return go


GRANT = ("organizations", "grant-plan", "acme")
BECAUSE = ("--reason", "a pilot")


@pytest.mark.parametrize(
    ("until", "sent"),
    [
        ("2027-01-31", "2027-01-31T00:00:00+00:00"),
        ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00+00:00"),
        ("2027-01-31T12:00:00+02:00", "2027-01-31T12:00:00+02:00"),
    ],
)
def test_a_grant_is_asked_for_until_a_day_or_an_instant(
    run: Run, asked: list[dict[str, Any]], until: str, sent: str
) -> None:
    assert run(*GRANT, "enterprise", "--until", until, *BECAUSE) == 0
    assert asked == [{"id": "acme", "plan": "ENTERPRISE", "until": sent, "reason": "a pilot"}]


@pytest.mark.parametrize("command", ["suspend", "reactivate"])
def test_an_organisation_is_closed_and_opened_with_a_reason(
    run: Run, asked: list[dict[str, Any]], command: str
) -> None:
    assert run("organizations", command, "acme", *BECAUSE) == 0
    assert asked == [{"id": "acme", "reason": "a pilot"}]
    assert run("organizations", command, "acme") == 2


def test_an_owner_is_appointed_with_a_reason(run: Run, asked: list[dict[str, Any]]) -> None:
    assert run("organizations", "appoint-owner", "acme", "bob", *BECAUSE) == 0
    assert asked == [{"id": "acme", "user": "bob", "reason": "a pilot"}]
    assert run("organizations", "appoint-owner", "acme", "bob") == 2


@pytest.mark.parametrize(
    "words",
    [
        (*GRANT, "FREE", "--until", "2027-01-31"),
        ("organizations", "suspend", "acme"),
        ("organizations", "reactivate", "acme"),
        ("organizations", "appoint-owner", "acme", "bob"),
    ],
)
def test_a_dry_run_shows_what_would_be_asked_for_and_asks_nothing(
    run: Run,
    asked: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    assert run("--json", *words, *BECAUSE, "--dry-run") == 0
    [shown] = json.loads(capsys.readouterr().out)
    assert (shown["organization"], shown["reason"]) == ("acme", "a pilot")
    assert asked == []


@pytest.mark.parametrize(
    ("plan", "until"),
    [
        ("GOLD", "2027-01-31"),
        ("FREE", "tomorrow"),
        ("FREE", "2027-02-30"),
        ("FREE", "2027-01-31T12:00:00"),
    ],
)
def test_words_that_are_off_are_told_before_anything_is_asked(
    run: Run, asked: list[dict[str, Any]], plan: str, until: str
) -> None:
    assert run(*GRANT, plan, "--until", until, *BECAUSE) == 2
    assert asked == []


def test_a_refusal_ends_with_one_and_the_products_code(
    run: Run, asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("organizations", "grant-plan", "paying", "FREE", "--until", "2027-01-31")
    assert run(*words, *BECAUSE) == 1
    assert "CONFLICT" in capsys.readouterr().err
