"""Why an export cannot be made, in words for the person who asked for it."""


class ExportRefused(ValueError):
    """The export cannot be made as asked; the text says what to do."""
