"""Who may do what in licenses."""

TABLE = """
    licenses:ask            reads    Y Y Y Y Y
    licenses:read           reads    Y Y - - -
"""
