"""Which numbers the large products use: bfloat16 where the CPU multiplies them in hardware.

Parameters, positive answers and evaluation are float32 in any case. Without such instructions
bfloat16 is emulated and slower than float32, so it is not used then.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from kgfeatures.errors import DataError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "bfloat16", "float32")
INSTRUCTIONS = ("amx_bf16", "avx512_bf16")


@cache
def cpu_instructions() -> tuple[str, ...]:
    """Return which of `INSTRUCTIONS` this CPU has; none where Linux does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    flags = next((line.split() for line in text.splitlines() if line.startswith("flags")), [])
    return tuple(name for name in INSTRUCTIONS if name in flags)


def resolve(precision: str) -> str:
    """Return "bfloat16" or "float32" for one of `PRECISIONS`.

    Raises
    ------
    DataError : no such precision.
    """
    if precision not in PRECISIONS:
        raise DataError(f"precision is {precision!r}; it must be one of {', '.join(PRECISIONS)}")
    if precision != "auto":
        return precision
    return "bfloat16" if cpu_instructions() else "float32"


def dtype(precision: str) -> torch.dtype:
    """Return torch's name of a precision."""
    import torch

    return torch.bfloat16 if resolve(precision) == "bfloat16" else torch.float32
