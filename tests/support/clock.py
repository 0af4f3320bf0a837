"""Time and ids that tests decide."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class FakeClock:
    """A clock to call; it moves only when it is told, or slept on."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        with self._lock:
            return self._now

    def advance(self, by: timedelta) -> None:
        with self._lock:
            self._now += by

    def sleep(self, seconds: float) -> None:
        """In place of `time.sleep`: takes no time, moves this clock, and is kept in `slept`."""
        with self._lock:
            self.slept.append(seconds)
            self._now += timedelta(seconds=seconds)


class FakeIds:
    """UUIDs counted up from one; `prefix` (hexadecimal) keeps two counters apart."""

    def __init__(self, prefix: str = "0") -> None:
        self._high = int(prefix, 16) << 96
        self._count = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self._count += 1
            return str(UUID(int=self._high + self._count))


def no_sleep(_seconds: float) -> None:
    """In place of `time.sleep` where only the outcome matters."""
