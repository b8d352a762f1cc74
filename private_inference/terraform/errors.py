"""The error that stops an export."""


class ExportError(Exception):
    """The program can't be written as Terraform; the message says what has no counterpart, where, and the remedy."""
