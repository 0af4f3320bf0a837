"""Who may do what in audit."""

TABLE = """
    activity:read           reads    Y Y Y - -
    audit:export            reads    Y Y - - -
    audit:read              reads    Y Y - - -
    audit:verify            reads    Y Y - - -
"""
