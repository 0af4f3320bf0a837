"""Who may do what in organizations."""

TABLE = """
    members:leave           changes  Y Y Y Y Y
    members:permissions     changes  Y Y - - -
    members:read            reads    Y Y Y Y Y
    members:remove          changes  Y Y - - -
    members:roles           changes  Y Y - - -
    members:suspend         changes  Y Y - - -
    organization:domains    changes  Y Y - - -
    organization:read       reads    Y Y Y Y Y
    organization:settings   changes  Y Y - - -
    organization:update     changes  Y Y - - -
    ownership:transfer      changes  Y - - - -
    support:read            reads    Y Y - - -
"""
