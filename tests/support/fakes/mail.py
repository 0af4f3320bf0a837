"""A mailbox in place of a mail service."""

from dataclasses import dataclass, field

from tenantry.errors import UnavailableError
from tenantry.mail.model import Mail


@dataclass
class Mailbox:
    """Keeps what is sent; `down` takes nothing."""

    sent: list[Mail] = field(default_factory=list)
    down: bool = False

    def send(self, mail: Mail) -> None:
        if self.down:
            raise UnavailableError("down")
        self.sent.append(mail)

    def to(self, address: str) -> list[Mail]:
        return [mail for mail in self.sent if mail.to == address]
