"""Words that every interface uses in its messages. Knows no interface."""


def plural(count: int, one: str, many: str = "") -> str:
    """So many things: "1 file", "3 files". `many` is for a word that does not get an s."""
    return f"{count} {one if count == 1 else many or one + 's'}"
