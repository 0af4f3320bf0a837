"""Who may do what in accounts."""

TABLE = """
    account:credentials     changes  Y - - - -
    account:manage          changes  Y - - - -
    account:read            reads    Y - - - -
"""
