"""The errors that are said in one line: what a person can mend, and a run that failed for a known reason."""


class InputError(ValueError):
    """Bad usage or bad input: one line that names the file, row or field and says what to do.

    The command line prints it without a traceback and exits with code 2.
    """


class RunError(RuntimeError):
    """A run that failed though usage and input were right, such as a download without a network: one line.

    The command line prints it without a traceback and exits with code 1.
    """
