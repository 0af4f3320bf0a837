"""Conditional writes, reads and pages of `Table`, against DynamoDB's semantics on moto."""

import pytest

from tenantry.errors import UnavailableError
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.items import recent_event_ids
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Change, Check, Copy, Count, Create, Step
from tests.support.faults import down, injected, recorded
from tests.support.things import made, retitled, thing_key

OWNER = {"PK": "ORG#acme", "SK": "ORGANIZATION"}


def test_what_is_created_is_read_back_at_version_one(platform_table: Table, stamp: Stamp) -> None:
    platform_table.write(made(stamp, title="first"))
    item = platform_table.get(thing_key())
    assert item is not None
    assert (item["title"], item["entity_version"]) == ("first", 1)
    assert [event["data"] for event in item["events"]] == [{"to": "first"}]


def test_a_taken_key_refuses_a_second_creation(platform_table: Table, stamp: Stamp) -> None:
    platform_table.write(made(stamp, title="first"))
    with pytest.raises(ConditionFailedError) as refused:
        platform_table.write(made(stamp, title="second"))
    assert refused.value.failures == (0,)
    assert refused.value.items[0]["title"] == "first"


def test_what_is_deleted_is_gone_and_may_be_gone_already(
    platform_table: Table, stamp: Stamp
) -> None:
    platform_table.write(made(stamp))
    platform_table.delete(thing_key())
    platform_table.delete(thing_key())
    assert platform_table.get(thing_key()) is None


def test_an_ended_item_may_be_replaced_when_the_writer_says_so(
    platform_table: Table, stamp: Stamp
) -> None:
    ended = Create(thing_key(), {"status": "ENDED"})
    platform_table.write(ended)
    platform_table.write(Create(thing_key(), {"status": "ACTIVE"}, replace_if={"status": "ENDED"}))
    with pytest.raises(ConditionFailedError):
        platform_table.write(
            Create(thing_key(), {"status": "ACTIVE"}, replace_if={"status": "ENDED"})
        )


def test_a_stale_version_is_refused_and_changes_nothing(
    platform_table: Table, stamp: Stamp
) -> None:
    platform_table.write(made(stamp))
    platform_table.write(retitled(stamp, 1, "second"))
    with pytest.raises(ConditionFailedError) as refused:
        platform_table.write(retitled(stamp, 1, "stale"))
    assert refused.value.items[0]["entity_version"] == 2
    item = platform_table.get(thing_key())
    assert item is not None
    assert item["title"] == "second"


def test_a_change_of_nothing_that_exists_is_refused(platform_table: Table, stamp: Stamp) -> None:
    with pytest.raises(ConditionFailedError) as refused:
        platform_table.write(retitled(stamp, 1, "nothing"))
    assert refused.value.items == {0: {}}


def test_a_change_writes_what_it_names_and_takes_away_what_is_none(
    platform_table: Table, stamp: Stamp
) -> None:
    key = thing_key()
    platform_table.write(Create(key, {"kept": 1, "gone": 2, "ended": 3}))
    platform_table.write(
        Change(key, 1, {"new": 1.5, "gone": None}, (), remove=frozenset({"ended"}))
    )
    item = platform_table.get(key)
    assert item is not None
    assert {n: item.get(n) for n in ("kept", "gone", "ended", "new")} == {
        "kept": 1,
        "gone": None,
        "ended": None,
        "new": 1.5,
    }


def test_a_change_without_events_takes_the_old_events_away(
    platform_table: Table, stamp: Stamp
) -> None:
    platform_table.write(made(stamp))
    platform_table.write(Change(thing_key(), 1, {"title": "quiet"}, ()))
    item = platform_table.get(thing_key())
    assert item is not None
    assert item["events"] == []


def test_only_the_latest_versions_keep_their_ids(platform_table: Table, stamp: Stamp) -> None:
    platform_table.write(made(stamp))
    for version in range(1, 20):
        platform_table.write(retitled(stamp, version, f"title {version}"))
    item = platform_table.get(thing_key())
    assert item is not None
    assert item["entity_version"] == 20
    assert len(recent_event_ids(item)) == 8
    assert item["events"][0]["id"] in recent_event_ids(item)


@pytest.mark.parametrize("require", [{"status": "ENDED"}, {"title": None}])
def test_a_change_is_refused_when_a_requirement_does_not_hold(
    platform_table: Table, stamp: Stamp, require: dict[str, str | None]
) -> None:
    platform_table.write(made(stamp))
    with pytest.raises(ConditionFailedError):
        platform_table.write(Change(thing_key(), 1, {"title": "x"}, (), require=require))


def test_a_transaction_is_all_or_nothing_and_names_what_failed(
    platform_table: Table, stamp: Stamp
) -> None:
    platform_table.write(made(stamp, "taken"))
    with pytest.raises(ConditionFailedError) as refused:
        platform_table.transact([made(stamp, "free"), made(stamp, "taken"), made(stamp, "other")])
    assert refused.value.failures == (1,)
    assert refused.value.items[1]["entity_id"] == "taken"
    assert platform_table.get_all([thing_key("free"), thing_key("other")]) == [None, None]


@pytest.mark.parametrize(
    ("standing", "by", "limit", "taken"),
    [
        (24, 1, 25, True),
        (25, 1, 25, False),
        (None, 1, 25, True),
        (None, 26, 25, False),
        (None, 1, None, True),
        (0, 1, 0, False),
        (5, -5, None, True),
        (5, -6, None, False),
        (None, -1, None, False),
        (30, -1, 25, True),
    ],
)
def test_a_counter_stays_between_zero_and_its_limit(
    platform_table: Table, standing: int | None, by: int, limit: int | None, taken: bool
) -> None:
    platform_table.write(Create(OWNER, {"used": standing}))
    count = Count(OWNER, "used", by, limit)
    if taken:
        platform_table.transact([count])
    else:
        with pytest.raises(ConditionFailedError):
            platform_table.transact([count])
    item = platform_table.get(OWNER)
    assert item is not None
    assert item.get("used") == ((standing or 0) + by if taken else standing)
    assert item["entity_version"] == 1


@pytest.mark.parametrize(
    ("owners", "users", "taken"), [(2, 5, True), (1, 5, False), (2, 0, False), (None, 5, False)]
)
def test_counters_of_one_item_move_together_each_within_its_bounds(
    platform_table: Table, owners: int | None, users: int, taken: bool
) -> None:
    platform_table.write(Create(OWNER, {"users": users, "owners": owners}))
    both = Count(OWNER, "users", -1, also=(Step("owners", -1, floor=1),))
    if taken:
        platform_table.transact([both])
    else:
        with pytest.raises(ConditionFailedError):
            platform_table.transact([both])
    item = platform_table.get(OWNER)
    assert item is not None
    moved = int(taken)
    assert item["users"] == users - moved
    assert item.get("owners") == (owners and owners - moved)


def test_a_check_may_allow_several_values(platform_table: Table, stamp: Stamp) -> None:
    platform_table.write(Create(OWNER, {"role": "ADMIN"}))
    platform_table.transact([Check(OWNER, one_of={"role": {"OWNER", "ADMIN"}}), made(stamp)])
    with pytest.raises(ConditionFailedError) as refused:
        platform_table.transact([Check(OWNER, one_of={"role": {"OWNER"}}), made(stamp, "2")])
    assert refused.value.failures == (0,)


def test_a_copy_is_as_new_as_the_newest_that_came(platform_table: Table, stamp: Stamp) -> None:
    platform_table.write(made(stamp))

    def copied(version: int, name: str | None) -> bool:
        return platform_table.copy(Copy(thing_key(), {"name": name}, "seen", version))

    came = [copied(2, "second"), copied(1, "first"), copied(2, "second"), copied(3, None)]

    assert came == [True, False, False, True]
    item = platform_table.get(thing_key())
    assert item is not None
    assert (item.get("name"), item["seen"], item["entity_version"]) == (None, 3, 1)
    assert len(item["events"]) == 1


def test_nothing_is_copied_where_nobody_is_to_show_it(platform_table: Table) -> None:
    assert not platform_table.copy(Copy(OWNER, {"name": "x"}, "seen", 1))
    platform_table.write(Create(OWNER, {"status": "REMOVED"}))

    assert not platform_table.copy(
        Copy(OWNER, {"name": "x"}, "seen", 1, unless={"status": "REMOVED"})
    )
    item = platform_table.get(OWNER)
    assert item is not None
    assert "name" not in item


def test_nothing_is_counted_or_checked_on_what_is_not_there(platform_table: Table) -> None:
    for write in (Count(OWNER, "used", 1), Check(OWNER)):
        with pytest.raises(ConditionFailedError):
            platform_table.transact([write])
    assert platform_table.get(OWNER) is None


def test_a_check_holds_the_transaction_to_what_it_read(platform_table: Table, stamp: Stamp) -> None:
    platform_table.write(Create(OWNER, {"status": "SUSPENDED"}))
    with pytest.raises(ConditionFailedError) as refused:
        platform_table.transact([Check(OWNER, {"status": "ACTIVE"}), made(stamp)])
    assert refused.value.failures == (0,)
    assert platform_table.get(thing_key()) is None


def test_items_come_in_the_order_asked_in_one_call_per_hundred(platform_table: Table) -> None:
    keys = [thing_key(f"{n:03}") for n in range(150)]
    for key in keys[::2]:
        platform_table.put({**key, "n": key["SK"]})
    with recorded() as calls:
        found = platform_table.get_all([*keys, keys[0]])
    assert [item and item["SK"] for item in found] == [
        *(key["SK"] if n % 2 == 0 else None for n, key in enumerate(keys)),
        keys[0]["SK"],
    ]
    assert calls.operations == ["BatchGetItem"] * 2
    assert all(
        t["ConsistentRead"] for c in calls.all for t in c.parameters["RequestItems"].values()
    )


def test_reading_nothing_asks_nobody(platform_table: Table) -> None:
    with recorded() as calls:
        assert platform_table.get_all([]) == []
    assert len(calls) == 0


def test_a_list_goes_on_where_its_page_ended(platform_table: Table) -> None:
    for n in range(7):
        platform_table.put({**thing_key(str(n)), "GSI1PK": "all", "GSI1SK": str(9 - n)})
    seen: list[str] = []
    start = None
    while True:
        page = platform_table.query("ORG#acme", prefix="THING#", limit=3, start=start)
        seen += [item["SK"] for item in page.items]
        if (start := page.next_key) is None:
            break
    assert seen == [f"THING#{n}" for n in range(7)]
    newest = platform_table.query(
        "all", index="GSI1", between=("3", "5"), limit=9, newest_first=True
    )
    assert [item["GSI1SK"] for item in newest.items] == ["5", "4", "3"]


def test_a_table_that_cannot_be_reached_is_unavailable(platform_table: Table, stamp: Stamp) -> None:
    with injected(down(services=["dynamodb"])):
        for attempt in (
            lambda: platform_table.get(thing_key()),
            lambda: platform_table.get_all([thing_key()]),
            lambda: platform_table.write(made(stamp)),
            lambda: platform_table.transact([made(stamp)]),
        ):
            with pytest.raises(UnavailableError):
                attempt()
