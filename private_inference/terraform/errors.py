"""The error that stops an export."""


class ExportError(Exception):
    """The program can't be written as Terraform; the message names what has no counterpart, its place and a remedy."""
