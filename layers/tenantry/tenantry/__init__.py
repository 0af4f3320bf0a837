"""Tenantry: the backend of a multi-tenant product, one package per bounded context."""

import gc

# A function makes its modules and clients once and keeps them: looking through them for garbage
# while they are made is a twentieth of a cold start. A start makes fewer objects than this; what a
# function holds in garbage cycles before the first look is some 30 MB at most.
gc.set_threshold(200_000, 20, 50)
