"""The one error that a person can mend: bad usage or bad input."""


class InputError(ValueError):
    """Bad usage or bad input: one line that names the file, row or field and says what to do.

    The command line prints it without a traceback and exits with code 2.
    """
