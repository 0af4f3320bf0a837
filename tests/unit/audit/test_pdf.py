"""The report as PDF: every text is shown, none is markup, pages are numbered, charts are drawn."""

from datetime import UTC, datetime

import pypdfium2
import pytest

from tenantry.audit.pdf import markup, render
from tenantry.audit.reporting import EVENT_COLUMNS, Document, Section
from tests.support.naughty_strings import ALL

NAUGHTY = [text for text in ALL if text.encode(errors="ignore").decode() == text]
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def document(*cells: str, title: str = "Acme") -> Document:
    rows = tuple(("2026-03-02", "MemberJoined", cell, "", "", "", cell) for cell in cells)
    return Document(
        organization=title,
        from_=datetime(2024, 1, 1, tzinfo=UTC),
        to=AT,
        made_at=AT,
        made_by="Ada",
        sections=(Section("Changes of access", EVENT_COLUMNS, rows, "A note.", is_cut=True),),
        by_month={"Changes of access": {"2026-03": len(rows)}},
        by_role={"OWNER": 1},
    )


def pages(content: bytes) -> list[str]:
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(content)]


def test_every_naughty_text_in_one_report_is_laid_out() -> None:
    found = pages(render(document(*NAUGHTY, title=NAUGHTY[0])))

    assert len(found) > 5
    assert f"Page {len(found)} of {len(found)}" in found[-1]
    assert f"Changes of access ({len(NAUGHTY)})" in found[0]
    assert "Cut after" in found[-1]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<b>bold</b> & <font>", "<b>bold</b> & <font>"),
        ("Ωμέγα Ирина", "Ωμέγα Ирина"),
        ("株式会社", "株式会社"),
        ("🚀", "[U+1F680]"),
    ],
)
def test_a_text_is_shown_as_it_is_or_by_its_numbers(text: str, shown: str) -> None:
    assert shown in pages(render(document(text)))[0].replace("\r\n", "")


def test_what_people_wrote_is_no_markup() -> None:
    assert markup("<a href='x'>&") == "&lt;a href='x'&gt;&amp;"


def test_a_report_without_rows_says_none() -> None:
    assert "None." in pages(render(document()))[0]
