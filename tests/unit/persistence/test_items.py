"""Plain values and DynamoDB's, and what an item remembers of its writes."""

from hypothesis import given
from hypothesis import strategies as st

from tenantry.messaging.stamp import Stamp
from tenantry.persistence.items import (
    from_wire,
    recent_event_ids,
    stamped,
    to_wire,
    without_events,
)
from tests.support.things import changed

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.one_of(
        TEXT,
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(-1e15, 1e15, allow_nan=False).filter(lambda f: f == 0 or abs(f) > 1e-20),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(TEXT.filter(bool), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.dictionaries(TEXT.filter(bool), VALUES, max_size=5))
def test_values_come_back_as_they_went(values: dict[str, object]) -> None:
    assert from_wire(to_wire(values)) == values


def test_what_is_none_is_absent() -> None:
    assert to_wire({"a": None, "b": {"c": None}, "d": 1}) == {"b": {"M": {}}, "d": {"N": "1"}}


def test_an_item_knows_what_it_was_written_by(stamp: Stamp) -> None:
    event = changed(stamp, "x")
    item = stamped({"title": "x"}, 9, [event], [event.id])
    assert recent_event_ids(item) == {event.id}
    assert item["event_ids"] == {"v1": [event.id]}
    assert recent_event_ids({}) == frozenset()


def test_a_copy_carries_no_events(stamp: Stamp) -> None:
    event = changed(stamp, "x")
    item = stamped({"title": "x"}, 1, [event], [event.id])
    assert without_events(item) == {n: v for n, v in item.items() if n != "events"}
