"""What of a context is asked across tenants: collected from `asked/`, a module a context.

Such a module says how a tenant comes to what is its own there (`seeded`), and how each of its doors
asks for what is another's (`QUESTIONS`).
"""

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from tests.integration.isolation import asked
from tests.integration.isolation.conftest import OPERATOR, World, tenant_id, user_id
from tests.support.invocations import appsync_event, rest_event
from tests.support.lambda_context import lambda_context

REFUSED = frozenset({"NOT_A_MEMBER", "NOT_FOUND", "FORBIDDEN"})
"""What somebody is told who asks for what is another's; the same as of what is not there."""


@dataclass(frozen=True)
class Seeded:
    """A tenant, and the ids of what a context keeps of it."""

    number: int
    ids: Mapping[str, str]

    @property
    def tenant_id(self) -> str:
        return tenant_id(self.number)

    @property
    def owner(self) -> str:
        return user_id(self.number, 0)


@dataclass(frozen=True)
class Question:
    """How a door is asked for what is `other`'s: the function, and its arguments or path."""

    handler: Callable[..., Any]
    name: str
    """A field, or a method with a path of which `{names}` are ids of the seeded."""
    given: Callable[[Seeded], dict[str, Any]] = field(default=lambda _other: {})
    """The arguments of the field, or the body; of a GET what its query says."""
    reads: bool = False
    """Whether it shows the canary of who asks for their own."""
    names_none: bool = False
    """Whether nothing of it says whose it asks for, but the organisation that it is asked in."""
    by_operators: bool = False

    def ask(self, user: str, organization: str, other: Seeded, *, operator: bool = False) -> Any:
        """The whole answer, as the gateway would pass it on."""
        given = self.given(other)
        groups = ["SuperAdmin"] if operator else []
        if " " not in self.name:
            parent = "Query" if self.reads or self.name in QUERIES else "Mutation"
            event = appsync_event(
                self.name, given, user=user, organization=organization, parent=parent, groups=groups
            )
        else:
            method, _, path = self.name.partition(" ")
            headers = {"x-organization-id": organization, "idempotency-key": "asked"}
            body = given or {} if method == "POST" else None
            path = path.format(**other.ids)
            event = rest_event(method, path, body, user=user, headers=headers)
            if method == "GET" and given:
                event["queryStringParameters"] = given
        return self.handler(event, lambda_context())


QUERIES = frozenset(
    {
        *("accountComparison", "accountOperation", "accountTeardownPlan", "entitled"),
        *("storageUsage", "subscription", "usage"),
    }
)
"""Those that show no canary."""


def code(answer: Any) -> str | None:
    """Of a refusal; None of an answer."""
    if "statusCode" in answer:
        body = json.loads(answer["body"]) if answer["body"] else {}
        return body.get("code") if answer["statusCode"] >= 400 else None
    return (answer.get("error") or {}).get("code")


def contexts() -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(asked.__path__, f"{asked.__name__}."):
        yield importlib.import_module(module.name)


def operated(world: World, handler: Callable[..., Any], name: str, **given: Any) -> Any:
    """What an operator's command answers."""
    event = appsync_event(name, given, user=OPERATOR, groups=["SuperAdmin"])
    answer = handler(event, lambda_context())
    assert "error" not in answer, answer
    return answer["data"]
