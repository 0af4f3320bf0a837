"""The compliance report as a PDF, by ReportLab and the fonts that its layer carries.

DejaVu Sans writes Latin, Greek, Cyrillic, Arabic, Hebrew and more, Droid Sans Fallback Chinese,
Japanese and Korean. A character that neither has is shown by its number, so that nothing is lost.
Text that runs from right to left is not shaped: it is complete, in the order of its letters.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import as_file, files
from itertools import groupby
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.graphics.charts.barcharts import HorizontalBarChart, VerticalBarChart
from reportlab.graphics.charts.legends import Legend
from reportlab.graphics.shapes import Drawing, String
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    KeepTogether,
    LongTable,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    TableStyle,
)

from tenantry.audit.reporting import Document, Section

_FONTS: Final = {
    "Text": "DejaVuSans.ttf",
    "Text-Bold": "DejaVuSans-Bold.ttf",
    "Fallback": "DroidSansFallbackFull.ttf",
}
_INK, _QUIET, _LINE, _BAND = map(HexColor, ("#1c2733", "#5b6876", "#c9d1d9", "#f3f6f9"))
_COLOURS: Final = [HexColor(c) for c in ("#2f6db5", "#d98324", "#4f9d69", "#b0413e", "#7a5ea8")]
_MARGIN: Final = 14 * mm
_PADDING: Final = 6
"""Of ReportLab's frames, in points."""
_WIDTH: Final = landscape(A4)[0] - 2 * (_MARGIN + _PADDING)
_SHARES: Final[Mapping[int, tuple[float, ...]]] = {
    1: (1.0,),
    6: (0.22, 0.28, 0.10, 0.10, 0.15, 0.15),
    7: (0.12, 0.165, 0.14, 0.105, 0.14, 0.10, 0.23),
}
_MOST_MONTHS: Final = 24
_MOST_UPRIGHT: Final = 12
"""Names of months that stand beside each other; more are slanted."""
_STYLE = ParagraphStyle("text", fontName="Text", fontSize=7.5, leading=9.5, textColor=_INK)


def render(document: Document) -> bytes:
    """`document` as a PDF: figures and charts first, then a table for each section."""
    _register()
    body: list[Flowable] = [
        _text(f"Compliance report: {document.organization}", size=17, bold=True),
        Spacer(1, 2 * mm),
        _text(
            f"{document.from_:%Y-%m-%d %H:%M} to {document.to:%Y-%m-%d %H:%M} UTC · made "
            f"{document.made_at:%Y-%m-%d %H:%M} UTC by {document.made_by}",
            size=9,
            colour="#5b6876",
        ),
        Spacer(1, 5 * mm),
        _charts(document),
    ]
    for section in document.sections:
        body += _section(section)
    file = io.BytesIO()
    SimpleDocTemplate(
        file,
        pagesize=landscape(A4),
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN + 4 * mm,
        title="Compliance report",
        author="",
    ).build(body, canvasmaker=_numbered(document))
    return file.getvalue()


def markup(text: str, font: str = "Text") -> str:
    """`text` for a paragraph: nothing in it is markup, and each character has a font."""
    return "".join(
        run if name == font else f'<font name="{name}">{run}</font>'
        for name, run in _runs(text, font)
    )


def _runs(text: str, font: str) -> Iterator[tuple[str, str]]:
    glyphs = {name: _glyphs(name) for name in (font, "Fallback")}

    def placed(character: str) -> tuple[str, str]:
        if character in "\n\r\t":
            return font, " "
        for name, known in glyphs.items():
            if ord(character) in known:
                return name, character
        return font, f"[U+{ord(character):04X}]"

    for name, run in groupby(map(placed, text), key=lambda each: each[0]):
        yield name, escape("".join(shown for _, shown in run))


@cache
def _register() -> None:
    for name, file in _FONTS.items():
        with as_file(files("report_fonts") / file) as path:
            pdfmetrics.registerFont(TTFont(name, str(path)))


@cache
def _glyphs(font: str) -> frozenset[int]:
    _register()
    known: Any = pdfmetrics.getFont(font)
    return frozenset(known.face.charToGlyph)


def _text(text: str, *, size: float = 7.5, bold: bool = False, colour: str = "") -> Paragraph:
    font = "Text-Bold" if bold else "Text"
    style = _STYLE.clone("x", fontName=font, fontSize=size, leading=size * 1.27)
    if colour:
        style.textColor = HexColor(colour)
    return Paragraph(markup(text, font), style)


def _section(section: Section) -> list[Flowable]:
    count = len(section.rows)
    head: list[Flowable] = [
        Spacer(1, 7 * mm),
        _text(f"{section.title} ({count})", size=11, bold=True),
    ]
    if section.note:
        head.append(_text(section.note, colour="#5b6876"))
    head.append(Spacer(1, 2 * mm))
    if not section.rows:
        return [KeepTogether([*head, _text("None.")])]
    table: list[list[Flowable]] = [[_text(name, bold=True) for name in section.columns]]
    table += ([_text(cell) for cell in row] for row in section.rows)
    shares = _SHARES[len(section.columns)]
    grid = LongTable(table, colWidths=[share * _WIDTH for share in shares], repeatRows=1)
    grid.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, _INK),
                ("LINEBELOW", (0, 1), (-1, -1), 0.3, _LINE),
                ("ROWBACKGROUNDS", (0, 1), (-1, -1), [None, _BAND]),
                ("LEFTPADDING", (0, 0), (-1, -1), 3),
                ("RIGHTPADDING", (0, 0), (-1, -1), 3),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ]
        )
    )
    cut = f"Cut after {count} rows: export the log for all of them."
    return [*head, grid, *([_text(cut, bold=True)] if section.is_cut else [])]


def _charts(document: Document) -> Drawing:
    height = 52 * mm
    drawing = Drawing(_WIDTH, height)
    _months(drawing, document, 0, _WIDTH * 0.64, height)
    _roles(drawing, document, _WIDTH * 0.70, _WIDTH * 0.30, height)
    return drawing


def _months(drawing: Drawing, document: Document, left: float, width: float, height: float) -> None:
    """What happened in each month, a colour for each kind."""
    months = _months_of(document)
    drawing.add(_label("What happened, by month", left, height - 9))
    chart: Any = VerticalBarChart()
    chart.x, chart.y = left + 22, 30
    chart.width, chart.height = width - 30, height - 52
    kinds = list(document.by_month)
    chart.data = [[document.by_month[kind].get(month, 0) for month in months] for kind in kinds]
    chart.categoryAxis.categoryNames = months
    chart.categoryAxis.style = "stacked"
    chart.groupSpacing = 4
    _axes(chart, max(1, *(sum(column) for column in zip(*chart.data, strict=True))))
    slanted = len(months) > _MOST_UPRIGHT
    chart.categoryAxis.labels.angle = 60 if slanted else 0
    chart.categoryAxis.labels.boxAnchor = "ne" if slanted else "n"
    for number in range(len(kinds)):
        chart.bars[number].fillColor = _COLOURS[number % len(_COLOURS)]
        chart.bars[number].strokeColor = None
    drawing.add(chart)
    legend: Any = Legend()
    legend.x, legend.y = left + 22, 9
    legend.fontName, legend.fontSize = "Text", 7
    legend.columnMaximum, legend.deltax, legend.dxTextSpace = 1, 100, 4
    legend.dx = legend.dy = 6
    legend.strokeWidth = 0
    legend.alignment = "right"
    legend.colorNamePairs = [
        (_COLOURS[number % len(_COLOURS)], kind) for number, kind in enumerate(kinds)
    ]
    drawing.add(legend)


def _roles(drawing: Drawing, document: Document, left: float, width: float, height: float) -> None:
    """How many people have which role."""
    drawing.add(_label("People, by role", left, height - 9))
    roles = [r for r in ("VIEWER", "MEMBER", "MANAGER", "ADMIN", "OWNER") if r in document.by_role]
    if not roles:
        return
    chart: Any = HorizontalBarChart()
    chart.x, chart.y = left + 46, 18
    chart.width, chart.height = width - 60, height - 40
    chart.data = [[document.by_role[role] for role in roles]]
    chart.categoryAxis.categoryNames = roles
    _axes(chart, max(document.by_role.values()))
    chart.bars[0].fillColor, chart.bars[0].strokeColor = _COLOURS[0], None
    chart.barLabels.fontName, chart.barLabels.fontSize = "Text", 7
    chart.barLabelFormat = "%d"
    chart.barLabels.nudge = 7
    drawing.add(chart)


def _axes(chart: Any, most: int) -> None:
    step = max(1, -(-most // 5))
    chart.valueAxis.valueMin, chart.valueAxis.valueMax = 0, step * -(-most // step)
    chart.valueAxis.valueStep = step
    for axis in (chart.valueAxis, chart.categoryAxis):
        axis.labels.fontName, axis.labels.fontSize = "Text", 6.5
        axis.labels.fillColor = axis.strokeColor = _QUIET
        axis.strokeWidth = 0.4


def _label(text: str, x: float, y: float) -> String:
    return String(x, y, text, fontName="Text-Bold", fontSize=8.5, fillColor=_INK)


def _months_of(document: Document) -> list[str]:
    """The months of the report, the latest ones when there are many."""
    months: list[str] = []
    year, month = document.from_.year, document.from_.month
    last = f"{document.to:%Y-%m}"
    while (name := f"{year:04}-{month:02}") <= last:
        months.append(name)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)  # noqa: PLR2004
    return months[-_MOST_MONTHS:]


def _numbered(document: Document) -> Callable[..., Canvas]:
    """A canvas that writes the foot of each page once their number is known."""

    class Numbered(Canvas):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._pages: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802 - ReportLab's name
            self._pages.append(dict(self.__dict__))
            self._startPage()  # type: ignore[attr-defined]  # upstream's own, for this purpose

        def save(self) -> None:
            for number, page in enumerate(self._pages, 1):
                self.__dict__.update(page)
                self._foot(number, len(self._pages))
                super().showPage()
            super().save()

        def _foot(self, number: int, count: int) -> None:
            self.setFont("Text", 7)
            self.setFillColor(_QUIET)
            self.drawString(
                _MARGIN + _PADDING, 9 * mm, f"Made {document.made_at:%Y-%m-%d %H:%M} UTC"
            )
            right = landscape(A4)[0] - _MARGIN - _PADDING
            self.drawRightString(right, 9 * mm, f"Page {number} of {count}")

    return Numbered
