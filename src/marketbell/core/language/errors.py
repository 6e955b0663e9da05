"""All that is wrong with a text, at once."""

from collections.abc import Sequence

from marketbell.core.primitives.errors import InvalidRuleError, UserError

SYNTAX = "syntax"
NAME = "name"
TYPE = "type"
LIMIT = "limit"
NOT_YET = "not_yet_supported"


class RuleErrors(UserError):  # noqa: N818 — it is several
    """The errors of one text, in the order of their positions."""

    code = "invalid_rule"

    def __init__(self, errors: Sequence[InvalidRuleError]) -> None:
        self.errors = sorted(errors, key=lambda error: (error.line, error.column))
        first = self.errors[0]
        more = f" (and {len(self.errors) - 1} more)" if len(self.errors) > 1 else ""
        super().__init__(
            f"{first.line}:{first.column}: {first.message}{more}",
            field="text",
            errors=[
                {"line": e.line, "column": e.column, "message": e.message, "reason": e.facts.get("reason", SYNTAX)}
                for e in self.errors
            ],
        )
