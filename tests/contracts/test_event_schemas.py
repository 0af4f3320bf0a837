"""The schemas in docs/events are those of the code, and stay compatible with what was published."""

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.event_schemas import FOLDER, event_types, faults, published, schemas

SCHEMA: dict[str, Any] = {
    "$defs": {
        "Change": {
            "type": "object",
            "properties": {"before": {}, "after": {}},
            "additionalProperties": False,
        },
        "Role": {"type": "string", "enum": ["OWNER", "MEMBER"]},
    },
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "role": {"$ref": "#/$defs/Role"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "fields": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Change"}},
    },
    "required": ["id", "role", "fields"],
    "additionalProperties": False,
}


def test_every_event_has_its_current_schema() -> None:
    stale = [
        name
        for name, text in schemas().items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text() != text
    ]

    assert stale == [], "run `python -m tools.event_schemas`"


def test_every_published_schema_is_still_kept() -> None:
    current = {path.name for path in FOLDER.glob("*.json")}

    assert {name for name, _ in published()} - current == set()


def test_no_schema_was_narrowed_within_its_version() -> None:
    broken = {
        name: found
        for name, before in published()
        if (found := faults(before, json.loads((FOLDER / name).read_text())))
    }

    assert broken == {}


def test_events_are_named_in_the_past_tense_by_their_class() -> None:
    for event in event_types():
        assert event.type == event.__name__
        # A warning tells of what is still to come.
        warnings = ("LicenseExpiring", "UsageWarning")
        assert event.type.endswith(("ed", "SignedIn", "TornDown", "Found", *warnings)), event.type


def test_a_schema_is_compatible_with_itself_and_with_what_it_grew_from() -> None:
    grown = copy.deepcopy(SCHEMA)
    grown["properties"]["reason"] = {"type": "string", "default": ""}
    grown["$defs"]["Role"]["enum"].append("VIEWER")

    assert faults(SCHEMA, SCHEMA) == []
    assert faults(SCHEMA, grown) == []


def _removed(schema: Any) -> None:
    del schema["properties"]["note"]


def _retyped(schema: Any) -> None:
    schema["properties"]["id"]["type"] = "integer"


def _no_longer_null(schema: Any) -> None:
    schema["properties"]["note"] = {"type": "string"}


def _may_be_missing(schema: Any) -> None:
    schema["required"].remove("id")


def _newly_required(schema: Any) -> None:
    schema["required"].append("note")


def _fewer_values(schema: Any) -> None:
    schema["$defs"]["Role"]["enum"].remove("OWNER")


def _inner_field_removed(schema: Any) -> None:
    del schema["$defs"]["Change"]["properties"]["before"]


def _shortened(schema: Any) -> None:
    schema["properties"]["id"]["maxLength"] = 3


@pytest.mark.parametrize(
    "narrow",
    [
        _removed,
        _retyped,
        _no_longer_null,
        _may_be_missing,
        _newly_required,
        _fewer_values,
        _inner_field_removed,
        _shortened,
    ],
)
def test_what_narrows_a_schema_is_found(narrow: Callable[[Any], None]) -> None:
    after = copy.deepcopy(SCHEMA)
    narrow(after)

    assert faults(SCHEMA, after)


def test_an_older_state_counts_even_after_it_was_overwritten(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    file = tmp_path / "docs" / "events" / "x.Happened.v1.json"
    file.parent.mkdir(parents=True)
    git("init", "-q")
    for names in ("ab", "a"):
        file.write_text(json.dumps({"properties": {name: {} for name in names}}))
        git("add", ".")
        git("commit", "-q", "-m", "change", "--no-verify")

    found = [faults(before, json.loads(file.read_text())) for _, before in published(tmp_path)]

    assert sorted(found) == [[], ["payload.b is removed"]]
