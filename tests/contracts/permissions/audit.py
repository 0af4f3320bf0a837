"""Who may do what in audit."""

TABLE = """
    activity:read           reads    Y Y Y - -
"""
