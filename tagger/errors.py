"""Mistakes that a person can mend. Each says what was found; its hint says what to do.

Anything else (a wrong shape, a broken invariant) stays a plain Python error and crashes visibly.
"""

COLUMNS_SHOWN, NAME_SHOWN = 20, 60  # of a table with hundreds of columns; characters of a name


class TaggerError(Exception):
    """The base of every mistake that a person can mend."""

    hint = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class UnreadableFileError(TaggerError):
    """A file cannot be read as a statement at all."""

    hint = "Export the statement again as CSV, and check that the file opens in a spreadsheet."


class OneColumnError(UnreadableFileError):
    """A file has a single column that cannot be a description: most likely its delimiter was not found."""

    hint = "Columns must be separated by a comma, semicolon, tab or pipe. Check how your file separates them."

    def __init__(self, delimiter: str) -> None:
        super().__init__(f"Only one column was found with the delimiter {delimiter!r}.")


class MissingColumnError(TaggerError):
    """A statement lacks a column the tagger needs."""

    hint = "Choose the column by hand, or rename it in the file."

    def __init__(self, message: str, found: list[str], *, hint: str | None = None) -> None:
        shown = [name if len(name) <= NAME_SHOWN else f"{name[:NAME_SHOWN]}…" for name in found[:COLUMNS_SHOWN]]
        more = f" and {len(found) - len(shown):,} more" if len(found) > len(shown) else ""
        super().__init__(f"{message} Columns found: {', '.join(shown) or 'none'}{more}.", hint=hint)
        self.found = found


class EncoderError(TaggerError):
    """The encoder's weights are missing or are not what they should be."""

    hint = "Run `make setup` again, or name another encoder with TAGGER_ENCODER."


class TrainingError(TaggerError):
    """There is not enough to learn from."""

    hint = "Review more transactions, then train again."


class NotFoundError(TaggerError):
    """A run, label, batch or transaction that does not exist was named."""


class LabelError(TaggerError):
    """A label's name cannot be used."""


class BusyError(TaggerError):
    """Another job holds the lease."""

    hint = "Wait until it has finished, or stop it."


class ThresholdsFileError(TaggerError):
    """A file is not what `tagger thresholds export` writes."""

    hint = "Write one with `tagger thresholds export OUT`, and change only its thresholds."


class MovedMeanwhileError(TaggerError):
    """What was to be saved is not what a person saw when they asked for it."""

    hint = "Look at the sliders as they stand now, and save again."


class CancelledError(TaggerError):
    """A person stopped the job."""

    hint = "Nothing was changed. Start it again when you are ready."


class BundleError(TaggerError):
    """A run on disk cannot be read by this version."""

    hint = "Promote another run or roll back, then discard this one; or update Transaction Tagger."


class StorageError(TaggerError):
    """The disk or the database refuses to take something."""


class SettingError(TaggerError):
    """An option or environment variable has a value that means nothing."""
