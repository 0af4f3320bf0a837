"""`tenantry accounts` and `operations`: where organisations' data lives, and what is done."""

import itertools
import time
import uuid
from contextlib import nullcontext
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from tenantry_cli import context
from tenantry_cli.context import Context
from tenantry_cli.errors import BusyError, CliError, UnreachableError
from tenantry_cli.paths import at
from tenantry_cli.session import Session

app = typer.Typer(no_args_is_help=True)
operations = typer.Typer(no_args_is_help=True)
technical_user = typer.Typer(no_args_is_help=True)
app.add_typer(technical_user, name="technical-user", help="Programs that act for an organisation.")

_COLUMNS = ["id", "organizationId", "name", "cloudType", "provisioningStatus", "error"]
_DETAILS = [*_COLUMNS, "tableName", "region", "technicalUser", "operationId", "createdAt"]
_STORED = ["day", "objects", "bytes", "oldVersions", "oldBytes"]
_ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}
_SHORTEST, _LONGEST, _GROWS = 0.5, 10.0, 1.3
"""Seconds between two looks at an operation, and how they grow."""
_MISSED = 90
"""So many looks in a row that are not answered, a quarter of an hour, are too many."""
_COLOURS = {"DONE": "green", "FAILED": "red", "RUNNING": "cyan", "UNDOING": "yellow"}

Plan = Annotated[str | None, typer.Option(help="Do just what a dry run planned: its hash.")]
DryRun = Annotated[bool, typer.Option(help="Show what would happen, and its hash.")]
Reason = Annotated[
    str | None, typer.Option(help="Why, which the organisation reads; required of operators.")
]
Watch = Annotated[bool, typer.Option(help="Follow the operation to its end.")]


@app.command("list")
def list_accounts(ctx: typer.Context) -> None:
    """All accounts for an operator, newest first; their own for an owner."""
    given = context.of(ctx)
    session, found, after = given.session(), list[dict[str, Any]](), None
    while True:
        page = session.rest("GET", "/accounts", query={"first": 100, "after": after})
        found += page["items"]
        after = page["nextCursor"]
        if after is None:
            given.show(found, _COLUMNS)
            return


@app.command()
def show(ctx: typer.Context, account: str) -> None:
    """One account, with everything that is known of it."""
    given = context.of(ctx)
    found = given.session().rest("GET", at(account))
    if given.as_json:
        given.dump(found)
    else:
        given.show([{"what": name, "is": found.get(name)} for name in _DETAILS], ["what", "is"])


@app.command()
def storage(
    ctx: typer.Context,
    account: str,
    days: Annotated[int, typer.Option(min=1, max=100, help="How many, the newest first.")] = 7,
) -> None:
    """What lies in an account's buckets, as it is measured once a day."""
    given = context.of(ctx)
    path = at(account, "storage")
    given.show(given.session().rest("GET", path, query={"first": days})["items"], _STORED)


@app.command()
def create(
    ctx: typer.Context,
    name: str,
    master: Annotated[str, typer.Option(help="The name of the account's master account.")],
    cloud_type: Annotated[str, typer.Option(help="public, private or dedicated.")] = "public",
    address: Annotated[
        list[str] | None, typer.Option(help="Of the organisation; may be repeated.")
    ] = None,
    licenses: Annotated[int | None, typer.Option(min=1, help="How many it asks for.")] = None,
    capacity: Annotated[
        str | None, typer.Option(help="Of a table of its own: on-demand or provisioned.")
    ] = None,
    parameters: Annotated[
        bool,
        typer.Option("--parameters", help="Of a public one, let other systems find it in SSM."),
    ] = False,
    region: Annotated[str | None, typer.Option(help="The platform's own when left out.")] = None,
    own_buckets: Annotated[
        bool, typer.Option("--own-buckets", help="Of a public one, buckets that nobody shares.")
    ] = False,
    technical_user: Annotated[
        str | None, typer.Option(help="A name for the organisation's programs, which get a client.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Repeating it makes nothing new.")] = None,
    watch: Watch = True,
    dry_run: DryRun = False,
    plan: Plan = None,
    reason: Reason = None,
) -> None:
    """Ask for the account of an organisation (`--organization`, else your own)."""
    given = context.of(ctx)
    body: dict[str, Any] = {"name": name, "masterAccountName": master, "cloudType": cloud_type}
    if given.organization:
        body["organizationId"] = given.organization
    if region:
        body["region"] = region
    if technical_user:
        body["technicalUser"] = technical_user
    if address:
        body["addresses"] = address
    if licenses is not None:
        body["licenses"] = licenses
    options = {"ownBuckets": own_buckets, "parameters": parameters, "capacity": capacity}
    if chosen := {name: value for name, value in options.items() if value}:
        body["options"] = chosen
    body |= saying(reason)
    # What is only looked at has no key, and so no names, unless one is given.
    once = key or (None if dry_run else str(uuid.uuid4()))
    headers = {"idempotency-key": once} if once else {}
    _do(given, "/accounts", watch, dry_run, plan, body, headers)


@app.command()
def retry(
    ctx: typer.Context,
    account: str,
    watch: Watch = True,
    dry_run: DryRun = False,
    plan: Plan = None,
    reason: Reason = None,
) -> None:
    """Try a failed operation again, from its first step that is not done."""
    _do(context.of(ctx), at(account, "retry"), watch, dry_run, plan, saying(reason))


@app.command()
def cancel(
    ctx: typer.Context,
    account: str,
    watch: Watch = True,
    dry_run: DryRun = False,
    plan: Plan = None,
    reason: Reason = None,
) -> None:
    """Give an operation up; what it made is undone."""
    _do(context.of(ctx), at(account, "cancel"), watch, dry_run, plan, saying(reason))


@app.command()
def move(
    ctx: typer.Context,
    account: str,
    to: Annotated[str, typer.Option(help="public or private.")],
    watch: Watch = True,
    dry_run: DryRun = False,
    plan: Plan = None,
    reason: Reason = None,
) -> None:
    """Move an organisation's data while it works on; it takes the hash that --dry-run shows.

    `accounts cancel` leads it back until it is confirmed.
    """
    body = {"to": to, **saying(reason)}
    _do(context.of(ctx), at(account, "move"), watch, dry_run, plan, body)


@app.command()
def teardown(
    ctx: typer.Context,
    account: str,
    dry_run: DryRun = False,
    plan: Plan = None,
    reason: Reason = None,
) -> None:
    """Ask for the end of an active account; it takes the hash that --dry-run shows.

    Somebody else approves it, with the approval id that this tells.
    """
    given = context.of(ctx)
    query = {"dryRun": "true" if dry_run else None, "plan": plan, **saying(reason)}
    outcome = given.session().rest("DELETE", at(account), query=query)
    if dry_run:
        planned = outcome["plan"]
        counted = planned["inventory"]
        cost = planned["cost"]
        about = "about" if cost["isWhole"] else "more than about"
        monthly = f"{about} {cost['monthly']} {cost['currency']}"
        row = {**planned, **counted, "monthly": monthly}
        if not given.as_json:
            row |= {each: f"at least {row[each]}" for each in _more_of(counted)}
        given.show([row], ["action", *counted, "monthly", "resources", "hash"])
    else:
        given.show([outcome["operation"]], ["id", "status", "approvalId", "approvalUntil"])


@app.command()
def approve(
    ctx: typer.Context,
    account: str,
    approval: str,
    watch: Watch = False,
    reason: Reason = None,
) -> None:
    """Approve the end of an account that somebody else asked for."""
    given = context.of(ctx)
    session = given.session()
    body = {"approvalId": approval, **saying(reason)}
    outcome = session.rest("POST", at(account, "approve"), body)
    operation = outcome["operation"]
    if watch:
        _follow(given, session, account, operation["id"])
    else:
        given.show([operation], ["id", "status", "approvedBy", "notBefore"])


@technical_user.command("show")
def show_technical_user(ctx: typer.Context, account: str) -> None:
    """The clients with which programs act for the organisation, without their secrets."""
    given = context.of(ctx)
    found = given.session().rest("GET", at(account, "technical-user"))
    if given.as_json:
        given.dump(found)
    else:
        given.show(found["clients"], ["clientId", "createdAt", "issuedAt", "endsAt"])


@technical_user.command()
def credentials(
    ctx: typer.Context,
    account: str,
    grace: Annotated[
        int | None, typer.Option(help="Seconds for which those before still work; 0 ends them.")
    ] = None,
) -> None:
    """Hand out credentials that nobody has seen; the secret is shown this once. Owners only."""
    given = context.of(ctx)
    body = {} if grace is None else {"graceSeconds": grace}
    path = at(account, "technical-user", "credentials")
    issued = given.session().rest("POST", path, body)
    if given.as_json:
        given.dump(issued)
    else:
        shown = ("clientId", "clientSecret", "tokenUrl", "scopes")
        given.show([{"what": name, "is": issued[name]} for name in shown], ["what", "is"])


@operations.command("watch")
def watch_operation(
    ctx: typer.Context,
    account: str,
    operation: Annotated[str | None, typer.Argument(help="The latest when left out.")] = None,
) -> None:
    """Follow an operation step by step; ends with 1 when it failed. It may be begun again."""
    given = context.of(ctx)
    session = given.session()
    chosen = operation or session.rest("GET", at(account))["operationId"]
    _follow(given, session, account, chosen)


def saying(reason: str | None) -> dict[str, str]:
    """The part of a request that says why."""
    return {"reason": reason} if reason else {}


def _do(
    given: Context,
    path: str,
    watch: bool,
    dry_run: bool,
    plan: str | None,
    body: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> None:
    session = given.session()
    query = {"dryRun": "true" if dry_run else None, "plan": plan}
    outcome = session.rest("POST", path, body or {}, headers, query)
    if dry_run:
        planned = outcome["plan"]
        columns = ["action", "steps", "resources", "hash"]
        given.show([planned], columns)
        if words := staying(planned):
            given.say(words)
        return
    account, operation = outcome["account"], outcome["operation"]
    if watch:
        _follow(given, session, account["id"], operation["id"])
    else:
        given.show([account], _COLUMNS)


def _more_of(counted: dict[str, Any]) -> list[str]:
    """The numbers that may be higher, and their bytes."""
    bytes_of = {"items": "itemBytes", "objects": "objectBytes"}
    more = counted["atLeast"]
    return [*more, *(bytes_of[each] for each in more if each in bytes_of)]


def staying(plan: dict[str, Any]) -> str:
    """What a move does not move, in words; nothing where there is nothing to say."""
    left = plan.get("notMoved")
    if left is None:
        return ""
    if left["measuredAt"] is None:
        return "Older versions of objects do not move; nobody has counted them yet."
    if not left["oldVersions"]:
        return ""
    return (
        f"{left['oldVersions']} older versions and marks of what was deleted, {left['oldBytes']}"
        f" bytes as of {left['measuredAt']}, do not move: they go with the old copy."
    )


def _follow(given: Context, session: Session, account: str, operation: str) -> None:
    """Show the operation to its end, for programs as JSON; CliError when it failed."""
    found = follow(given, session, account, operation, fails=False)
    if given.as_json:
        given.dump(found)
    _ended_well(found)


def follow(
    given: Context, session: Session, account: str, operation: str, *, fails: bool = True
) -> dict[str, Any]:
    """The operation once it has ended, shown live to people; CliError when it failed.

    It is looked at less and less often while nothing changes. That the product cannot answer for
    a while ends nothing: the operation goes on by itself.
    """
    path = at(account, "operations", operation)
    found = _looked_at(session, path)
    shown = nullcontext() if given.as_json else Live(console=given.console, auto_refresh=False)
    with shown as live:
        if live:
            live.update(_shown(found), refresh=True)
        wait = _SHORTEST
        while found["status"] not in _ENDED:
            time.sleep(wait)
            now = _looked_at(session, path)
            # It goes on, and whoever follows it wants to see that; otherwise less and less often.
            wait = _SHORTEST if _stands(now) != _stands(found) else min(_LONGEST, wait * _GROWS)
            found = now
            if live:
                live.update(_shown(found), refresh=True)
    if fails:
        _ended_well(found)
    return found


def _looked_at(session: Session, path: str) -> dict[str, Any]:
    wait = _SHORTEST
    for missed in itertools.count(1):
        try:
            found: dict[str, Any] = session.rest("GET", path)
        except (BusyError, UnreachableError):
            if missed > _MISSED:
                raise
        else:
            return found
        time.sleep(wait)
        wait = min(_LONGEST, wait * _GROWS)
    raise AssertionError("looks are counted without an end")


def _stands(operation: dict[str, Any]) -> Any:
    return operation["status"], [(each["name"], each["state"]) for each in operation["steps"]]


def _ended_well(operation: dict[str, Any]) -> None:
    if operation["status"] != "SUCCEEDED":
        said = operation.get("error") or operation["status"].lower()
        raise CliError(said, operation.get("errorCode"))


def _shown(operation: dict[str, Any]) -> Group:
    """A bar of the whole, a line for each step."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %")
    )
    bar.add_task(
        f"{operation['kind']} {operation['status']}", total=100, completed=operation["percent"]
    )
    steps = Table.grid(padding=(0, 2))
    for step in operation["steps"]:
        state = Text(step["state"].lower(), style=_COLOURS.get(step["state"], "dim"))
        tries = f"{step['attempts']} tries" if step["attempts"] > 1 else ""
        steps.add_row(
            Text(f"  {step['name']}"), state, Text(tries), Text(step["error"] or "", "red")
        )
    return Group(bar, steps)
