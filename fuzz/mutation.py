"""Sound files made unsound: bytes, words of a text, values of JSON; for the other modules."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Change = Callable[[bytes], bytes]

WORDS = (
    "", " ", "0", "-1", "1.5", "nan", "-inf", "1e309", "1e-320", "9" * 400, "0x" + "f" * 5000,
    "2147483648", "9223372036854775808", "1_0", "١٢", "null", "true", "[]", "{}", '"x"',
    "../../../../etc/passwd", "/etc/passwd", "/dev/zero", "file:///etc/passwd", "a/../b", "x" * 300,
    "\0", "\r", "\ufeff", "\u202e", "é", "&amp;", "<!DOCTYPE x [<!ENTITY a 'b'>]>", "&a;", "#", "@",
    "!!python/object/apply:os.system ['true']", "*a", "&a [*a]", "<<: *a", "%s%n", "{0.__class__}",
)  # fmt: skip
"""What goes wrong in texts of labels."""

VALUES = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, 1e308, -1e308, 0.5, 1e-320, "", "x", "\0",
    "nan", "../../a.png", "/etc/passwd", "\ud800", "a\nb", "x" * 5000, [], {}, [[]], [1, 2, 3, 4],
    [None] * 4, ["1"] * 4, [1e308] * 4, {"a": {}}, float("nan"), float("inf"),
)  # fmt: skip
"""What goes wrong in JSON."""

DEEP = "[" * 3000 + "]" * 3000
PARTS = re.compile(rb"[^\s<>\"':,\[\]{}]+")
KINDS = ("cut", "flip", "drop", "repeat", "insert")


@st.composite
def damage(draw: st.DrawFn) -> Change:
    """Draw a change of bytes, anywhere."""
    kind, at = draw(st.sampled_from(KINDS)), draw(st.floats(0, 1))
    length, extra = draw(st.integers(1, 64)), draw(st.binary(min_size=1, max_size=16))

    def change(content: bytes) -> bytes:
        start = int(at * len(content))
        end = start + length
        parts = {
            "cut": content[:start],
            "flip": content[:start] + extra + content[start + len(extra) :],
            "drop": content[:start] + content[end:],
            "repeat": content[:start] + content[start:end] * 50 + content[end:],
            "insert": content[:start] + extra + content[start:],
        }
        return parts[kind]

    return change


@st.composite
def other_word(draw: st.DrawFn) -> Change:
    """Draw a change of a word of a text."""
    at = draw(st.floats(0, 1, exclude_max=True))
    word = draw(st.sampled_from(WORDS) | st.text(max_size=8)).encode(errors="surrogatepass")

    def change(content: bytes) -> bytes:
        places = [match.span() for match in PARTS.finditer(content)]
        if not places:
            return word
        start, end = places[int(at * len(places))]
        return content[:start] + word + content[end:]

    return change


@st.composite
def other_value(draw: st.DrawFn) -> Change:
    """Draw a change of a value of JSON: another one, none, or a list of many."""
    at, kind = draw(st.floats(0, 1, exclude_max=True)), draw(st.sampled_from("vvvvdk"))
    simple = st.sampled_from(VALUES) | st.integers() | st.floats() | st.text(max_size=5)
    value = draw(simple | st.lists(simple, max_size=9))

    def change(content: bytes) -> bytes:
        try:
            whole = json.loads(content)
        except (ValueError, RecursionError):
            return content
        places = list(_places(whole))
        if places:
            container, key = places[int(at * len(places))]
            if kind == "d":
                del container[key]
            elif kind == "k" and isinstance(container, dict):
                container[str(value)[:50]] = container.pop(key)
            else:
                container[key] = value
        return json.dumps(whole).encode()

    return change


def deepen(content: bytes) -> bytes:
    """Put brackets without end in place of the last number."""
    places = [match.span() for match in PARTS.finditer(content)] or [(0, 0)]
    start, end = places[-1]
    return content[:start] + DEEP.encode() + content[end:]


def changes(*kinds: st.SearchStrategy[Change]) -> st.SearchStrategy[list[Change]]:
    """Return a strategy of a few changes, one after another."""
    return st.lists(st.one_of(*kinds, st.just(deepen)), min_size=1, max_size=3)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place of a JSON value, however deep: its container and its key."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        keys = range(len(value)) if isinstance(value, list) else value
        for key in keys if isinstance(value, list | dict) else ():
            yield value, key
            waiting.append(value[key])
