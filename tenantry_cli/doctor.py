"""`tenantry doctor`: whether a deployment, and this machine's way to it, is well."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import typer

from tenantry_cli import context
from tenantry_cli.api import TIMEOUT, Api, GraphqlError
from tenantry_cli.errors import CliError, NotSignedInError
from tenantry_cli.queues import WAITING
from tenantry_cli.session import Session

_STUCK_AFTER = timedelta(minutes=30)
_WAITS_FOR_LONG = {
    "AWAIT": timedelta(days=31),
    "VEND": timedelta(days=1),
    "CLOSE": timedelta(days=31),
}
"""Steps that wait for people, or for AWS's quotas."""
_PAGES = 20
_LOOKED_AT = 50
"""Accounts under way whose operations are looked at."""
_DRIFT = 60
"""Seconds that this machine's clock may differ: SRP and tokens are timed."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `well` is None where it could not be looked at."""

    what: str
    well: bool | None
    words: str


class _Ill(Exception):  # noqa: N818 - what a check says, not an error of the program
    """What a check found wrong."""


def doctor(ctx: typer.Context) -> None:
    """Look at everything that a deployment needs to answer; ends with 1 when something is wrong."""
    given = context.of(ctx)
    session = given.session()
    findings = [_looked(what, check) for what, check in _checks(session)]
    rows = [
        {"": {True: "✓", False: "✗", None: "–"}[f.well], "what": f.what, "found": f.words}
        for f in findings
    ]
    if given.as_json:
        given.dump([{"what": f.what, "well": f.well, "found": f.words} for f in findings])
    else:
        given.show(rows, ["", "what", "found"])
    if any(f.well is False for f in findings):
        raise CliError("Something is not well: see above.")


def _checks(session: Session) -> list[tuple[str, Callable[[], str]]]:
    api = session.api
    return [
        ("REST API", lambda: _health(api)),
        ("this machine's clock", lambda: _clock(api)),
        ("GraphQL API", lambda: _graphql(api)),
        ("session", lambda: _session(session)),
        ("dead letters", lambda: _dead_letters(session)),
        ("accounts", lambda: _accounts(session)),
    ]


def _looked(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, check())
    except NotSignedInError as error:
        return Finding(what, None, str(error))
    except (_Ill, CliError) as error:
        return Finding(what, False, str(error))
    except (requests.RequestException, ValueError, KeyError) as error:
        return Finding(what, False, f"does not answer sensibly: {error}")


def _health(api: Api) -> str:
    answer = api.rest("GET", "/health")
    health: dict[str, Any] = answer.json()
    states = ", ".join(f"{name} {state}" for name, state in health["dependencies"].items())
    if not answer.ok:
        raise _Ill(f"{health['status']}: {states}")
    return f"{health['status']}, version {health['version']}: {states}"


def _clock(api: Api) -> str:
    said = api.rest("GET", "/health").headers.get("date")
    if not said:
        return "the API does not say the time"
    drift = abs(time.time() - parsedate_to_datetime(said).timestamp())
    if drift > _DRIFT:
        raise _Ill(f"differs by {drift:.0f} s: sign-in will fail")
    return f"within {drift + 1:.0f} s"


def _graphql(api: Api) -> str:
    """Without a token it must be refused: then it answers, and is closed."""
    url = api.outputs["GraphqlUrl"]
    answer = api.http.post(url, json={"query": "query { me { id } }"}, timeout=TIMEOUT)
    if answer.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
        return "answers, and asks who you are"
    if answer.json().get("errors"):
        return f"answers: {GraphqlError(answer.json()['errors'][0]).code}"
    raise _Ill("answers strangers")


def _session(session: Session) -> str:
    claims = session.tokens().claims
    left = int(claims.get("exp", 0) - session.now()) // 60
    kind = "an operator" if session.is_operator else f"role {claims.get('role') or 'none'}"
    return f"signed in, {kind}, {left} min left"


def _dead_letters(session: Session) -> str:
    if not session.is_operator:
        raise NotSignedInError("only operators see them")
    waiting = {p["name"]: p["waiting"] for p in session.graphql(WAITING)["deadLetters"]}
    left = {name: count for name, count in waiting.items() if count}
    if left:
        raise _Ill(", ".join(f"{count} in {name}" for name, count in left.items()))
    return f"none in {len(waiting)} places"


def _accounts(session: Session) -> str:
    """Those that stand until somebody does something: what failed, with what is left over, and
    operations that are open and come no further."""
    if not session.is_operator:
        raise NotSignedInError("only operators see them")
    now, seen, ill, under_way = datetime.fromtimestamp(session.now(), UTC), 0, list[str](), 0
    for account in _all_accounts(session):
        seen += 1
        status = account["provisioningStatus"]
        if status == "failed":
            code = (account["error"] or "unknown").partition(":")[0]
            ill.append(f"{account['id']} failed with {code}")
        elif status in ("pending", "creating", "deleting") and under_way < _LOOKED_AT:
            under_way += 1
            path = f"/accounts/{account['id']}/operations/{account['operationId']}"
            if stuck := _stuck(session.rest("GET", path), now):
                ill.append(f"{account['id']} {stuck}")
    if ill:
        raise _Ill("; ".join(ill))
    return f"{seen}, of which {under_way} are under way; none has failed or comes no further"


def _all_accounts(session: Session) -> Iterator[dict[str, Any]]:
    """The newest of them, where there are too many to look at."""
    after = None
    for _ in range(_PAGES):
        page = session.rest("GET", "/accounts", query={"first": 100, "after": after})
        yield from page["items"]
        after = page["nextCursor"]
        if after is None:
            return


def _stuck(operation: dict[str, Any], now: datetime) -> str | None:
    """In which step an operation that runs has been for too long."""
    if operation["status"] not in ("RUNNING", "COMPENSATING"):
        return None
    times = [at for step in operation["steps"] for at in (step["startedAt"], step["endedAt"]) if at]
    since = datetime.fromisoformat(max(times, default=operation["createdAt"]))
    doing = [step["name"] for step in operation["steps"] if step["state"] in ("RUNNING", "UNDOING")]
    longest = max((_WAITS_FOR_LONG.get(name, _STUCK_AFTER) for name in doing), default=_STUCK_AFTER)
    if now - since < longest:
        return None
    return f"has been in {', '.join(doing) or operation['status']} since {since:%Y-%m-%d %H:%M} UTC"
