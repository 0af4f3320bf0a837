"""Who may do what in organizations."""

TABLE = """
    organization:domains    changes  Y Y - - -
    organization:read       reads    Y Y Y Y Y
    organization:settings   changes  Y Y - - -
    organization:update     changes  Y Y - - -
"""
