"""What every command is given: the session it works with, and how it answers."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tenantry_cli.profiles import LOCAL, Profiles
from tenantry_cli.session import Session


@dataclass
class Context:
    """The options that stand before the command."""

    profile: str = LOCAL
    organization: str | None = None
    as_json: bool = False
    profiles: Profiles = field(default_factory=Profiles.of_environment)
    console: Console = field(default_factory=lambda: Console(highlight=False))

    def session(self) -> Session:
        return Session(self.profiles.get(self.profile), self.organization)

    def say(self, words: str) -> None:
        """Tell a person something; nothing where a program reads."""
        if not self.as_json:
            self.console.print(Text(words))

    def show(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """A table for people, JSON with everything for programs."""
        if self.as_json:
            self.dump(list(rows))
            return
        table = Table(*columns)
        for row in rows:
            table.add_row(*(Text(_cell(row.get(column))) for column in columns))
        self.console.print(table)

    def dump(self, value: Any) -> None:
        """One JSON document on one line."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
        sys.stdout.flush()


def of(context: typer.Context) -> Context:
    """The options of the command's context."""
    found = context.find_object(Context)
    return found if found is not None else Context()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
