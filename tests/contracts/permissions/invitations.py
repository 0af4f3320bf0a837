"""Who may do what in invitations."""

TABLE = """
    invitation:link         changes  Y Y - - -
    invitation:read         reads    Y Y Y - -
    invitation:send         changes  Y Y Y - -
"""
