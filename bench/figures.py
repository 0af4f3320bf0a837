"""A measured figure: ours beside what it is held against, run by run, and the goal."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

type Tick = Callable[[str], None]
"""Told in a few words what is being measured."""


@dataclass(frozen=True)
class Goal:
    """At least or at most `bound`: of the ratio, or of our own figure."""

    bound: float
    least: bool
    of_ratio: bool = True

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.bound:g}{'x' if self.of_ratio else ''}"

    def met(self, figure: "Figure") -> bool:
        reached = figure.ratio.median if self.of_ratio and figure.ratio else figure.ours.median
        return reached >= self.bound if self.least else reached <= self.bound


@dataclass(frozen=True)
class Series:
    """The runs of one thing."""

    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    @property
    def spread(self) -> tuple[float, float]:
        """The middle half of the runs."""
        if len(self.runs) < 2:  # noqa: PLR2004 - a spread needs two
            return self.runs[0], self.runs[0]
        low, _, high = statistics.quantiles(self.runs, n=4, method="inclusive")
        return low, high


@dataclass(frozen=True)
class Figure:
    """`inverse` turns the ratio round: ours over the baseline, for overheads."""

    name: str
    unit: str
    ours: Series
    baseline: Series | None = None
    against: str = ""
    goal: Goal | None = None
    inverse: bool = False

    @property
    def ratio(self) -> Series | None:
        """How many times the baseline takes of ours, run by run: both of one round."""
        if self.baseline is None:
            return None
        pairs = zip(self.ours.runs, self.baseline.runs, strict=True)
        return Series(tuple(o / b if self.inverse else b / o for o, b in pairs))

    @property
    def met(self) -> bool | None:
        return self.goal.met(self) if self.goal else None


@dataclass(frozen=True)
class Bound:
    """How often each thing is measured, and for how long at most: three rounds always."""

    rounds: int = 7
    seconds: float = 120
    by_cpu: bool = False
    """Starts are measured in processor time, which other work on the machine moves less."""


LEAST_ROUNDS = 3


def interleaved(
    variants: Mapping[str, Callable[[], float]], bound: Bound, tick: Tick, name: str
) -> dict[str, Series]:
    """Measure every variant once a round, in an order that turns, after one round for nothing."""
    started = time.monotonic()
    runs: dict[str, list[float]] = {variant: [] for variant in variants}
    names = list(variants)
    for number in range(bound.rounds + 1):
        if number > LEAST_ROUNDS and time.monotonic() - started > bound.seconds:
            break
        turn = number % len(names)
        for variant in names[turn:] + names[:turn]:
            tick(f"{name}: {variant}, round {number} of {bound.rounds}")
            measured = variants[variant]()
            if number:
                runs[variant].append(measured)
    return {variant: Series(tuple(values)) for variant, values in runs.items()}


def mean_microseconds(work: Callable[[], object], times: int) -> float:
    """What `work` takes, over `times` calls in a row."""
    started = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - started) / times * 1e6


def series(values: Sequence[float]) -> Series:
    return Series(tuple(values))
