"""Tenantry: the backend of a multi-tenant product, one package per bounded context."""

import gc

# A function makes its modules and clients once and keeps them: looking through them for garbage
# again and again while they are made is a twentieth of a cold start.
gc.set_threshold(50_000, 50, 100)
