"""`tenantry queues`: what was given up, and its way back."""

from typing import Annotated, Any

import typer
from rich.progress import Progress

from tenantry_cli import context
from tenantry_cli.context import Context
from tenantry_cli.errors import CliError, UsageError
from tenantry_cli.session import Session

app = typer.Typer(no_args_is_help=True)

WAITING = "query { deadLetters { name kind waiting } }"
REDRIVE = """mutation($input: RedriveInput!) {
  redriveDeadLetters(input: $input) { name moved stayed causes }
}"""
_A_CALL = 50


@app.command("list")
def list_queues(ctx: typer.Context) -> None:
    """Every place where something could wait, and how much does. Operators only."""
    given = context.of(ctx)
    given.show(_waiting(given.session()), ["name", "kind", "waiting"])


@app.command()
def redrive(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Part of a name; what it fits is sent back.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Send everything back.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Show what would be sent, send nothing.")] = False,
) -> None:
    """Send what waits back to where it failed; ends with 1 when something stayed.

    Only what waits now is sent: what fails again stays for the next run. It may be interrupted and
    run again: nothing is lost, and consumers know what they have seen.
    """
    given = context.of(ctx)
    if bool(name) == everything:
        raise UsageError("Name a part of a queue's name, or say --all.")
    session = given.session()
    chosen = [place for place in _waiting(session) if name in place["name"] and place["waiting"]]
    if dry_run:
        given.show(chosen, ["name", "kind", "waiting"])
        return
    done = _sent_back(given, session, chosen)
    given.show(done, ["name", "moved", "stayed", "causes"])
    if any(each["stayed"] for each in done):
        raise CliError("Some of it stayed where it was: see the causes.")


def _waiting(session: Session) -> list[dict[str, Any]]:
    places: list[dict[str, Any]] = session.graphql(WAITING)["deadLetters"]
    return places


def _sent_back(
    given: Context, session: Session, chosen: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    done = []
    with Progress(console=given.console, disable=given.as_json, transient=True) as progress:
        for place in chosen:
            task = progress.add_task(place["name"], total=place["waiting"])
            sums: dict[str, Any] = {"name": place["name"], "moved": 0, "stayed": 0, "causes": []}
            left = place["waiting"]
            while left > 0:
                asked = {"name": place["name"], "most": min(left, _A_CALL)}
                answer = session.graphql(REDRIVE, input=asked)["redriveDeadLetters"]
                handled = answer["moved"] + answer["stayed"]
                sums["moved"] += answer["moved"]
                sums["stayed"] += answer["stayed"]
                sums["causes"] = sorted({*sums["causes"], *answer["causes"]})
                progress.advance(task, handled)
                if not handled:
                    break  # somebody else was quicker
                left -= handled
            done.append(sums)
    return done
