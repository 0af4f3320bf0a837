"""`tenantry events`: what happens in an organisation, as it happens."""

import time
from typing import Annotated, Any

import typer
from rich.text import Text

from tenantry_cli import context
from tenantry_cli.context import Context

app = typer.Typer(no_args_is_help=True)

ACTIVITY = """query($first: Int, $filter: ActivityFilter) {
  activity(first: $first, filter: $filter) {
    items { id type occurredAt actor { id kind name } entityType entityId correlationId data }
  }
}"""
_PAGE = 100


@app.command()
def tail(
    ctx: typer.Context,
    follow: Annotated[bool, typer.Option(help="Go on until interrupted.")] = True,
    kind: Annotated[str | None, typer.Option("--type", help="Events of this type only.")] = None,
    last: Annotated[int, typer.Option(min=0, max=_PAGE, help="How many to begin with.")] = 10,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 2,
) -> None:
    """Show the organisation's events, oldest first, and those that follow.

    A page of 100 is looked at each time: what comes faster than that between two looks is not shown
    here, and is in the audit log.
    """
    given = context.of(ctx)
    session = given.session()
    chosen = {"type": kind} if kind else None
    seen: set[str] = set()
    count = last
    while True:
        found = session.graphql(ACTIVITY, first=_PAGE, filter=chosen)["activity"]["items"]
        new = [item for item in found if item["id"] not in seen]
        for item in reversed(new[:count]):
            _tell(given, item)
        seen = {item["id"] for item in found}
        if not follow:
            return
        count = _PAGE
        time.sleep(every)


def _tell(given: Context, item: dict[str, Any]) -> None:
    if given.as_json:
        given.dump(item)
        return
    actor = item["actor"]
    line = Text(item["occurredAt"][:19].replace("T", " "), style="dim")
    line += Text(f"  {item['type']:<28}", style="bold")
    line += Text(f"  {actor.get('name') or actor['id']}", style="cyan")
    line += Text(f"  {item['entityType']} {item['entityId']}", style="dim")
    given.console.print(line)
