"""The command line: options of every command, signing in, and the groups of commands."""

import os
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from tenantry_cli import (
    accounts,
    context,
    doctor,
    events,
    organizations,
    profiles_commands,
    queues,
    tenants,
)
from tenantry_cli.context import Context
from tenantry_cli.errors import CliError
from tenantry_cli.session import Session

app = typer.Typer(
    name="tenantry",
    help="Run a deployment of Tenantry: sign in once, no AWS keys needed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(profiles_commands.app, name="profiles", help="Deployments that are known here.")
app.add_typer(accounts.app, name="accounts", help="Where organisations' data lives.")
app.add_typer(accounts.operations, name="operations", help="What is done with accounts.")
app.add_typer(
    organizations.app, name="organizations", help="What operators decide about organisations."
)
app.add_typer(tenants.app, name="tenants", help="A tenant made ready, to its owner's own.")
app.add_typer(queues.app, name="queues", help="What was given up, and its way back.")
app.add_typer(events.app, name="events", help="What happens in an organisation.")
app.command("doctor")(doctor.doctor)

ME = "query { me { id email name activeOrganization { organizationId name role } } }"


@app.callback()
def options(
    ctx: typer.Context,
    profile: Annotated[
        str, typer.Option(envvar="TENANTRY_PROFILE", help="The deployment to speak to.")
    ] = "local",
    organization: Annotated[
        str | None, typer.Option(help="Act on this organisation instead of your default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer JSON, for programs.")] = False,
) -> None:
    ctx.obj = Context(profile, organization, as_json)


@app.command()
def login(
    ctx: typer.Context,
    email: Annotated[str | None, typer.Option(help="Your address; asked for otherwise.")] = None,
) -> None:
    """Sign in; the password is asked for, or taken from $TENANTRY_PASSWORD, and never kept."""
    given = context.of(ctx)
    session = given.session()
    address = email or typer.prompt("E-mail", err=True)
    password = os.environ.get("TENANTRY_PASSWORD") or typer.prompt(
        "Password", hide_input=True, err=True
    )
    session.sign_in(address, password, lambda: typer.prompt("Code of your app", err=True))
    given.say(f"Signed in to {given.profile} as {address}.")
    if given.as_json:
        given.dump(_who(session))


@app.command()
def logout(ctx: typer.Context) -> None:
    """Forget the session of this machine."""
    given = context.of(ctx)
    given.profiles.get(given.profile).forget()
    given.say(f"Signed out of {given.profile}.")


@app.command()
def whoami(ctx: typer.Context) -> None:
    """Who is signed in, and what they may do."""
    given = context.of(ctx)
    who = _who(given.session())
    given.show([who], ["email", "name", "organization", "role", "operator"])


def _who(session: Session) -> dict[str, Any]:
    me = session.graphql(ME)["me"]
    active = me.get("activeOrganization") or {}
    return {
        "id": me["id"],
        "email": me["email"],
        "name": me["name"],
        "organization": active.get("name"),
        "organizationId": active.get("organizationId"),
        "role": active.get("role"),
        "operator": session.is_operator,
    }


def main(arguments: list[str] | None = None) -> None:
    """Run a command; ends the process with its exit code (see `tenantry_cli.errors`)."""
    try:
        app(arguments, standalone_mode=True)
    except CliError as error:
        console = Console(stderr=True, highlight=False)
        words = f"{error.code}: {error}" if error.code else str(error)
        console.print(Text(words, style="red"))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
