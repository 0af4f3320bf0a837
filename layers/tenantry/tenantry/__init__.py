"""Tenantry: the backend of a multi-tenant product, one package per bounded context."""
