"""Who may use the doors of audit."""

from tests.e2e.door import Field

_SPAN = 'from: "2026-01-01T00:00:00Z", to: "2035-01-01T00:00:00Z"'

FIELDS = {
    "activity": Field("query { activity { items { type } } }", "MANAGER"),
    "auditLog": Field("query { auditLog { items { type sourceIp } } }", "ADMIN"),
    "auditExport": Field('query { auditExport(id: "MISSING") { state } }', "ADMIN"),
    "auditExports": Field("query { auditExports { items { state } } }", "ADMIN"),
    "requestAuditExport": Field(
        f"mutation {{ requestAuditExport(input: {{format: CSV, {_SPAN}}}) {{ id }} }}", "ADMIN"
    ),
    "requestComplianceReport": Field(
        f"mutation {{ requestComplianceReport(input: {{format: PDF, {_SPAN}}}) {{ id }} }}", "ADMIN"
    ),
    "cancelAuditExport": Field('mutation { cancelAuditExport(id: "MISSING") { state } }', "ADMIN"),
    "verifyAudit": Field(
        'query { verifyAudit(from: "2026-03-02T00:00:00Z", to: "2026-03-03T00:00:00Z")'
        " { verified } }",
        "ADMIN",
    ),
}
