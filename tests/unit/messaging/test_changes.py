"""Which events a stream record says happened."""

from typing import Any

import pytest

from tenantry.errors import CorruptDataError
from tenantry.messaging.changes import envelopes
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.items import Item, without_events
from tests.support.streams import Records
from tests.support.things import changed, thing_key


def _thing(stamp: Stamp, *titles: str, **other: Any) -> Item:
    events = [changed(stamp, title).stored() for title in titles]
    identity = {"tenant_id": "acme", "entity_type": "Thing", "entity_id": "1", "entity_version": 1}
    return {**thing_key(), **identity, "events": events, **other}


def test_a_new_item_says_all_its_events(stamp: Stamp) -> None:
    found = envelopes(Records().of(None, _thing(stamp, "a", "b")))
    assert [(e.data["to"], e.tenant_id, e.entity_type, e.entity_version) for e in found] == [
        ("a", "acme", "Thing", 1),
        ("b", "acme", "Thing", 1),
    ]


def test_a_change_says_only_what_the_old_image_did_not(stamp: Stamp) -> None:
    old = _thing(stamp, "a")
    new = {**_thing(stamp, "b", "c"), "entity_version": 2}
    new["events"] = [old["events"][0], *new["events"]]
    assert [e.data["to"] for e in envelopes(Records().of(old, new))] == ["b", "c"]


def test_a_counter_that_moves_says_nothing_again(stamp: Stamp) -> None:
    thing = _thing(stamp, "a")
    assert envelopes(Records().of(thing, {**thing, "used": 5})) == []


def test_a_copy_and_a_removal_say_nothing(stamp: Stamp) -> None:
    thing = _thing(stamp, "a")
    assert envelopes(Records().of(None, without_events(thing))) == []
    assert envelopes(Records().of(thing, None)) == []
    assert envelopes(Records().of(thing, {**thing, "events": []})) == []


def test_a_copy_that_kept_its_events_would_be_heard_again(stamp: Stamp) -> None:
    """The twin: why writers that copy drop the events."""
    assert len(envelopes(Records().of(None, _thing(stamp, "a")))) == 1


def test_what_happens_to_a_user_names_no_organisation(stamp: Stamp) -> None:
    thing = _thing(stamp, "a")
    del thing["tenant_id"]
    assert envelopes(Records().of(None, thing))[0].tenant_id is None


def test_an_attribute_that_nobody_needs_may_be_anything(stamp: Stamp) -> None:
    record = Records().of(None, _thing(stamp, "a"))
    record["dynamodb"]["NewImage"]["picture"] = {"B": "YWJj"}
    record["dynamodb"]["NewImage"]["odd"] = {"?": "unknown"}
    assert len(envelopes(record)) == 1


@pytest.mark.parametrize(
    "poison",
    [
        {"events": "text"},
        {"events": ["text"]},
        {"events": [{}]},
        {"events": [{"id": "1"}]},
        {"events": {"id": "1"}},
        {"events": 5},
        {"entity_type": None},
        {"entity_id": None},
        {"entity_version": None},
        {"entity_version": "many"},
        {"entity_id": 5},
    ],
)
def test_what_cannot_be_read_is_corrupt(stamp: Stamp, poison: dict[str, Any]) -> None:
    with pytest.raises(CorruptDataError) as corrupt:
        envelopes(Records().of(None, {**_thing(stamp, "secret"), **poison}))
    assert "secret" not in str(corrupt.value)


@pytest.mark.parametrize(
    "record",
    [
        {"eventName": "INSERT"},
        {"eventName": "INSERT", "dynamodb": None},
        {"eventName": "INSERT", "dynamodb": {"NewImage": {"events": {"L": 5}}}},
        {"eventName": "INSERT", "dynamodb": {"NewImage": {"events": {"?": 5}}}},
        {"eventName": "INSERT", "dynamodb": {"NewImage": {"events": {}}}},
    ],
)
def test_a_record_out_of_shape_is_corrupt(record: dict[str, Any]) -> None:
    with pytest.raises(CorruptDataError):
        envelopes(record)
