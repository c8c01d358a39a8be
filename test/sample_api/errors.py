"""The one exception of the API side, which becomes an error answer."""


class ApiError(Exception):
    """An answer other than success; `code` is given in era C alone."""

    def __init__(self, status: int, message: str, code: str = "invalid_request", headers: dict | None = None,
                 **members) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = headers or {}
        self.members = members


def refuse(message: str) -> ApiError:
    """The commonest one: the request is wrong."""
    return ApiError(400, message)
