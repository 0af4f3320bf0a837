"""`tenantry organizations`: what operators of the platform decide about an organisation."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Any

import typer

from tenantry_cli import context
from tenantry_cli.errors import UsageError

app = typer.Typer(no_args_is_help=True)

PLANS = ("FREE", "STARTER", "PROFESSIONAL", "ENTERPRISE")
GRANT = """mutation($id: ID!, $plan: PlanName!, $until: AWSDateTime!, $reason: String!) {
  grantPlan(organizationId: $id, plan: $plan, until: $until, reason: $reason) {
    plan status granted periodEnd
  }
}"""
SUSPEND = """mutation($id: ID!, $reason: String!) {
  suspendOrganization(organizationId: $id, reason: $reason) { id name status }
}"""
REACTIVATE = """mutation($id: ID!, $reason: String!) {
  reactivateOrganization(organizationId: $id, reason: $reason) { id name status }
}"""
APPOINT = """mutation($id: ID!, $user: ID!, $reason: String!) {
  appointOwner(organizationId: $id, userId: $user, reason: $reason) { userId role status }
}"""

Reason = Annotated[str, typer.Option(help="Why: the organisation reads it in its activity.")]
DryRun = Annotated[bool, typer.Option(help="Show what would be asked for, ask for nothing.")]


@app.command("grant-plan")
def grant_plan(
    ctx: typer.Context,
    organization: str,
    plan: Annotated[str, typer.Argument(help=", ".join(PLANS))],
    until: Annotated[str, typer.Option(help="A day (its beginning, UTC) or an instant.")],
    reason: Reason,
    dry_run: DryRun = False,
) -> None:
    """Give an organisation a plan that nobody pays for, until then. Operators only."""
    chosen = plan.upper()
    if chosen not in PLANS:
        raise UsageError(f"There is no plan {plan}; there are {', '.join(PLANS)}.")
    asked = {"plan": chosen, "until": instant(until), "reason": reason}
    _decide(ctx, "grantPlan", GRANT, organization, dry_run, asked)


@app.command()
def suspend(ctx: typer.Context, organization: str, reason: Reason, dry_run: DryRun = False) -> None:
    """Make an organisation read only. Operators only."""
    _decide(ctx, "suspendOrganization", SUSPEND, organization, dry_run, {"reason": reason})


@app.command()
def reactivate(
    ctx: typer.Context, organization: str, reason: Reason, dry_run: DryRun = False
) -> None:
    """Open a suspended organisation again. Operators only."""
    _decide(ctx, "reactivateOrganization", REACTIVATE, organization, dry_run, {"reason": reason})


@app.command("appoint-owner")
def appoint_owner(
    ctx: typer.Context, organization: str, user: str, reason: Reason, dry_run: DryRun = False
) -> None:
    """Make a member an owner where no owner can act any more. Operators only."""
    asked = {"user": user, "reason": reason}
    _decide(ctx, "appointOwner", APPOINT, organization, dry_run, asked)


def instant(text: str) -> str:
    """A day as its beginning in UTC, an instant as it is; UsageError for anything else."""
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), time.min, UTC).isoformat()
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text} is neither a day (2026-01-31) nor an instant.") from None
    if found.tzinfo is None:
        raise UsageError(f"{text} names no time zone; write 2026-01-31T12:00:00Z.")
    return found.isoformat()


def _decide(
    ctx: typer.Context,
    field: str,
    mutation: str,
    organization: str,
    dry_run: bool,
    asked: dict[str, Any],
) -> None:
    given = context.of(ctx)
    if dry_run:
        wanted = {"action": field, "organization": organization, **asked}
        given.show([wanted], list(wanted))
        return
    done = given.session().graphql(mutation, id=organization, **asked)[field]
    given.show([{"organization": organization, **done}], ["organization", *done])
