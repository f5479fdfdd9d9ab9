"""Why the moderation database refuses something: errors that a service can tell apart and answer by."""

from toxres.errors import InputError


class UnknownComment(InputError):
    """No comment has this id."""


class NotClaimed(InputError):
    """The moderator has no claim on the comment: it is another's, or nobody's."""


class AlreadyDecided(InputError):
    """The comment, or another with its text, is decided; only a correction changes that."""
