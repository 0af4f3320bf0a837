"""Whoever asks a door of a context for what is another tenant's learns and changes nothing (2).

The functions' own handlers, wired as they are deployed, on tables in memory. What has no module in
`asked/` is asked in `test_no_canary_crosses`, in any order.
"""

import json
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tenantry.persistence.items import Item
from tenantry.persistence.keys import member_key
from tests.e2e import door
from tests.integration.isolation.asking import REFUSED, Question, Seeded, code, contexts
from tests.integration.isolation.conftest import TENANTS, World, tenant_id, user_id
from tests.support.fakes.table import Place
from tests.support.invocations import forget

CONTEXTS = {context.__name__.rpartition(".")[2]: context for context in contexts()}
IN_ANY_ORDER = {"audit", "identity", "invitations", "organizations"}
"""Asked by the machine of `test_no_canary_crosses`."""
OF_NO_TENANT = {"deadletters", "health"}
"""For operators alone, and for anybody: nothing there is a tenant's."""
CANARY = re.compile(r"canary-(\d+)-")

type Items = dict[Place, Item]


class Doors:
    """One context's doors, with what each of the tenants has there."""

    def __init__(self, world: World, context: ModuleType) -> None:
        self.world = world
        world.reset()
        self.seeded: list[Seeded] = [context.seeded(world, number) for number in range(TENANTS)]
        self._at_first = dict(world.platform.items)

    def again(self) -> None:
        self.world.platform.items = dict(self._at_first)

    def items_of(self, tenant: Seeded) -> Items:
        """All of a tenant's, wherever it lies."""
        marks = {tenant.tenant_id, *tenant.ids.values()}
        return {
            place: item
            for place, item in self.world.platform.items.items()
            if marks & {*re.split(r"[#/]", "#".join(place)), str(item.get("tenant_id"))}
        }


@pytest.fixture(scope="module")
def environment(world: World) -> Iterator[World]:
    """What the functions of these contexts are told beside."""
    with pytest.MonkeyPatch.context() as patch:
        buckets = ("TENANT_RAW", "TENANT_PROCESSED", "EXPORTS", "ARCHIVE", "FAILURES")
        for name in ("TENANT_TABLE", *(f"{each}_BUCKET" for each in buckets)):
            patch.setenv(name, name.lower().replace("_", "-"))
        for name, value in {
            "PREFIX": "tenantry",
            "AWS_REGION": "eu-central-1",
            "PLATFORM_ACCOUNT_ID": "000000000000",
            "USER_POOL_ID": "eu-central-1_x",
            "TOKEN_URL": "https://token",
            "TENANT_DATA_ROLE_ARN": "arn:aws:iam::000000000000:role/tenant-data",
        }.items():
            patch.setenv(name, value)
        forget()
        yield world
    forget()


@pytest.fixture(scope="module", params=list(CONTEXTS.values()), ids=list(CONTEXTS))
def doors(request: pytest.FixtureRequest, environment: World) -> Doors:
    return Doors(environment, request.param)


@pytest.fixture
def context(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.node.callspec.params["doors"]
    return module


def told_of(answer: Any) -> set[int]:
    return {int(number) for number in CANARY.findall(json.dumps(answer, default=str))}


def test_a_stranger_in_anothers_organisation_learns_and_changes_nothing(
    doors: Doors, context: ModuleType
) -> None:
    for question in context.QUESTIONS:
        for other in doors.seeded[:5]:
            doors.again()
            stranger = user_id((other.number + 2) % TENANTS, 0)
            before = dict(doors.world.platform.items)

            answer = question.ask(stranger, other.tenant_id, other)

            assert code(answer) in REFUSED, (question.name, answer)
            assert not told_of(answer), question.name
            assert doors.world.platform.items == before, question.name


def test_who_names_what_is_anothers_at_home_learns_and_changes_nothing(
    doors: Doors, context: ModuleType
) -> None:
    asked: list[Question] = [each for each in context.QUESTIONS if not each.names_none]
    for question in asked:
        for other in doors.seeded[:5]:
            doors.again()
            home = (other.number + 2) % TENANTS
            before = doors.items_of(other)
            assert before

            answer = question.ask(user_id(home, 0), tenant_id(home), other)

            nothing = code(answer) is None and answer.get("data", "") is None
            assert code(answer) in REFUSED or nothing, (question.name, answer)
            assert told_of(answer) <= {home}, question.name
            assert doors.items_of(other) == before, question.name


def test_who_asks_for_their_own_is_shown_their_own_and_no_others(
    doors: Doors, context: ModuleType
) -> None:
    """The twin: what is kept from others is there."""
    for question in context.QUESTIONS:
        if question.by_operators:
            continue
        for own in doors.seeded[:5]:
            doors.again()
            others = [each for each in doors.seeded if each is not own]
            before = [doors.items_of(other) for other in others]

            answer = question.ask(own.owner, own.tenant_id, own)

            assert told_of(answer) <= {own.number}, question.name
            assert [doors.items_of(other) for other in others] == before, question.name
            if question.reads:
                assert told_of(answer) == {own.number}, (question.name, answer)


def test_what_operators_decide_is_of_the_organisation_that_they_name(
    doors: Doors, context: ModuleType
) -> None:
    for question in context.QUESTIONS:
        if not question.by_operators:
            continue
        doors.again()
        named, *others = doors.seeded
        before = [doors.items_of(other) for other in others]

        answer = question.ask("root", others[0].tenant_id, named, operator=True)

        assert code(answer) is None, (question.name, answer)
        assert [doors.items_of(other) for other in others] == before, question.name


CONTROLS: dict[str, tuple[str, Any]] = {
    "memberships are of whoever owns the organisation": (
        "tenantry.organizations.dynamodb.member_key",
        lambda tenant, _user: member_key(tenant, f"u-{tenant.removeprefix('t-')}-0"),
    ),
    "whoever asks is an operator": (
        "tenantry.identity.service.OperatorStanding.require_active",
        lambda *_: None,
    ),
    "accounts are seen by whoever names them": (
        "tenantry.accounts.service.AccountService._visible",
        lambda _self, _who, account: account,
    ),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_with_a_control_off_something_would_cross(
    environment: World, control: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twins: some door of some context tells or changes what is another's."""
    seeded = [(Doors(environment, context), context) for context in CONTEXTS.values()]
    monkeypatch.setattr(*CONTROLS[control])

    def all_of_them() -> None:
        for doors, context in seeded:
            doors.again()
            test_a_stranger_in_anothers_organisation_learns_and_changes_nothing(doors, context)
            test_who_names_what_is_anothers_at_home_learns_and_changes_nothing(doors, context)

    with pytest.raises(AssertionError):
        all_of_them()


def test_every_door_of_every_context_is_asked() -> None:
    """A context without its module, or a door that nobody asks for what is another's, fails."""
    for module in door._contexts():
        name = module.__name__.rpartition(".")[2]
        if name in IN_ANY_ORDER | OF_NO_TENANT:
            continue
        asked = {each.name for each in CONTEXTS[name].QUESTIONS}
        who: dict[Any, str] = {
            **getattr(module, "FIELDS", {}),
            **{" ".join(route): who for route, who in getattr(module, "ROUTES", {}).items()},
        }
        assert {each for each, who in who.items() if who != door.ANONYMOUS} <= asked, name
