"""A write whose answer is lost ends as if it had not been lost (row 11), whatever it carries.

The SDK tries again, and meets its own write in the way: the ids on the item say that it is.
"""

from collections.abc import Callable

import pytest

from tenantry.messaging.stamp import Stamp
from tenantry.persistence import table as table_module
from tenantry.persistence.items import Item
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Change, Count, Create
from tests.support.faults import (
    Answer,
    Call,
    Send,
    Stopped,
    error_answer,
    injected,
    lose_answer,
    rewrite,
    stop_after,
)
from tests.support.things import changed, made, retitled, thing_key

OWNER = {"PK": "ORG#acme", "SK": "ORGANIZATION"}

type Writing = Callable[[Table, Stamp], None]

WRITINGS: dict[str, Writing] = {
    "create": lambda table, stamp: table.write(made(stamp, "2")),
    "create without events": lambda table, _: table.write(Create(thing_key("2"), {"n": 1})),
    "change": lambda table, stamp: table.write(retitled(stamp, 1, "second")),
    "change without events": lambda table, _: table.write(Change(thing_key(), 1, {"n": 2}, ())),
    "transaction": lambda table, stamp: table.transact(
        [made(stamp, "2"), retitled(stamp, 1, "second"), Count(OWNER, "used", 1, 25)]
    ),
    "transaction of a counter": lambda table, _: table.transact([Count(OWNER, "used", 1, 25)]),
    "put": lambda table, _: table.put({**thing_key("2"), "n": 1}),
}
RECOGNISED = ("create", "create without events", "change", "change without events")


def _state(table: Table) -> list[Item | None]:
    """What a reader can tell: ids of single writes differ from run to run."""
    found = table.get_all([thing_key("1"), thing_key("2"), OWNER])
    return [
        {n: v for n, v in item.items() if n not in ("event_ids", "events")} if item else None
        for item in found
    ]


def _prepared(table: Table, stamp: Stamp) -> None:
    table.write(made(stamp))
    table.write(Create(OWNER, {"used": 3}))


@pytest.mark.parametrize(
    ("name", "where"),
    [
        *((name, "ministack_platform_table") for name in WRITINGS),
        # moto does not know the tokens of transactions.
        *((name, "platform_table") for name in (*RECOGNISED, "put")),
    ],
)
def test_a_lost_answer_changes_nothing_of_the_outcome(
    name: str, where: str, stamp: Stamp, request: pytest.FixtureRequest
) -> None:
    table: Table = request.getfixturevalue(where)
    _prepared(table, stamp)
    with injected(lose_answer(at=1)) as calls:
        WRITINGS[name](table, stamp)
    assert len(calls) == 2
    assert _state(table) == EXPECTED[name]


def _thing(name: str = "1", **other: object) -> Item:
    base = {"tenant_id": "acme", "entity_type": "Thing", "entity_id": name, "title": "new"}
    return {**thing_key(name), **base, "entity_version": 1, **other}


def _owner(used: int, moves: int = 0) -> Item:
    moved = {"used_moves": moves} if moves else {}
    return {**OWNER, "used": used, **moved, "entity_version": 1}


EXPECTED: dict[str, list[Item | None]] = {
    "create": [_thing(), _thing("2"), _owner(3)],
    "create without events": [_thing(), {**thing_key("2"), "n": 1, "entity_version": 1}, _owner(3)],
    "change": [_thing(title="second", entity_version=2), None, _owner(3)],
    "change without events": [_thing(n=2, entity_version=2), None, _owner(3)],
    "transaction": [_thing(title="second", entity_version=2), _thing("2"), _owner(4, 1)],
    "transaction of a counter": [_thing(), None, _owner(4, 1)],
    "put": [_thing(), {**thing_key("2"), "n": 1}, _owner(3)],
}


@pytest.mark.parametrize("name", RECOGNISED)
def test_without_recognition_a_lost_answer_would_be_a_refusal(
    name: str, platform_table: Table, stamp: Stamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_module, "_is_own", lambda *_: False)
    _prepared(platform_table, stamp)
    with injected(lose_answer(at=1)), pytest.raises(ConditionFailedError):
        WRITINGS[name](platform_table, stamp)


def test_a_transaction_without_its_token_would_count_twice_or_refuse_itself(
    ministack_platform_table: Table, stamp: Stamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    _prepared(ministack_platform_table, stamp)

    def strip_token(call: Call, send: Send) -> Answer:
        others = {n: v for n, v in call.parameters.items() if n != "ClientRequestToken"}
        rewrite(call.request, others)
        return send()

    with injected(lose_answer(at=1), strip_token):
        WRITINGS["transaction of a counter"](ministack_platform_table, stamp)
    assert _state(ministack_platform_table)[2] == _owner(5, 2)


def test_a_command_that_comes_again_finds_its_transaction_done(
    platform_table: Table, stamp: Stamp
) -> None:
    """A redelivered command makes the same event ids of its cause, in a transaction of its own."""
    _prepared(platform_table, stamp)

    def command() -> None:
        event = changed(stamp, "founded", event_id="5b0e1c9e-0000-5000-8000-000000000001")
        platform_table.transact(
            [Create(thing_key("2"), {"n": 1}, (event,)), Count(OWNER, "used", 1, 25)]
        )

    with injected(stop_after(at=1)), pytest.raises(Stopped):
        command()
    command()
    assert _state(platform_table)[2] == _owner(4, 1)


def test_another_writer_in_the_way_is_never_taken_for_our_own(
    platform_table: Table, stamp: Stamp
) -> None:
    _prepared(platform_table, stamp)

    def overtaken(call: Call, send: Send) -> Answer:
        if call.operation == "UpdateItem" and not overtakers:
            overtakers.append(call)
            platform_table.write(retitled(stamp, 1, "someone else's"))
            return error_answer(call, "InternalServerError", 500)
        return send()

    overtakers: list[Call] = []
    with injected(overtaken), pytest.raises(ConditionFailedError) as refused:
        platform_table.write(retitled(stamp, 1, "ours"))
    assert refused.value.items[0]["title"] == "someone else's"
