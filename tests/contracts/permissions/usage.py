"""Who may do what in usage."""

TABLE = """
    organization:usage      reads    Y Y - - -
"""
