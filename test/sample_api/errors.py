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


def already_exists(settings, kind, field: str, exists_id: str) -> ApiError:
    """The refusal of a duplicate; kind is the object's type."""
    article = "An" if kind.noun[0] in "aeiou" else "A"
    words = {"external_ids": "external id", "domains": "domain"}.get(field, field)
    return ApiError(int(settings.duplicate_status), f"{article} {kind.noun} with this {words} already exists!",
                    "already_exists", exists_id=exists_id)
