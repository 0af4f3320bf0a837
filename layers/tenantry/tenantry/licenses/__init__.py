"""Licences: dated entitlements of an organisation to a product's services."""
