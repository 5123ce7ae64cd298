"""What a piece of work costs this process: wall-clock and CPU seconds, and the most memory held."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

_STATUS, _PAGES = Path("/proc/self/status"), Path("/proc/self/statm")
SECONDS_BETWEEN_LOOKS = 0.05


class Cost:
    """Seconds count from its making on, memory from `watch` until `stop`.

    The kernel's mark of the highest memory belongs to the whole life of the process, and setting
    it back would falsify what others read from it. So it is believed where it rose meanwhile;
    else a thread's looks at the memory in use, twenty a second, stand for it.
    """

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._cpu_began = time.process_time()
        self._mark_before: int | None = None
        self._seen = 0
        self._stopped = threading.Event()

    def watch(self) -> None:
        """Begin to look at the memory in use."""
        self._mark_before = _high_mark()
        if self._mark_before is not None:
            threading.Thread(target=self._look, daemon=True).start()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds until now."""
        return time.perf_counter() - self._began

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of this process until now."""
        return time.process_time() - self._cpu_began

    def stop(self) -> int | None:
        """End the watch and return the most memory held, in bytes; None where nothing tells."""
        self._stopped.set()
        mark = _high_mark()
        if mark is None or self._mark_before is None:
            return None
        return mark if mark > self._mark_before else max(self._seen, _in_use())

    def _look(self) -> None:
        while not self._stopped.wait(SECONDS_BETWEEN_LOOKS):
            self._seen = max(self._seen, _in_use())


def _high_mark() -> int | None:
    """Return the most memory that the process ever held, in bytes; None without /proc."""
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:")), None)


def _in_use() -> int:
    """Return the memory that the process holds now, in bytes; 0 without /proc."""
    try:
        pages = int(_PAGES.read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
