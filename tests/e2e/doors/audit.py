"""Who may use the doors of audit."""

from tests.e2e.door import Field

FIELDS = {
    "activity": Field("query { activity { items { type } } }", "MANAGER"),
    "auditLog": Field("query { auditLog { items { type sourceIp } } }", "ADMIN"),
}
