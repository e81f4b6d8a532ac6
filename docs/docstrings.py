"""Docstrings are numpydoc, pages are Markdown: what the two write differently."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")
CITATION = re.compile(r"\[(\d+)\]_")
REFERENCE = re.compile(r"^\s*\.\. \[(\d+)\] ", re.MULTILINE)
REFERENCES_HEADING = re.compile(r"^References\n-+$", re.MULTILINE)


class PlainRoles(griffe.Extension):
    """Turn the roles and citations of reStructuredText into Markdown."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of anything that has one."""
        if obj.docstring:
            text = ROLE.sub(r"`\1`", obj.docstring.value)
            text = CITATION.sub(r"[\1]", text)
            text = REFERENCES_HEADING.sub("**References**\n", text)
            obj.docstring.value = REFERENCE.sub(r"- [\1] ", text)
