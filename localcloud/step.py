"""Telling a person what is going on, in a terminal and in a log."""

from __future__ import annotations

import threading
import time

from rich.console import Console
from rich.status import Status
from rich.text import Text


class Step:
    """One line that says what is going on, and how long it has taken."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._started = time.monotonic()
        self._detail = ""
        self._status: Status | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Step:
        if self._console.is_terminal:
            self._status = self._console.status(self._title)
            self._status.start()
        else:
            # No terminal, no spinner: a line now and one whenever there is news.
            self._console.print(f"{self._title} ...")
        threading.Thread(target=self._keep_telling, daemon=True).start()
        return self

    def update(self, detail: str) -> None:
        self._detail = detail

    def __exit__(self, failed: object, *_: object) -> None:
        self._ended.set()
        if self._status is not None:
            self._status.stop()
        mark = Text("✗ ", style="red") if failed else Text("✓ ", style="green")
        mark.append(self._title)
        mark.append(f"  {self._seconds:.1f} s", style="dim")
        if self._detail:
            mark.append(f"  {self._detail}", style="dim")
        self._console.print(mark, soft_wrap=True)

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _keep_telling(self) -> None:
        while not self._ended.wait(0.2 if self._status else 3.0):
            line = f"{self._title}  {self._seconds:.0f} s  {self._detail}"
            if self._status is not None:
                self._status.update(Text(line))
            else:
                self._console.print(Text(f"  {line}"))
