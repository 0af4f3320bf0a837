"""A letter in the layout: HTML for mail programs, and its text beside it.

`layout.html` is compiled from `layout.mjml` when the product is built (`tools/mail_layout.py`).
All text is escaped there, and nowhere else; nothing that somebody wrote is ever a template.
"""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from tenantry.mail.model import Brand, Letter, Mail
from tenantry.mail.text import one_line

FOLDER = Path(__file__).parent


def rendered(letter: Letter, brand: Brand, to: str) -> Mail:
    """The mail of `letter` to the address `to`."""
    subject = one_line(letter.subject)
    shown = {"letter": letter, "brand": brand, "subject": subject}
    return Mail(
        to=to,
        subject=subject,
        html=_template("layout.html").render(shown),
        text=_template("layout.txt").render(shown),
    )


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)
