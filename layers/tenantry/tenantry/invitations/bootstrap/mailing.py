"""Mails that follow from events; once each, as far as that can be."""

from datetime import timedelta
from functools import cache

from tenantry.bootstrap import platform_table, stamp
from tenantry.invitations.bootstrap.repository import invitations_in
from tenantry.invitations.mails import InvitationMails
from tenantry.mail.bootstrap import brand, mailer
from tenantry.mail.rendering import rendered
from tenantry.messaging.dynamodb import DynamoDBMarkers
from tenantry.messaging.once import Once

LEASE = timedelta(seconds=60)
"""Twice as long as the function may run; the queue hands a message out again later than that."""


@cache
def invitation_mails() -> InvitationMails:
    return InvitationMails(
        invitations=invitations_in(platform_table()),
        mailer=mailer(),
        brand=brand(),
        rendered=rendered,
        once=Once(
            DynamoDBMarkers(platform_table()),
            "invitations-mails",
            LEASE,
            stamp().now,
        ),
        now=stamp().now,
    )
