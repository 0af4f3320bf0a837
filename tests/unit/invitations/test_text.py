"""What people write, through an invitation into its mail and back (row 24)."""

from tenantry.errors import InvalidInputError
from tests.support.invitations import Acme
from tests.support.naughty_strings import REFUSED, TEXTS, as_kept


def test_a_message_comes_as_it_was_written_to_the_mail_and_back_or_is_refused(acme: Acme) -> None:
    acme.change_organization(plan="ENTERPRISE")
    written: dict[str, str] = {}
    refused: dict[str, InvalidInputError] = {}
    for number, text in enumerate((*TEXTS, *REFUSED)):
        email = f"p{number}@example.com"
        try:
            made = acme.invite(email, message=text)
        except InvalidInputError as error:
            refused[text] = error
            continue
        assert made.message == as_kept(text), ascii(text)
        assert acme.stored(made).message == as_kept(text)
        written[email] = as_kept(text)

    acme.deliver()

    for email, text in written.items():
        [mail] = acme.mailbox.to(email)
        quoted = "\n".join(f"> {line}" for line in text.split("\n"))
        assert quoted in mail.text, ascii(text)
        assert mail.subject == "Ada invites you to Acme & Söhne"
    assert len(written) > 100
    assert set(REFUSED) <= refused.keys()
    for text, refusal in refused.items():
        assert [fault["field"] for fault in refusal.faults] == ["message"], ascii(text)
        assert str(refusal).isprintable()
