"""The table of a run, on the terminal and in `bench/results/`."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Series

RESULTS = Path(__file__).parent / "results"
_HEADINGS = ("figure", "ours", "baseline", "ratio", "goal", "")


@dataclass(frozen=True)
class Machine:
    """What the figures were measured on; they compare within it only."""

    processor: str
    cores: int
    system: str
    python: str
    load: float

    def __str__(self) -> str:
        return (
            f"{self.processor}, {self.cores} cores, {self.system}, Python {self.python}, "
            f"load {self.load:.1f} at the start"
        )


def machine() -> Machine:
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        load=os.getloadavg()[0],
    )


def show(figures: Sequence[Figure], on: Machine, console: Console) -> None:
    """Print the table."""
    table = Table(title="Tenantry, side by side", caption=str(on))
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    for figure in figures:
        cells = _cells(figure)
        colour = {"met": "green", "missed": "red"}.get(cells[-1], "")
        table.add_row(*cells, style=colour)
    console.print(table)


def write(measured: Mapping[str, Sequence[Figure]], on: Machine, folder: Path = RESULTS) -> Path:
    """Add the benches of a run to the day's results; answers the page that shows them all."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    page = folder / f"{now:%Y-%m-%d}.md"
    stored: dict[str, Any] = {}
    data = page.with_suffix(".json")
    if data.exists():
        stored = json.loads(data.read_text())["benches"]
    for bench, figures in measured.items():
        stored[bench] = {
            "measured_at": now.isoformat(timespec="seconds"),
            "machine": asdict(on),
            "figures": [_stored(figure) for figure in figures],
        }
    data.write_text(json.dumps({"benches": stored}, indent=1, ensure_ascii=False) + "\n")
    page.write_text(_page(f"{now:%Y-%m-%d}", stored))
    if "cold-start" in stored:
        chart = page.with_name(f"{page.stem}-cold-start.svg")
        chart.write_text(_chart(stored["cold-start"]["figures"]))
    return page


def _cells(figure: Figure) -> tuple[str, ...]:
    met = {None: "", True: "met", False: "missed"}[figure.met]
    baseline = (
        f"{_value(figure.baseline, figure.unit)} ({figure.against})" if figure.baseline else ""
    )
    ratio = _value(figure.ratio, "x") if figure.ratio else ""
    goal = str(figure.goal) if figure.goal else ""
    if figure.goal and not figure.goal.of_ratio:
        goal += f" {figure.unit}"
    return figure.name, _value(figure.ours, figure.unit), baseline, ratio, goal, met


def _value(series: Series, unit: str) -> str:
    low, high = series.spread
    text = f"{_number(series.median)} {unit}" if unit != "x" else f"{_number(series.median)}x"
    return text if low == high else f"{text} [{_number(low)}-{_number(high)}]"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"  # noqa: PLR2004


def _stored(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "unit": figure.unit,
        "ours": [round(run, 3) for run in figure.ours.runs],
        "baseline": [round(run, 3) for run in figure.baseline.runs] if figure.baseline else None,
        "against": figure.against,
        "ratio": round(figure.ratio.median, 3) if figure.ratio else None,
        "goal": str(figure.goal) if figure.goal else None,
        "met": figure.met,
        "row": _cells(figure),
    }


def _page(day: str, benches: Mapping[str, Any]) -> str:
    lines = [f"# {day}", ""]
    lines += [
        "Medians of runs that took turns with their baseline on one machine, in brackets the "
        "middle half of the runs; a ratio is that of the two runs of a round. Made by "
        "`make bench`.",
    ]
    for name, bench in benches.items():
        on = Machine(**bench["machine"])
        lines += ["", f"## {name}", "", f"{bench['measured_at']}, {on}", ""]
        lines += ["| " + " | ".join(_HEADINGS) + " |", "|---|---|---|---|---|---|"]
        lines += ["| " + " | ".join(figure["row"]) + " |" for figure in bench["figures"]]
        if name == "cold-start":
            lines += ["", f"![Cold starts]({day}-cold-start.svg)"]
    return "\n".join(lines) + "\n"


_COLOURS = ("#2563eb", "#94a3b8", "#cbd5e1")
_LEFT, _BAR, _GAP, _WIDE = 230, 12, 16, 560


def _chart(figures: Sequence[Mapping[str, Any]]) -> str:
    """Bars of cold starts in milliseconds: ours, the usual stack with bytecode, as it is built."""
    rows: dict[str, dict[str, float]] = {}
    for figure in figures:
        row = rows.setdefault(figure["name"].removeprefix("cold start, "), {})
        row["ours"] = Series(tuple(figure["ours"])).median
        row[figure["against"]] = Series(tuple(figure["baseline"])).median
    kinds = ("ours", "usual stack, compiled", "usual stack")
    longest = max(value for row in rows.values() for value in row.values())
    height = 50 + len(rows) * (3 * _BAR + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDE + 80}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="100%" height="{height}" fill="white"/>',
    ]
    for number, kind in enumerate(kinds):
        x = _LEFT + number * 170
        parts.append(f'<rect x="{x}" y="10" width="10" height="10" fill="{_COLOURS[number]}"/>')
        parts.append(f'<text x="{x + 15}" y="19">{escape(kind)}, ms</text>')
    for at, (name, row) in enumerate(rows.items()):
        top = 36 + at * (3 * _BAR + _GAP)
        parts.append(
            f'<text x="{_LEFT - 8}" y="{top + 21}" text-anchor="end">{escape(name)}</text>'
        )
        for number, kind in enumerate(kinds):
            if kind not in row:
                continue
            y, width = top + number * _BAR, row[kind] / longest * _WIDE
            parts.append(
                f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR - 2}" '
                f'fill="{_COLOURS[number]}"/>'
            )
            parts.append(f'<text x="{_LEFT + width + 5:.1f}" y="{y + 9}">{row[kind]:.0f}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
