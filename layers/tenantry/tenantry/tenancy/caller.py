"""Who is calling: taken from verified access-token claims, and nothing else."""

import json
import re
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from tenantry.errors import (
    ForbiddenError,
    InvalidInputError,
    MachineNotAllowedError,
    NoOrganizationError,
    UnauthenticatedError,
)
from tenantry.messaging.event import Actor, RequestOrigin
from tenantry.messaging.stamp import Cause
from tenantry.persistence.keys import part
from tenantry.tenancy.roles import OPERATOR_GROUP, RESOURCE_SERVER

ORGANIZATION_HEADER = "x-organization-id"
_LONGEST_AGENT = 512
_OF_PEOPLE = "aws.cognito.signin.user.admin"
"""The scope that Cognito gives whoever signs in as a user, and no program."""
_TRACE = re.compile(r"[A-Za-z0-9=;:.,_-]{1,128}")
"""What a correlation id may look like: a client can send the header, and it is kept and logged."""


class Caller(BaseModel):
    """A signed-in user and the organisation they name; membership of it is yet to be read.

    Or a program with credentials of its own: `user_id` is then its client's id.
    """

    model_config = ConfigDict(frozen=True)

    user_id: str
    tenant_id: str | None = None
    groups: frozenset[str] = frozenset()
    correlation_id: str | None = None
    request: RequestOrigin = RequestOrigin()
    machine: frozenset[str] | None = None
    """The product's scopes of a program's token; None for people."""

    @classmethod
    def from_appsync(cls, event: dict[str, Any]) -> Self:
        """The caller of a resolver's event; UnauthenticatedError without an access token.

        MachineNotAllowedError for a program: they use REST.
        """
        identity = event.get("identity") or {}
        headers = _lowered((event.get("request") or {}).get("headers"))
        source = identity.get("sourceIp") or [None]
        caller = cls._of(
            identity.get("claims") or {},
            headers,
            source[0] if isinstance(source, list) else str(source),
        )
        return caller.of_people()

    @classmethod
    def from_rest(
        cls, event: dict[str, Any], organization_id: str | None = None, *, machines: bool = False
    ) -> Self:
        """The caller of an API Gateway proxy event; `organization_id` when the path names one.

        MachineNotAllowedError for a program, unless `machines` may come in here.
        """
        context = event.get("requestContext") or {}
        headers = _lowered(event.get("headers"))
        caller = cls._of(
            (context.get("authorizer") or {}).get("claims") or {},
            headers,
            (context.get("identity") or {}).get("sourceIp"),
        )
        if not machines:
            caller.of_people()
        if organization_id is None:
            return caller
        return caller.model_copy(update={"tenant_id": part(organization_id)})

    @classmethod
    def _of(cls, claims: dict[str, Any], headers: dict[str, Any], source_ip: str | None) -> Self:
        if claims.get("token_use") != "access":
            raise UnauthenticatedError("Sign in and send the access token.")
        machine = _machine(claims)
        # Which organisation a program is of we know ourselves, whatever its token says.
        active = claims.get("org_id") if machine is None else None
        chosen = headers.get(ORGANIZATION_HEADER) or active or None
        agent = headers.get("user-agent")
        trace = headers.get("x-amzn-trace-id") or ""
        try:
            return cls(
                user_id=_subject(claims.get("sub")),
                tenant_id=part(str(chosen)) if chosen else None,
                groups=_groups(claims.get("cognito:groups")) if machine is None else frozenset(),
                machine=machine,
                correlation_id=trace if _TRACE.fullmatch(trace) else None,
                request=RequestOrigin(
                    source_ip=source_ip, user_agent=agent[:_LONGEST_AGENT] if agent else None
                ),
            )
        except ValidationError as error:
            raise UnauthenticatedError("The access token is not valid here.") from error

    def of_people(self) -> Self:
        """Itself; MachineNotAllowedError for a program."""
        if self.machine is not None:
            raise MachineNotAllowedError("This is for people: programs do not come in here.")
        return self

    @property
    def organization_id(self) -> str:
        """The organisation acted on; NoOrganizationError when none is named."""
        if self.tenant_id is None:
            raise NoOrganizationError(
                "You do not belong to an organisation yet: create one, or accept an invitation."
            )
        return self.tenant_id

    @property
    def cause(self) -> Cause:
        """The caller as the cause of what they change."""
        return Cause(
            actor=Actor(id=self.user_id, kind="user" if self.machine is None else "machine"),
            correlation_id=self.correlation_id,
            request=self.request,
        )

    @property
    def operator_cause(self) -> Cause:
        """The caller acting for the platform."""
        return Cause(
            actor=Actor(id=self.user_id, kind="operator"),
            correlation_id=self.correlation_id,
            request=self.request,
        )

    @property
    def is_operator(self) -> bool:
        """Whether their token says so; whether they still are one is read where it counts."""
        return OPERATOR_GROUP in self.groups

    def require_operator(self) -> None:
        """Return for an operator of the platform; ForbiddenError otherwise."""
        if not self.is_operator:
            raise ForbiddenError("Only operators of the platform may do this.")


def _lowered(headers: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name.lower(): value for name, value in (headers or {}).items()}


def _machine(claims: dict[str, Any]) -> frozenset[str] | None:
    """The product's scopes of a token that no user signed in for; None of a user's.

    Cognito's `client_credentials` give the client as the subject, and no scope of users' own: a
    token with either of these is no user's, whatever else it says.
    """
    scopes = str(claims.get("scope") or "").split()
    is_client = "sub" in claims and claims.get("sub") == claims.get("client_id")
    if not is_client and (not scopes or _OF_PEOPLE in scopes):
        return None
    ours = f"{RESOURCE_SERVER}/"
    return frozenset(each.removeprefix(ours) for each in scopes if each.startswith(ours))


def _subject(claim: Any) -> str:
    try:
        return part(claim)
    except (InvalidInputError, TypeError) as error:
        raise UnauthenticatedError("The access token is not valid here.") from error


def _groups(claim: Any) -> frozenset[str]:
    """Groups as AppSync gives them (a list), or as API Gateway does (`"[a b]"` or `"a,b"`)."""
    if claim is None:
        return frozenset()
    if isinstance(claim, list):
        return frozenset(str(group) for group in claim)
    try:
        parsed = json.loads(claim)
    except ValueError:
        parsed = str(claim).strip("[]").replace(",", " ").split()
    return frozenset(str(group) for group in parsed) if isinstance(parsed, list) else frozenset()
