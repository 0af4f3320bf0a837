"""`tenantry tenants`: a tenant made ready, from nothing to its owner's own."""

import uuid
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from tenantry_cli import accounts, context
from tenantry_cli.context import Context
from tenantry_cli.errors import CliError
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
        {**body, "organizationId": founded["id"]},
        {"idempotency-key": f"setup-{founded['id']}"},
    )
    accounts.follow(given, inside, asked["account"]["id"], asked["operation"]["id"])
    account: dict[str, Any] = inside.rest("GET", f"/accounts/{asked['account']['id']}")
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
