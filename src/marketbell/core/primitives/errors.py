"""The tree of errors. Each noun knows whether trying again can help.

MarketbellError
├── UserError              the person can mend it: exit code 2, or a 4xx at the edge
│   ├── InvalidSourceError     a file or folder that cannot be read as market data
│   ├── InvalidSettingError    a setting, option or environment variable
│   ├── InvalidRuleError       rule text; carries line and column
│   ├── NotFoundError          no such thing (or not yours)
│   ├── ConflictError          it exists already, or another holder has it
│   ├── ForbiddenError         the actor may not do this
│   ├── LoginNeededError       nobody has said who they are
│   └── TooManyRequestsError   more often than allowed
├── CorruptFrameError      bytes on the bus that fail their checksum or version
├── CheckpointError        a checkpoint that cannot be read
├── OvertakenError         somebody newer owns the shards: stop writing for them
└── UnavailableError       an outside system did not answer (retryable)
    ├── BusUnavailableError
    │   └── TopicLostError     the broker lost the topic: ask for its epoch, start anew
    ├── BusFullError           the bus refuses more: push back
    ├── StoreUnavailableError
    ├── FeedUnavailableError
    └── DeliveryError          a notification was not accepted
"""


class MarketbellError(Exception):
    """Something went wrong in Marketbell."""

    retryable = False
    code = "error"

    def __init__(self, message: str | None = None, **facts: object) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.facts = facts
        super().__init__(self.message)


class UserError(MarketbellError):
    """What was asked for cannot be done as it was asked."""

    code = "bad_request"


class InvalidSourceError(UserError):
    """This is not market data that Marketbell knows."""

    code = "invalid_source"


class InvalidSettingError(UserError):
    """A setting is missing or wrong."""

    code = "invalid_setting"


class InvalidRuleError(UserError):
    """The rule text cannot be read.

    `line` and `column` count from 1 and point at the offending token's first character.
    """

    code = "invalid_rule"

    def __init__(self, message: str, line: int, column: int, **facts: object) -> None:
        super().__init__(message, **facts)
        self.line = line
        self.column = column


class NotFoundError(UserError):
    """There is no such thing."""

    code = "not_found"


class ConflictError(UserError):
    """Somebody or something else holds it already."""

    code = "conflict"


class ForbiddenError(UserError):
    """The actor may not do this."""

    code = "forbidden"


class LoginNeededError(UserError):
    """Sign in first: open the one-time link, or send the owner's token."""

    code = "login_needed"


class TooManyRequestsError(UserError):
    """That was asked too often; wait a moment."""

    code = "too_many_requests"


class CorruptFrameError(MarketbellError):
    """A frame fails its checksum, or bears a version this program does not know."""

    code = "corrupt_frame"


class CheckpointError(MarketbellError):
    """A checkpoint cannot be read."""

    code = "bad_checkpoint"


class OvertakenError(MarketbellError):
    """A newer process owns these shards now."""

    code = "overtaken"


class UnavailableError(MarketbellError):
    """An outside system did not answer."""

    retryable = True
    code = "unavailable"


class BusUnavailableError(UnavailableError):
    """The bus did not answer."""


class TopicLostError(BusUnavailableError):
    """The topic, or the part of it that the offset names, is gone: ensure it, ask for its epoch, start anew."""

    code = "topic_lost"


class BusFullError(UnavailableError):
    """The bus takes no more for now."""


class StoreUnavailableError(UnavailableError):
    """The store did not answer."""


class FeedUnavailableError(UnavailableError):
    """The feed did not answer."""


class DeliveryError(UnavailableError):
    """A notification was not accepted. `permanent` says that trying again cannot help."""

    def __init__(self, message: str, *, permanent: bool = False, **facts: object) -> None:
        super().__init__(message, **facts)
        self.permanent = permanent
        self.retryable = not permanent
