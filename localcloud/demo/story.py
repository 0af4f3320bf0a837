"""How the demo is told: chapters of steps, each with a tick, its time, and what lay behind it."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from localcloud.client import Product
from localcloud.demo.behind import Logs

_SETTLE = 0.3


@dataclass(frozen=True)
class Step:
    """One step as it went; `error` is None when it did what it says."""

    title: str
    seconds: float
    behind: str
    error: str | None = None


class StepFailedError(Exception):
    """A step did not do what it says; later steps of its chapter make no sense."""


@dataclass
class Story:
    """What a chapter works with, and the steps told so far."""

    product: Product
    aws: Callable[[str], Any]
    """Makes a client of an AWS service with the operator's credentials."""
    logs: Logs
    console: Console
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Tell one step; the yielded function adds a fact to what is shown of it."""
        notes: list[str] = []
        began, started = time.perf_counter(), int(time.time() * 1000)
        error: str | None = None
        with self.console.status(title):
            try:
                yield notes.append
            except Exception as cause:
                error = f"{type(cause).__name__}: {cause}"
                raise StepFailedError(title) from cause
            finally:
                seconds = time.perf_counter() - began
                time.sleep(_SETTLE)  # what runs behind a step goes on for a moment
                behind = str(self.logs.since(started))
                self.steps.append(Step(title, seconds, behind, error))
                self._tell(self.steps[-1], notes)

    def _tell(self, step: Step, notes: list[str]) -> None:
        mark = "[red]✗[/]" if step.error else "[green]✓[/]"
        self.console.print(f" {mark} {step.title} [dim]{step.seconds:.2f} s[/]")
        for note in notes:
            self.console.print(f"     {note}", style="cyan", markup=False)
        if step.behind:
            self.console.print(f"     {step.behind}", style="dim", markup=False)
        if step.error:
            self.console.print(f"     {step.error}", style="red", markup=False)


def tell(story: Story, chapters: dict[str, Callable[[Story], None]]) -> bool:
    """Tell `chapters` in order and sum up; answers whether every step did what it says."""
    for title, chapter in chapters.items():
        story.console.rule(f"[bold]{title}")
        try:
            chapter(story)
        except StepFailedError as failed:
            story.console.print(
                "".join(traceback.format_exception(failed.__cause__)), style="dim", markup=False
            )
    failed_steps = [step for step in story.steps if step.error]
    summary = Table(show_header=False, box=None)
    summary.add_row("steps", f"{len(story.steps) - len(failed_steps)} of {len(story.steps)} done")
    summary.add_row("time", f"{sum(step.seconds for step in story.steps):.1f} s")
    story.console.rule("[bold]Summary")
    story.console.print(summary)
    for step in failed_steps:
        story.console.print(f"[red]✗[/] {step.title}: {step.error}")
    return not failed_steps


def refused(what: Callable[[], Any], *codes: str) -> str:
    """Call `what`, which must be refused with one of `codes`; answers the message shown."""
    try:
        what()
    except Exception as error:
        code = getattr(error, "code", None)
        response = getattr(error, "response", None)
        if code is None and isinstance(response, dict):
            code = response["Error"]["Code"]
        if code in codes:
            return f"{code}: {error}"
        raise
    raise AssertionError(f"was not refused with {' or '.join(codes)}")
