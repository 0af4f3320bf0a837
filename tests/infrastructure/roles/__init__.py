"""What each function's role may do, typed by hand: a module a context.

`ROLES` holds (action, resource) by function, beyond a function's own logs and traces; `KEYS`, where
a role is held to partitions of the platform table, every (action, key) of it; `INDEX_KEYS` the same
for the table's indexes, as (index, key).
"""
