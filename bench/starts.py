"""Benches of started and running functions: cold start, bytecode, and the CPU of a warm request."""

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.artifacts import Artifact, Baseline, BenchError, Ours
from bench.cases import CASES, Case
from bench.figures import Bound, Figure, Goal, Tick, interleaved, series
from bench.stub import running

_WARM_CALLS = 100
_WARM_ROUNDS = 3


def cold_start(build: Path, bound: Bound, tick: Tick) -> Iterator[Figure]:
    """Goal 1: process start to first answer, ours and the usual stack in turn."""
    ours, baseline = Ours(build), Baseline(tick)
    with running() as endpoint:
        for case in _built(ours, tick):
            start = _starter(case, endpoint, bound)
            measured = interleaved(
                {
                    "ours": start(ours.artifact(case)),
                    "usual stack": start(baseline.artifact(case, bytecode=False)),
                    "usual stack, compiled": start(baseline.artifact(case, bytecode=True)),
                },
                bound,
                tick,
                f"cold start of {case.name}",
            )
            for against, goal in (("usual stack", 3.0), ("usual stack, compiled", 1.5)):
                yield Figure(
                    f"cold start, {case.name}",
                    _unit(bound),
                    measured["ours"],
                    measured[against],
                    against,
                    Goal(goal, least=True),
                )


def bytecode(build: Path, bound: Bound, tick: Tick) -> Iterator[Figure]:
    """Goal 2: the artifact against itself without its bytecode; no module compiled at start."""
    ours = Ours(build)
    with running() as endpoint:
        for case in _built(ours, tick):
            start = _starter(case, endpoint, bound)
            measured = interleaved(
                {
                    "as built": start(ours.artifact(case)),
                    "no bytecode": start(ours.artifact(case, bytecode=False)),
                },
                bound,
                tick,
                f"bytecode of {case.name}",
            )
            yield Figure(
                f"bytecode, {case.name}",
                _unit(bound),
                measured["as built"],
                measured["no bytecode"],
                "without bytecode",
                Goal(1.8, least=True),
            )
            compiled = ours.artifact(case).start(case, endpoint, count_compiled=True)["compiled"]
            yield Figure(
                f"compiled at start, {case.name}",
                "modules",
                series([float(len(compiled))]),
                goal=Goal(0, least=False, of_ratio=False),
            )


def warm(build: Path, bound: Bound, tick: Tick) -> Iterator[Figure]:
    """Goal 3: CPU of a warm request beyond its AWS calls, the usual stack's beside it."""
    ours, baseline = Ours(build), Baseline(tick)
    few = Bound(min(bound.rounds, _WARM_ROUNDS), bound.seconds)
    with running() as endpoint:
        for case in _built(ours, tick):

            def cpu(artifact: Artifact, case: Case = case) -> Callable[[], float]:
                def run() -> float:
                    answer = artifact.start(case, endpoint, warm=_WARM_CALLS)
                    return float(statistics.median(answer["warm"]["own"]))

                return run

            measured = interleaved(
                {
                    "ours": cpu(ours.artifact(case)),
                    "usual stack": cpu(baseline.artifact(case, bytecode=True)),
                },
                few,
                tick,
                f"warm {case.name}",
            )
            yield Figure(
                f"warm request, {case.name}",
                "ms CPU",
                measured["ours"],
                measured["usual stack"],
                "usual stack",
                Goal(1.5, least=False, of_ratio=False),
            )


def _built(ours: Ours, tick: Tick) -> Iterator[Case]:
    cases = [case for case in CASES if ours.has(case)]
    if not cases:
        raise BenchError("the build has none of the functions that are measured")
    for case in CASES:
        if case not in cases:
            tick(f"{case.name}: {case.function} is not in this build")
    yield from cases


def _unit(bound: Bound) -> str:
    return "ms CPU" if bound.by_cpu else "ms"


def _starter(case: Case, endpoint: str, bound: Bound) -> Callable[[Artifact], Callable[[], float]]:
    def of(artifact: Artifact) -> Callable[[], float]:
        def run() -> float:
            started: dict[str, Any] = artifact.start(case, endpoint)
            return float(started["cpu"] / 1e6 if bound.by_cpu else started["first_answer"])

        return run

    return of
