"""Programs' credentials at the command line: asked for, and shown as they are told."""

import json
from pathlib import Path
from typing import Any

import pytest

from tenantry_cli.main import main
from tenantry_cli.profiles import NEEDED
from tenantry_cli.session import Session

ISSUED = {"clientId": "c1", "clientSecret": "s3cret", "tokenUrl": "https://token", "scopes": ["a"]}
LOOK = {"clients": [{"clientId": "c1", "createdAt": "t", "issuedAt": None, "endsAt": None}]}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is asked of REST."""
    found: list[Any] = []

    def rest(
        _session: Session, method: str, path: str, body: Any = None, *_: Any, **__: Any
    ) -> Any:
        found.append((method, path, body))
        if path == "/accounts":
            return {"plan": {"action": "provision", "steps": [], "resources": [], "hash": "h"}}
        return LOOK if method == "GET" else ISSUED

    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps(dict.fromkeys(NEEDED, "x")))
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TENANTRY_OUTPUTS", str(outputs))
    monkeypatch.setattr(Session, "rest", rest)
    return found


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


@pytest.mark.parametrize(("grace", "body"), [((), {}), (("--grace", "0"), {"graceSeconds": 0})])
def test_credentials_are_shown_once_to_whoever_asks(
    asked: list[Any], capsys: pytest.CaptureFixture[str], grace: tuple[str, ...], body: Any
) -> None:
    assert run("--json", "accounts", "technical-user", "credentials", "a-1", *grace) == 0

    assert asked == [("POST", "/accounts/a-1/technical-user/credentials", body)]
    assert json.loads(capsys.readouterr().out) == ISSUED


def test_people_see_the_secret_too(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("accounts", "technical-user", "credentials", "a-1") == 0
    assert "s3cret" in capsys.readouterr().out


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_looking_shows_the_clients(
    asked: list[Any], capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert run(*words, "accounts", "technical-user", "show", "a-1") == 0

    assert asked == [("GET", "/accounts/a-1/technical-user", None)]
    assert "c1" in capsys.readouterr().out


def test_an_account_is_asked_for_with_one(asked: list[Any]) -> None:
    run("accounts", "create", "Own", "--master", "M", "--technical-user", "erp", "--dry-run")

    assert asked[0][2]["technicalUser"] == "erp"
