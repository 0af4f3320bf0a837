"""The layout of mails, compiled from MJML for the mail programs there are.

    python -m tools.mail_layout           write layout.html, when it has changed
    python -m tools.mail_layout --check   exit 1 when it is not current

No fonts are loaded from elsewhere: whoever opens a mail asks nobody for anything.
"""

import sys
from pathlib import Path

from mjml import mjml2html

FOLDER = Path(__file__).parents[1] / "layers" / "tenantry" / "tenantry" / "mail"
SOURCE, LAYOUT = FOLDER / "layout.mjml", FOLDER / "layout.html"


def compiled() -> str:
    """The layout as HTML; its placeholders stay, for Jinja to fill."""
    html: str = mjml2html(SOURCE.read_text(), fonts={}, disable_comments=True)
    return "\n".join(line.rstrip() for line in html.strip().splitlines()) + "\n"


def is_current() -> bool:
    return LAYOUT.exists() and LAYOUT.read_text() == compiled()


def main() -> int:
    if is_current():
        return 0
    if "--check" in sys.argv:
        print("layout.html is not what layout.mjml says. Run: make docs")
        return 1
    LAYOUT.write_text(compiled())
    return 0


if __name__ == "__main__":
    sys.exit(main())
