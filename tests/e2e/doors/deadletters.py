"""Who may use the doors of deadletters."""

from tests.e2e.door import OPERATORS, Field

FIELDS = {
    "deadLetters": Field("query { deadLetters { name waiting } }", OPERATORS),
    "redriveDeadLetters": Field(
        'mutation { redriveDeadLetters(input: {name: "MISSING"}) { moved } }', OPERATORS
    ),
}
