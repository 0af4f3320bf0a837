"""Who may do what in accounts."""

TABLE = """
    account:manage          changes  Y - - - -
    account:read            reads    Y - - - -
"""
