"""What a request is refused with, for whatever stands below the embedded AWS's server, which puts it in AWS's form."""


class RefusedError(Exception):
    """A request that is refused: HTTP status, AWS's error code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
