"""Who may use the doors of usage."""

from tests.e2e.door import Field

FIELDS = {
    "usage": Field("query { usage { users { used limit percent } } }", "ADMIN"),
    "storageUsage": Field("query { storageUsage(first: 1) { items { day bytes } } }", "ADMIN"),
}

ROUTES = {("GET", "/api/usage"): "ADMIN"}
