"""Who may do what, as it is meant: typed here by hand, and taken from nowhere else.

Y: the role may. The second column says whether it changes something.
"""

ROLES = ("OWNER", "ADMIN", "MANAGER", "MEMBER", "VIEWER")

TABLE = """
    activity:read           reads    Y Y Y - -
    organization:domains    changes  Y Y - - -
    organization:read       reads    Y Y Y Y Y
    organization:settings   changes  Y Y - - -
    organization:update     changes  Y Y - - -
"""

EXPECTED = {
    (name, role): (allowed == "Y", effect == "changes")
    for name, effect, *row in map(str.split, TABLE.strip().splitlines())
    for role, allowed in zip(ROLES, row, strict=True)
}
