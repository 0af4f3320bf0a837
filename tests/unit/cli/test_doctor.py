"""What `doctor` says of accounts: those that stand until an operator does something."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from tenantry_cli import doctor
from tenantry_cli.session import Session

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def account(account_id: str, status: str, error: str | None = None) -> dict[str, Any]:
    named = {"id": account_id, "operationId": f"op-{account_id}"}
    return {**named, "provisioningStatus": status, "error": error}


def operation(status: str, step: str, ago: timedelta) -> dict[str, Any]:
    began = (NOW - ago).isoformat()
    its = {"name": step, "state": "RUNNING", "startedAt": began, "endedAt": None}
    return {"status": status, "createdAt": began, "steps": [its]}


@dataclass
class FakeSession:
    """Answers as the REST API does, a page of two accounts at a time."""

    accounts: list[dict[str, Any]] = field(default_factory=list)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_operator: bool = True

    def now(self) -> float:
        return NOW.timestamp()

    def rest(self, _method: str, path: str, query: dict[str, Any] | None = None) -> Any:
        if path != "/accounts":
            return self.operations[path.rsplit("/", maxsplit=1)[-1]]
        start = int((query or {}).get("after") or 0)
        more = str(start + 2) if start + 2 < len(self.accounts) else None
        return {"items": self.accounts[start : start + 2], "nextCursor": more}


def found(session: FakeSession) -> doctor.Finding:
    given = cast("Session", session)
    return doctor._looked("accounts", lambda: doctor._accounts(given))


def test_accounts_that_are_as_they_should_be_are_well() -> None:
    session = FakeSession(
        [account("a-1", "active"), account("a-2", "deleted"), account("a-3", "creating")],
        {"op-a-3": operation("RUNNING", "CREATE", timedelta(minutes=29))},
    )

    assert found(session) == doctor.Finding(
        "accounts", True, "3, of which 1 are under way; none has failed or comes no further"
    )


def test_one_that_failed_or_left_something_over_is_named_on_whatever_page_it_is() -> None:
    session = FakeSession(
        [
            account("a-1", "active"),
            account("a-2", "failed", "LEFTOVERS: Still there: 3 items"),
            account("a-3", "failed", "STACK_FAILED: no"),
        ]
    )

    assert found(session) == doctor.Finding(
        "accounts", False, "a-2 failed with LEFTOVERS; a-3 failed with STACK_FAILED"
    )


@pytest.mark.parametrize(
    ("status", "step", "ago", "well"),
    [
        ("RUNNING", "CREATE", timedelta(minutes=31), False),
        ("COMPENSATING", "CREATE", timedelta(minutes=31), False),
        ("RUNNING", "CLOSE", timedelta(days=30), True),
        ("RUNNING", "CLOSE", timedelta(days=32), False),
        ("RUNNING", "VEND", timedelta(hours=23), True),
        ("PENDING", "AWAIT", timedelta(days=6), True),
        ("FAILED", "CREATE", timedelta(days=6), True),
    ],
)
def test_one_that_comes_no_further_is_told_apart_from_one_that_waits(
    status: str, step: str, ago: timedelta, well: bool
) -> None:
    session = FakeSession([account("a-1", "deleting")], {"op-a-1": operation(status, step, ago)})

    finding = found(session)
    assert finding.well is well
    if not well:
        assert f"a-1 has been in {step} since" in finding.words


def test_an_owner_is_not_asked() -> None:
    session = FakeSession([account("a-1", "failed", "X: y")], is_operator=False)

    assert found(session).well is None
