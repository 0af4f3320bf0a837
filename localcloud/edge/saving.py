"""Saving what the services hold: when asked, and soon after something changed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

# A kill loses at most what came in that time.
SAVE_SECONDS = 30.0

type _State = Callable[[], Any]


class Saver:
    """Writes every service's state to its file, as MiniStack itself does when it ends.

    `seconds` is how long after a change it is saved at the latest.
    """

    def __init__(self, seconds: float = SAVE_SECONDS) -> None:
        self._seconds = seconds
        self._changed = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._ended = False
        # It tells of each file, at each save.
        logging.getLogger("persistence").setLevel(logging.WARNING)

    def changed(self) -> None:
        """Say that there may be something to save."""
        self._changed.set()

    async def save(self) -> None:
        """Write the state as it is now."""
        from ministack import app
        from ministack.core.persistence import save_all

        async with self._one_at_a_time:
            if self._ended:
                return
            self._changed.clear()
            # Services refer to each other, so all are looked at in one moment: no request is
            # answered meanwhile (20 ms). Writing takes its time beside the requests.
            states = {name: _taken(get) for name, get in app._build_persistence_save_dict().items()}
            await asyncio.to_thread(save_all, states)

    @contextlib.asynccontextmanager
    async def saving(self) -> AsyncIterator[None]:
        """Save what changes; from the end on nothing is written, so that MiniStack alone does."""
        task = asyncio.create_task(self._save_changes())
        try:
            yield
        finally:
            task.cancel()
            async with self._one_at_a_time:
                self._ended = True

    async def _save_changes(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(self._seconds)
            await asyncio.shield(asyncio.ensure_future(self.save()))


def _taken(get_state: _State) -> _State:
    """What a service holds now; asked again when a worker changed it in that very moment."""
    try:
        state = get_state()
    except RuntimeError:
        return get_state
    return lambda: state
