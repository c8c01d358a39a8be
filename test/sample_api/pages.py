"""A page of anything: which items, what cursor, and the shape of the answer."""

import re

from errors import refuse

DEFAULT_LIMIT, MAX_LIMIT = 100, 999

# The tail needs percent-encoding in a URL: a client that pastes a cursor in as it is gets 400.
TAIL = "/+"
BEHIND_ALL = "after=999999999" + TAIL
CURSOR = re.compile(r"(after|offset)=(\d{1,15})" + re.escape(TAIL))


def checked_limit(value: int | None, largest: int) -> int:
    """Greater than 0 and, by the reference, less than 1000."""
    if value is None:
        return min(DEFAULT_LIMIT, largest)
    if not 0 < value <= largest:
        raise refuse(f"limit must be greater than 0 and less than {largest + 1}")
    return value


def limit_of_query(text: str | None, largest: int = MAX_LIMIT) -> int:
    """The limit of a GET request."""
    if text is not None and not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise refuse("limit must be an integer")
    return checked_limit(None if text is None else int(text), largest)


def limit_of_body(value, largest: int = MAX_LIMIT) -> int:
    """The limit of a search."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise refuse("limit must be an integer")
    return checked_limit(value, largest)


def cut_page(listing, cursor, limit: int, settings) -> tuple[list[int], str | None]:
    """The positions of a page, and the cursor of the next one if there is to be one."""
    limit = min(limit, settings.short_pages or limit)
    start, offset = start_of(cursor)
    if start == "after":
        found = listing.after(offset, limit + 1)
    else:
        found = listing.from_offset(offset, limit + 1)
    page = found[:limit]
    more = len(found) > limit or (settings.end_page == "trailing" and len(page) == limit)
    return page, next_cursor(page, start if cursor else settings.cursor, offset) if more else None


def start_of(cursor) -> tuple[str, int]:
    """Where a page begins."""
    if cursor is None or cursor == "":
        return "offset", 0
    match = CURSOR.fullmatch(cursor) if isinstance(cursor, str) else None
    if match is None:
        raise refuse("invalid cursor")
    return match[1], int(match[2])


def next_cursor(page: list[int], kind: str, offset: int) -> str:
    """Where the next page begins; a listing keeps the kind of cursor that it began with."""
    if kind == "offset":
        return f"offset={offset + len(page)}{TAIL}"
    return f"after={page[-1]}{TAIL}"


def pagination(cursor: str | None, settings) -> dict | None:
    """The pagination member; None where the last page has none."""
    if cursor is not None:
        return {"cursor": cursor, "has_next_page": True}
    return {
        "empty_cursor": {"cursor": "", "has_next_page": False},
        "null_cursor": {"cursor": None, "has_next_page": False},
        "no_pagination": None,
        "no_has_next": {"cursor": BEHIND_ALL},
    }[settings.last_page]
