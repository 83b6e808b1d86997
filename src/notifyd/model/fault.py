"""A row that cannot be sent as it is: which field, and what is wrong with it.

A fault's text goes into the table's `error` column and into logs. It is built from our own words alone, never from
the row's values: those may be personal data, and may hold characters that PostgreSQL refuses.
"""


class Fault(Exception):  # noqa: N818 - the word of the contract
    """What is wrong with one field of a row, or with the template it asks for. Permanent: trying again cannot help.

    Attributes:
        field: Where the fault stands, e.g. `payload.data.clientEmail`, `type` or `template reminder_2h/sms.txt line 3`.
        problem: What is wrong, as a sentence without its subject, and the cure where it is not obvious.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem
