"""What contexts say in their mails, by language: words with gaps, and what fills them anywhere."""

from dataclasses import dataclass
from string import Template
from typing import Final

HELLO: Final = {"en": "Hello,", "de": "Hallo,"}
SOMEBODY: Final = {"en": "Somebody", "de": "Jemand"}
DATE: Final = {"en": "%d %B %Y, %H:%M UTC", "de": "%d.%m.%Y, %H:%M Uhr (UTC)"}


@dataclass(frozen=True)
class Words:
    """One occasion in one language; `$...` are names, dates and numbers."""

    subject: str
    lead: str
    action: str = ""
    closing: str = ""
    facts: tuple[str, ...] = ()
    """A paragraph each, below the lead."""

    def filled(self, **values: str) -> "Words":
        """KeyError for a gap that nothing fills."""

        def fill(text: str) -> str:
            return Template(text).substitute(values)

        return Words(
            subject=fill(self.subject),
            lead=fill(self.lead),
            action=fill(self.action),
            closing=fill(self.closing),
            facts=tuple(fill(each) for each in self.facts),
        )
