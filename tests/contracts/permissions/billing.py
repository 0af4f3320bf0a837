"""Who may do what in billing."""

TABLE = """
    billing:manage   changes  Y - - - -
    billing:pay      reads    Y - - - -
    billing:read     reads    Y Y - - -
"""
