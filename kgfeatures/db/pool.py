"""At most four connections per process, opened by the thread that needs one.

psycopg_pool opens them in background threads: the reason why a server cannot be reached does
not get to the caller, who learns after a timeout that there is none, and its reconnecting
would restart an embedded server that was stopped on purpose. Here errors surface at once.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING

import psycopg
from psycopg.pq import TransactionStatus

from kgfeatures.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection
    from psycopg.rows import TupleRow

SIZE = 4
WAIT_SECONDS = 30.0


class Pool:
    """Connections that are used again; one that died (server restarted) is replaced.

    Parameters
    ----------
    open_connection : returns a new connection, ready for use.
    size : how many there may be at once.
    wait_seconds : how long `take` waits for one when all are lent.
    """

    def __init__(
        self,
        open_connection: Callable[[], Connection[TupleRow]],
        size: int = SIZE,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._open = open_connection
        self._size = size
        self._wait_seconds = wait_seconds
        self._start()

    def take(self) -> Connection[TupleRow]:
        """Lend a connection that works; `give_back` must follow.

        Raises
        ------
        BusyError : all are lent, and none came back while waiting.
        psycopg.OperationalError : the server cannot be reached.
        """
        if self._process_id != os.getpid():
            self._start()
        free = self._free
        if not free.acquire(timeout=self._wait_seconds):
            raise BusyError(
                f"all {self._size} connections of this process have been in use for "
                f"{self._wait_seconds:.0f} s; end the transactions that hold them"
            )
        try:
            return self._idle_one() or self._open()
        except BaseException:
            free.release()
            raise

    def give_back(self, conn: Connection[TupleRow]) -> None:
        """Take back a lent connection; one left in a transaction is closed."""
        if conn.pgconn.transaction_status == TransactionStatus.IDLE:
            conn.autocommit = False
            self._idle.append(conn)
        else:
            conn.close()
        self._free.release()

    def close(self) -> None:
        """Close the connections that nobody uses; `take` opens new ones."""
        if self._process_id == os.getpid():
            _close_all(self._idle)

    def _start(self) -> None:
        # A forked child must not use, nor close, its parent's connections: it starts anew.
        self._inherited = getattr(self, "_idle", None)
        self._process_id = os.getpid()
        self._idle: list[Connection[TupleRow]] = []
        self._free = threading.BoundedSemaphore(self._size)
        weakref.finalize(self, _close_all, self._idle)

    def _idle_one(self) -> Connection[TupleRow] | None:
        while True:
            try:
                conn = self._idle.pop()
            except IndexError:
                return None
            if _answers(conn):
                return conn
            conn.close()


def _answers(conn: Connection[TupleRow]) -> bool:
    try:
        conn.autocommit = True
        conn.execute("")
        conn.autocommit = False
    except psycopg.Error:
        return False
    return True


def _close_all(connections: list[Connection[TupleRow]]) -> None:
    while connections:
        connections.pop().close()
