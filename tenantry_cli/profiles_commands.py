"""`tenantry profiles`: deployments that are known here."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tenantry_cli import context
from tenantry_cli.errors import UsageError

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_profiles(ctx: typer.Context) -> None:
    """Every profile, where it is, and whether somebody is signed in."""
    given = context.of(ctx)
    found = [given.profiles.get(name) for name in given.profiles.names()]
    rows = [
        {
            "profile": profile.name,
            "region": profile.outputs["Region"],
            "api": profile.outputs["RestUrl"],
            "signed in": profile.tokens() is not None,
        }
        for profile in found
    ]
    given.show(rows, ["profile", "region", "api", "signed in"])


@app.command()
def add(
    ctx: typer.Context,
    name: str,
    outputs: Annotated[
        Path, typer.Option(help="The stack's outputs: JSON as `describe-stacks` answers it.")
    ],
) -> None:
    """Keep the outputs of a deployment under a name."""
    given = context.of(ctx)
    try:
        content = json.loads(outputs.read_text())
    except (OSError, ValueError):
        raise UsageError(f"{outputs} cannot be read as JSON.") from None
    added = given.profiles.add(name, content)
    given.say(f"Added {added.name}. Sign in with `tenantry --profile {added.name} login`.")
