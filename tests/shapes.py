"""The sentences that a source file says, with %1, %2 … for their values: what translators see."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path


def shape(node: ast.expr) -> str | None:
    """Return a text's shape, None for what is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    made, number = "", 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            made += str(part.value)
        elif isinstance(part, ast.FormattedValue) and not is_nearest(part.value):
            number += 1
            made += f"'%{number}'" if part.conversion == ord("r") else f"%{number}"
    return made


def said_to(files: Iterator[Path], function: str) -> Iterator[str]:
    """Give the shape of the first argument of each call of a function, by its name's pattern."""
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and node.args
                and re.search(function, ast.unparse(node.func))
            ):
                found = shape(node.args[0])
                if found:
                    yield found


def is_nearest(node: ast.expr) -> bool:
    """Return whether this is errors.nearest, which is translated apart."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith("nearest")
