"""`tenantry tenants`: a tenant made ready, from nothing to its owner's own, and tenants moved."""

import uuid
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from tenantry_cli import accounts, context
from tenantry_cli.context import Context
from tenantry_cli.errors import CliError, NotSignedInError, UnreachableError, UsageError
from tenantry_cli.paths import at
from tenantry_cli.session import Session

app = typer.Typer(no_args_is_help=True)

_CREATE = """mutation($input: CreateOrganizationInput!) {
  createOrganization(input: $input) { id name slug }
}"""
_MEMBERS = """query($text: String!) {
  members(first: 100, filter: {text: $text}) { items { email role status } }
}"""
_INVITE = """mutation($input: InviteUserInput!) {
  inviteUserToOrganization(input: $input) { status expiresAt }
}"""
_LEAVE = "mutation { leaveOrganization { status } }"
_KEYS = uuid.UUID("0a3c2c0e-6d0f-4a7e-9b56-0d6a3c1f2e11")
_OVER = "handed over"
_MOVED = ["account", "from", "to", "state", "items", "objects", "bytes", "oldCopyUntil"]
_MOVED += ["stays", "hash"]
_VALIDATED = ["account", "to", "state", "items", "objects", "comparedAt", "now"]
_VALIDATED += ["changed", "added", "missing", "oldCopyUntil"]
_WELL = {"would be moved", "moved", "equal", "written since", "is there"}
_AWAY = "moves away"
_GOING_ON = {"PENDING", "RUNNING", "COMPENSATING"}
_SHOWN = ["organizationId", "name", "slug", "account", "provisioningStatus", "owner", "next"]


@dataclass(frozen=True)
class Wanted:
    """What is set up; the same words again are the same tenant."""

    name: str
    owner: str
    slug: str | None
    locale: str | None

    @property
    def key(self) -> str:
        return str(uuid.uuid5(_KEYS, f"{self.slug or self.name}\n{self.owner}"))


@app.command()
def setup(
    ctx: typer.Context,
    name: str,
    owner: Annotated[str, typer.Option(help="The address of who will own it.")],
    slug: Annotated[str | None, typer.Option(help="Made of the name when left out.")] = None,
    cloud_type: Annotated[str, typer.Option(help="public, private or dedicated.")] = "public",
    master: Annotated[
        str | None, typer.Option(help="The account's master account; its name when left out.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="The platform's own when left out.")] = None,
    locale: Annotated[str | None, typer.Option(help="Of the invitation's mail: en or de.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Show what would be done.")] = False,
) -> None:
    """Found an organisation, provide its account and invite its owner.

    It may be run again at any time and goes on where it stands. Once the owner has come, a run
    hands over: whoever set it up leaves.
    """
    given = context.of(ctx)
    wanted = Wanted(name, owner.strip().lower(), slug, locale)
    if dry_run:
        given.show(
            [
                {"step": "found", "what": f"the organisation {name}"},
                {"step": "provide", "what": f"its {cloud_type} account"},
                {"step": "invite", "what": f"{wanted.owner} as its owner"},
                {"step": "hand over", "what": "by a run after they have come"},
            ],
            ["step", "what"],
        )
        return
    founded = _founded(given.session(), wanted)
    if founded is None:
        given.show([{"name": name, "owner": wanted.owner, "next": _OVER}], _SHOWN)
        return
    inside = Session(given.profiles.get(given.profile), founded["id"])
    account = _provided(given, inside, founded, cloud_type, master or name, region)
    row = {
        "organizationId": founded["id"],
        "name": founded["name"],
        "slug": founded["slug"],
        "account": account["id"],
        "provisioningStatus": account["provisioningStatus"],
    }
    given.show([{**row, **_handed_over(inside, wanted)}], _SHOWN)


@app.command()
def migrate(
    ctx: typer.Context,
    accounts_: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ACCOUNT]...", help="Your organisation's own when left out."),
    ] = None,
    to: Annotated[str, typer.Option(help="public or private.")] = "private",
    dry_run: Annotated[bool, typer.Option(help="Show what would be moved.")] = False,
    execute: Annotated[bool, typer.Option(help="Move them, one after the other.")] = False,
    validate: Annotated[
        bool, typer.Option(help="Compare what they left with where they are, now.")
    ] = False,
    reason: accounts.Reason = None,
) -> None:
    """Move tenants between public and private, each while it works on.

    One of --dry-run, --execute and --validate. Run again it goes on: what was moved is left, what
    is on its way is followed. One that fails is where it was, and keeps no other from moving; the
    command ends with 1 then, as it does when validating finds one that is not moved, or was not
    equal when it was compared while nobody wrote. What was written since is counted.
    """
    if dry_run + execute + validate != 1:
        raise UsageError("Choose one of --dry-run, --execute and --validate.")
    given = context.of(ctx)
    session = given.session()
    for each in accounts_ or ():
        at(each)  # before the first one is moved
    chosen = accounts_ or _own(session)
    rows: list[dict[str, Any]] = []
    columns = _VALIDATED if validate else _MOVED
    try:
        for account in chosen:
            if execute:
                rows.append(_migrated(given, session, account, to, reason))
            else:
                rows.append((_planned if dry_run else _validated)(session, account, to))
    except CliError:
        if rows:
            given.show(rows, columns)  # what has been done is told, whatever comes then
        raise
    given.show(rows, columns)
    if left := [row["account"] for row in rows if row["state"] not in _WELL]:
        raise CliError(f"{len(left)} of {len(rows)} are not moved: {', '.join(left)}")


def _own(session: Session) -> list[str]:
    page = session.rest("GET", "/accounts", query={"first": 2})
    found = [each["id"] for each in page["items"]]
    if page["nextCursor"] or len(found) > 1:
        raise CliError("Name the accounts that are to be moved.")
    if not found:
        raise CliError("There is no account; `tenantry accounts create` asks for one.")
    return found


def _planned(session: Session, account: str, to: str) -> dict[str, Any]:
    found = session.rest("GET", at(account))
    row = {"account": account, "from": found["cloudType"], "to": to}
    if found["cloudType"] == to:
        moves = _moves_away(_latest(session, found))
        return {**row, "state": _AWAY if moves else "is there"}
    plan = session.rest("POST", at(account, "move"), {"to": to}, None, {"dryRun": "true"})
    planned = plan["plan"]
    return {**row, "state": "would be moved", **planned, "stays": accounts.staying(planned)}


def _migrated(
    given: Context, session: Session, account: str, to: str, reason: str | None
) -> dict[str, Any]:
    row = {"account": account, "to": to}
    try:
        found = session.rest("GET", at(account))
        row["from"] = found["cloudType"]
        latest = _latest(session, found)
        if found["cloudType"] == to and found["provisioningStatus"] == "active":
            return {**row, "state": _AWAY if _moves_away(latest) else "is there"}
        if latest["kind"] == "MOVE" and latest["status"] in _GOING_ON:
            operation = latest["id"]
        else:
            moving = at(account, "move")
            plan = session.rest("POST", moving, {"to": to}, None, {"dryRun": "true"})["plan"]
            body = {"to": to, **accounts.saying(reason)}
            asked = session.rest("POST", moving, body, None, {"plan": plan["hash"]})
            operation = asked["operation"]["id"]
        ended = accounts.follow(given, session, account, operation)
    except (NotSignedInError, UnreachableError):
        raise
    except CliError as error:
        given.say(f"{account}: {error}")
        return {**row, "state": "not moved", "error": str(error), "code": error.code}
    return {**row, "state": "moved", **_compared(ended)}


def _validated(session: Session, account: str, to: str) -> dict[str, Any]:
    """Compared when nobody wrote, as the ledger keeps it, and anew as both places are now."""
    found = session.rest("GET", at(account))
    row = {"account": account, "from": found["cloudType"], "to": to}
    if found["cloudType"] != to:
        return {**row, "state": "not moved"}
    latest = _latest(session, found)
    if latest["kind"] != "MOVE":
        return {**row, "state": "is there"}
    compared = latest["comparison"]
    if latest["status"] != "SUCCEEDED" or not compared or not compared["isEqual"]:
        return {**row, "state": "not equal", **_compared(latest)}
    now = _compared_now(session, account)
    if now is None:
        return {**row, "state": "equal", **_compared(latest), "now": "the old copy is gone"}
    counts = {
        name: now["items"][name] + now["objects"][name] for name in ("changed", "added", "missing")
    }
    state = "equal" if now["isEqual"] else "written since"
    return {**row, "state": state, **_compared(latest), "now": now["comparedAt"], **counts}


def _compared_now(session: Session, account: str) -> dict[str, Any] | None:
    """To its end, part by part; None when there is nothing to compare with any more."""
    cursor = None
    while True:
        try:
            found = session.rest("GET", at(account, "comparison"), query={"after": cursor})
        except CliError as error:
            if error.code == "CONFLICT":
                return None
            raise
        if (cursor := found["nextCursor"]) is None:
            return dict(found)


def _latest(session: Session, account: dict[str, Any]) -> dict[str, Any]:
    path = at(account["id"], "operations", account["operationId"])
    found: dict[str, Any] = session.rest("GET", path)
    return found


def _moves_away(operation: dict[str, Any]) -> bool:
    """Whether an account is on its way from where it is: once it is open, it is where it is."""
    if operation["kind"] != "MOVE" or operation["status"] not in _GOING_ON:
        return False
    return not any(s["name"] == "OPEN" and s["state"] == "DONE" for s in operation["steps"])


def _compared(operation: dict[str, Any]) -> dict[str, Any]:
    compared = operation["comparison"] or {}
    return {
        **(compared.get("new") or {}),
        "comparedAt": compared.get("comparedAt"),
        "oldCopyUntil": operation["oldCopyUntil"],
    }


def _founded(session: Session, wanted: Wanted) -> dict[str, Any] | None:
    """The organisation; None when it was handed over, and is the caller's no longer."""
    asked = {"name": wanted.name, "slug": wanted.slug, "clientMutationId": wanted.key}
    try:
        made = session.graphql(_CREATE, input=_given(asked))
    except CliError as error:
        if error.code == "NOT_A_MEMBER":
            return None
        raise
    found: dict[str, Any] = made["createOrganization"]
    return found


def _provided(
    given: Context,
    inside: Session,
    founded: dict[str, Any],
    cloud_type: str,
    master: str,
    region: str | None,
) -> dict[str, Any]:
    """The organisation's account, followed until it is there."""
    body = {"name": founded["name"], "masterAccountName": master, "cloudType": cloud_type}
    if region:
        body["region"] = region
    asked = inside.rest(
        "POST",
        "/accounts",
        {**body, "organizationId": founded["id"], "reason": "It is set up."},
        {"idempotency-key": f"setup-{founded['id']}"},
    )
    accounts.follow(given, inside, asked["account"]["id"], asked["operation"]["id"])
    account: dict[str, Any] = inside.rest("GET", at(asked["account"]["id"]))
    return account


def _handed_over(inside: Session, wanted: Wanted) -> dict[str, str]:
    """Leave it to its owner, who is invited until they are there."""
    found = inside.graphql(_MEMBERS, text=wanted.owner)["members"]["items"]
    if {"email": wanted.owner, "role": "OWNER", "status": "ACTIVE"} in found:
        inside.graphql(_LEAVE)
        return {"owner": wanted.owner, "next": _OVER}
    asked = {"email": wanted.owner, "role": "OWNER", "locale": wanted.locale}
    sent = inside.graphql(_INVITE, input=_given(asked))["inviteUserToOrganization"]
    return {
        "owner": f"invited until {sent['expiresAt']}",
        "next": "run it again once they have come",
    }


def _given(fields: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
