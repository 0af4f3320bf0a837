"""Who may use the doors of licenses."""

from tests.e2e.door import OPERATORS, Field

_LICENSE = """organizationId: "MISSING", enterpriseId: "e-1", productId: "p-1", serviceId: "s-1",
  startDate: "2026-11-01", endDate: "2027-10-31", contactFullName: "Ada",
  contactEmail: "ada@example.com", reason: "doors\""""

FIELDS = {
    "licenses": Field("query { licenses { items { id } } }", "ADMIN"),
    "entitled": Field('query { entitled(productId: "p-1") { entitled } }', "VIEWER"),
    "createLicense": Field(
        f"mutation {{ createLicense(input: {{{_LICENSE}}}) {{ id }} }}", OPERATORS
    ),
    "renewLicense": Field(
        """mutation { renewLicense(input: {organizationId: "MISSING", licenseId: "MISSING",
          endDate: "2028-10-31", reason: "doors"}) { id } }""",
        OPERATORS,
    ),
    "revokeLicense": Field(
        """mutation { revokeLicense(input: {organizationId: "MISSING", licenseId: "MISSING",
          reason: "doors"}) { id } }""",
        OPERATORS,
    ),
}

ROUTES = {("GET", "/api/entitlements"): "VIEWER"}
