"""Usage: warnings as limits come near, and the proof that counters are right.

For contexts that count rows of their own: `CounterProof` of `usage.service`, over a `RowCounter` of
theirs, in a scheduled function of theirs, proves and repairs a counter as `functions/usage` does.
"""
