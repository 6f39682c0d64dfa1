"""Errors for people: what is wrong, where, and what to do."""


class HornbookError(Exception):
    """A problem that the user can act on.

    The command line prints the message alone, without a traceback, and
    leaves with ``exit_code``. Everything else is a defect of ours and
    keeps its traceback.
    """

    exit_code = 1


class RecipeError(HornbookError):
    """A recipe or an option says something impossible."""


class DataError(HornbookError):
    """The text or the examples cannot be used as they are."""


class CorruptFileError(HornbookError):
    """A file is damaged, cut short, or of another version."""


class ModelError(HornbookError):
    """A model cannot be built, loaded, or expressed as asked."""


class MissingToolError(HornbookError):
    """A program or package is needed that is not installed."""


class NetworkError(HornbookError):
    """Something must be downloaded, and cannot be."""


class DiskError(HornbookError):
    """The disk is full, or a folder cannot be written."""


class RankError(HornbookError):
    """Another process of a shared training has ended."""


class Interrupted(HornbookError):
    """The user stopped the work; what was saved goes on from there."""

    exit_code = 130
