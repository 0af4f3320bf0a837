"""Usage: warnings as limits come near, and the proof that counters are right.

A context whose rows count against a limit registers a `RowCounter` of them in a module of its own,
`bootstrap/counting.py`; see "How a context takes a limit" in docs/operations.md.
"""
