"""Writes docs/events/: the JSON Schema of every event's payload, and of the envelope around it.

    python -m tools.event_schemas            write what has changed
    python -m tools.event_schemas --check    exit 1 when something is not current

with layers/tenantry on PYTHONPATH.

A file is never removed: events of that version may still be on their way or in an archive. Within
a version a field is neither removed nor narrowed; `faults` tells when that rule is broken.
"""

import importlib
import importlib.util
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tenantry
from tenantry.messaging.event import Envelope, EventData

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "events"

type Schema = Mapping[str, Any]


def event_types() -> list[type[EventData]]:
    """Every event that a context's `events` module declares; ValueError for a name used twice."""
    found: dict[str, type[EventData]] = {}
    for context in pkgutil.iter_modules(tenantry.__path__, "tenantry."):
        if not context.ispkg or not importlib.util.find_spec(f"{context.name}.events"):
            continue
        module = importlib.import_module(f"{context.name}.events")
        for value in vars(module).values():
            if not _is_event(value) or value.__module__ != module.__name__:
                continue
            if found.setdefault(value.type, value) is not value:
                raise ValueError(f"{value.type} is declared twice")
    return [found[name] for name in sorted(found)]


def schemas() -> dict[str, str]:
    """The text of every file, by its name."""
    files: dict[str, Schema] = {"envelope.json": Envelope.model_json_schema()}
    for event in event_types():
        files[f"{event.context}.{event.type}.v{event.version}.json"] = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:tenantry:event:{event.context}:{event.type}:{event.version}",
            **event.model_json_schema(),
        }
    return {name: f"{json.dumps(schema, indent=2)}\n" for name, schema in files.items()}


def published(root: Path = ROOT) -> Iterator[tuple[str, Schema]]:
    """Every state of every schema that git has ever had, as its file's name and content."""
    log = _git(root, "log", "--no-renames", "--diff-filter=AM", "--raw", "--no-abbrev", "--format=")
    seen = set()
    for line in log.splitlines():
        fields, _, path = line.partition("\t")
        if path.startswith("docs/events/") and path.endswith(".json"):
            seen.add((Path(path).name, fields.split()[3]))
    for name, blob in sorted(seen):
        yield name, json.loads(_git(root, "cat-file", "blob", blob))


def faults(before: Schema, after: Schema) -> list[str]:
    """What a reader of `before` could no longer rely on in `after`; none when it is compatible."""
    return list(_broken(before, after, before.get("$defs", {}), after.get("$defs", {}), "payload"))


def _broken(before: Schema, after: Schema, old: Schema, new: Schema, where: str) -> Iterator[str]:
    before, after = _resolved(before, old), _resolved(after, new)
    for name, schema in before.get("properties", {}).items():
        if name not in after.get("properties", {}):
            yield f"{where}.{name} is removed"
        else:
            yield from _broken(schema, after["properties"][name], old, new, f"{where}.{name}")
    required = set(after.get("required", ())), set(before.get("required", ()))
    for name in sorted(required[1] - required[0]):
        yield f"{where}.{name} may now be missing"
    for name in sorted(required[0] - required[1]):
        yield f"{where}.{name} is required, and events already published may not have it"
    kinds = _kinds(before, old), _kinds(after, new)
    if kinds[0] != kinds[1]:
        yield f"{where} was {sorted(kinds[0])} and is {sorted(kinds[1])}"
    for word in ("items", "additionalProperties"):
        inner = before.get(word), after.get(word)
        if isinstance(inner[0], dict) and isinstance(inner[1], dict):
            yield from _broken(inner[0], inner[1], old, new, f"{where}[]")
        elif inner[0] != inner[1]:
            yield f"{where}: {word} has changed"
    if lost := set(before.get("enum", ())) - set(after.get("enum", before.get("enum", ()))):
        yield f"{where} no longer knows {sorted(lost)}"
    for word in ("format", "pattern", "const", "maxLength", "minLength", "maximum", "minimum"):
        if before.get(word) != after.get(word):
            yield f"{where}: {word} has changed"


def _kinds(schema: Schema, definitions: Schema) -> frozenset[str]:
    """The JSON types that a schema allows; `any` for every one."""
    schema = _resolved(schema, definitions)
    if alternatives := schema.get("anyOf"):
        return frozenset().union(*(_kinds(each, definitions) for each in alternatives))
    return frozenset({schema.get("type", "any")})


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    reference = schema.get("$ref", "")
    found: Schema = definitions.get(reference.rpartition("/")[2], schema)
    return found


def _is_event(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, EventData) and "type" in vars(value)


def _git(root: Path, *arguments: str) -> str:
    answer = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
    )
    return answer.stdout


def main(arguments: list[str]) -> int:
    wanted = schemas()
    stale = [
        name
        for name, text in wanted.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text() != text
    ]
    if "--check" in arguments:
        if stale:
            print(f"docs/events is not current ({', '.join(stale)}):")
            print("run `python -m tools.event_schemas`")
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(wanted[name])
        print(f"wrote docs/events/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
