"""What is made from seed and index: the means that contacts and accounts share."""

from hashlib import blake2b

COMPANIES = ("initech", "umbrella", "stark", "wayne", "hooli", "vehement", "soylent", "tyrell")

MIX, MASK = 0x9E3779B1, 0xFFFFFFFF
UNMIX = pow(MIX, -1, MASK + 1)


def make_uuid(number: int, noise: bytes) -> str:
    """A random-looking UUID whose first group gives its number back."""
    text = noise.hex()
    return f"{number * MIX & MASK:08x}-{text[:4]}-4{text[4:7]}-8{text[7:10]}-{text[10:22]}"


def uuid_number(text: str) -> int:
    """The number that make_uuid hid, or -1; the caller compares the whole id."""
    try:
        return int(text[:8], 16) * UNMIX & MASK
    except ValueError:
        return -1


def number_after(prefix: str, text: str) -> int:
    """The number that a generated value ends in, or -1 for a value that can't have been generated."""
    digits = text.removeprefix(prefix)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else -1


def custom_value(slug: str, value) -> dict:
    """A custom field as the API gives it: lists as values, all else as value."""
    return {"slug": slug, "values": value} if isinstance(value, list) else {"slug": slug, "value": value}


def laid_out(start: int, rows: tuple) -> dict[str, tuple]:
    """Custom fields by slug, each with the place of its two bytes in the noise."""
    return {slug: (share, value, start + 2 * number) for number, (slug, share, value) in enumerate(rows)}


class Generator:
    """Objects as a function of seed and index, after some fixed ones; no state, the same for every version of Python.

    An object's class adds `made`, `made_field` and `digest`, and for each indexed field a `positions_by_…`.
    """

    # slug: how many of 256 objects have it, value from a 16 bit number, where in the noise that is
    custom: dict[str, tuple]

    def __init__(self, seed: str, size: int, fixed: list[dict], value) -> None:
        self.value = value
        self.key = blake2b(str(seed).encode()).digest()
        self.size = size
        self.fixed_records = fixed
        self.fixed = len(fixed)

    def noise(self, text: bytes) -> bytes:
        """64 random bytes."""
        return blake2b(text, key=self.key).digest()

    def record(self, index: int) -> dict:
        """An object with every member, None where nothing is set."""
        return self.fixed_records[index] if index < self.fixed else self.made(index)

    def field(self, index: int, name: str, noise: bytes):
        """One filterable value alone: a search over a million objects can't afford to make each of them whole."""
        return self.value(self.record(index), name) if index < self.fixed else self.made_field(index, name, noise)

    def custom_fields(self, noise: bytes) -> dict:
        """Each field takes two bytes: whether it is set, and to what."""
        return {slug: custom_value(slug, value(noise[at] << 8 | noise[at + 1]))
                for slug, (share, value, at) in self.custom.items() if noise[at] < share}

    def custom_entry(self, index: int, slug: str, noise: bytes) -> dict | None:
        """The same for one custom field."""
        if index < self.fixed:
            return self.record(index)["custom_fields"].get(slug)
        share, value, at = self.custom.get(slug, (0, None, 0))
        return custom_value(slug, value(noise[at] << 8 | noise[at + 1])) if noise[at] < share else None

    def positions_by_id(self, value: str) -> list[int]:
        """The number in the id."""
        return [uuid_number(value)]

    def positions(self, field: str, value: str) -> list[int]:
        """Where a generated object with this value can be: a superset, and never many."""
        found = list(range(min(self.fixed, self.size)))
        found += getattr(self, "positions_by_" + field)(value)
        return [index for index in dict.fromkeys(found) if 0 <= index < self.size]
