"""How the demo is told: chapters of steps, each with a tick, its time, and what lay behind it."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from localcloud.client import Product
from localcloud.demo.behind import Happening, Logs

_LEFT = (0, 0, 0, 5)


@dataclass(frozen=True)
class Step:
    """One step as it went; `error` is None when it did what it says."""

    title: str
    seconds: float
    notes: tuple[str, ...]
    behind: Happening
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
        with self.console.status(Text(title)):
            try:
                yield notes.append
            except Exception as cause:
                error = f"{type(cause).__name__}: {cause}"
                raise StepFailedError(title) from cause
            finally:
                seconds = time.perf_counter() - began
                behind = self.logs.settled(started)
                self.steps.append(Step(title, seconds, tuple(notes), behind, error))
                self._tell(self.steps[-1])

    def _tell(self, step: Step) -> None:
        mark = Text(" ✗ ", style="red") if step.error else Text(" ✓ ", style="green")
        self.console.print(mark + Text(step.title) + Text(f"  {step.seconds:.2f} s", style="dim"))
        for note in step.notes:
            self.console.print(Padding(Text(note, style="cyan"), _LEFT, expand=False))
        behind = Table.grid(padding=(0, 2))
        for name, text in step.behind.rows:
            behind.add_row(Text(name, style="dim"), Text(text, style="dim"))
        if behind.row_count:
            self.console.print(Padding(behind, _LEFT, expand=False))
        if step.error:
            self.console.print(Padding(Text(step.error, style="red"), _LEFT, expand=False))


def tell(story: Story, chapters: dict[str, Callable[[Story], None]]) -> bool:
    """Tell `chapters` in order and sum up; answers whether every step did what it says."""
    for title, chapter in chapters.items():
        about = (chapter.__doc__ or "").strip().partition("\n")[0].rstrip(".")
        story.console.print()
        story.console.print(Text(title, style="bold") + Text(f"  {about}", style="dim"))
        story.console.print()
        try:
            chapter(story)
        except StepFailedError as failed:
            story.console.print(
                "".join(traceback.format_exception(failed.__cause__)), style="dim", markup=False
            )
    _sum_up(story)
    return all(step.error is None for step in story.steps)


def _sum_up(story: Story) -> None:
    failed = [step for step in story.steps if step.error]
    seconds = sum(step.seconds for step in story.steps)
    ran = sum(len(step.behind.functions) for step in story.steps)
    published = sum(len(step.behind.published) for step in story.steps)
    recorded = sum(len(step.behind.recorded) for step in story.steps)
    summary = Table.grid(padding=(0, 2))
    summary.add_row("steps", f"{len(story.steps) - len(failed)} of {len(story.steps)} done")
    summary.add_row("time", f"{seconds:.1f} s")
    summary.add_row("functions", f"ran {ran} times")
    summary.add_row("events", f"{published} published, {recorded} recorded")
    story.console.print()
    story.console.print(Padding(summary, (0, 0, 0, 1), expand=False))
    for step in failed:
        story.console.print(Text(" ✗ ", style="red") + Text(f"{step.title}: {step.error}"))


def refused(what: Callable[[], Any], *codes: str) -> str:
    """Call `what`, which must be refused with one of `codes`; answers the code and its words."""
    try:
        what()
    except Exception as error:
        code, words = getattr(error, "code", None), str(error)
        if isinstance(error, ClientError):
            # What AWS answered, without botocore's words around it.
            code, words = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if code in codes:
            return f"{code}: {words}"
        raise
    raise AssertionError(f"was not refused with {' or '.join(codes)}")
