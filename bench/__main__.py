"""Measure Tenantry side by side with what it is held against.

    python -m bench                     everything (minutes)
    python -m bench cold-start warm     some of it
    python -m bench --list              what there is

Every pair takes turns in one run on one machine: only ratios mean something, milliseconds move.
What was measured is printed as one table and added to the day's page in bench/results/.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "layers" / "tenantry"))

from bench import builds, credentials, provisioning, report, starts, units  # noqa: E402 - the product's path first
from bench.artifacts import BenchError  # noqa: E402
from bench.figures import Bound, Figure, Tick  # noqa: E402

type Bench = Callable[[Path, Bound, Tick], Iterator[Figure]]

BENCHES: dict[str, Bench] = {
    "cold-start": starts.cold_start,
    "bytecode": starts.bytecode,
    "warm": starts.warm,
    "credentials": credentials.credentials,
    "units": units.units,
    "builds": builds.builds,
    "commands": builds.commands,
    "provisioning": provisioning.provisioning,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benches that are named; 1 when one could not be measured, whatever it showed."""
    options = _parser().parse_args(arguments)
    console = Console()
    if options.list:
        for name, bench in BENCHES.items():
            console.print(f"[bold]{name:12}[/bold] {(bench.__doc__ or '').splitlines()[0]}")
        return 0
    on = report.machine()
    bound = Bound(options.rounds, options.seconds, by_cpu=options.cpu)
    measured: dict[str, list[Figure]] = {}
    failed = False
    with console.status("") as status:

        def tick(what: str) -> None:
            status.update(escape(what))

        for name in options.names or BENCHES:
            figures = measured.setdefault(name, [])
            try:
                for figure in BENCHES[name](options.build, bound, tick):
                    figures.append(figure)
                    console.print(
                        f"[dim]{escape(figure.name)}: {figure.ours.median:.3g} {figure.unit}"
                    )
            except BenchError as error:
                failed = True
                console.print(f"[red]{name}: {escape(str(error))}")
            if figures and not options.dry:
                # At once: what follows may take minutes, or be broken off.
                page = report.write({name: figures}, on)
                console.print(f"{name} is in {page.relative_to(ROOT)}")
    report.show([figure for figures in measured.values() for figure in figures], on, console)
    return int(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*BENCHES, []])
    parser.add_argument("--list", action="store_true", help="list the benches")
    parser.add_argument("--rounds", type=int, default=7, help="of each pair (default: 7)")
    parser.add_argument(
        "--seconds", type=float, default=120, help="for a pair at most, after three rounds"
    )
    parser.add_argument(
        "--build", type=Path, default=ROOT / ".aws-sam" / "build", help="what sam build wrote"
    )
    parser.add_argument(
        "--cpu", action="store_true", help="measure starts in CPU time: for a machine that is busy"
    )
    parser.add_argument("--dry", action="store_true", help="print only, write no results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
