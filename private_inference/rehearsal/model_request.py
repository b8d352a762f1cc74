"""What a model's container says of a request that it does not answer."""

from http import HTTPStatus


class ModelRequestError(Exception):
    """The model refuses a request: the status that its container answers with, and why."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
