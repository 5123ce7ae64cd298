"""The server's configuration, derived from the machine at each start.

Moderate on purpose: the database shares the machine with training and JupyterLab. On 24 GB of RAM
it gets 512 MB of shared buffers and 256 MB to build an index with.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgfeatures.db.embedded.home import Network

MB = 1 << 20
CONFIGURATION = "kgfeatures.conf"
# Docker gives containers 64 MB of /dev/shm; a parallel index build asks for all of
# maintenance_work_mem there and fails. Below this size shared memory lies in the data directory.
ENOUGH_SHARED_MEMORY = 1024 * MB
CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)

POSTGRESQL_CONF = f"""\
# kgfeatures writes {CONFIGURATION} anew at each start. Settings of your own go below it: they win.
include = '{CONFIGURATION}'
"""

# Nobody reaches the superuser over TCP; over the socket the map says who may be whom.
HBA_CONF = """\
# type  database  user  address       method
local   all       all                 peer map=kgfeatures
host    all       kgf   127.0.0.1/32  reject
host    all       all   127.0.0.1/32  scram-sha-256
"""


def memory_bytes() -> int:
    """Return the memory this machine or container may use, in bytes."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [physical]
    for path in CGROUP_LIMITS:
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            limits.append(int(text))
    return min(limits)


def shared_memory_type() -> str:
    """Return where PostgreSQL should put memory that parallel workers share."""
    try:
        found = os.statvfs("/dev/shm")  # noqa: S108  nothing is written there
    except OSError:
        return "posix"  # macOS has no /dev/shm and no such limit
    return "posix" if found.f_blocks * found.f_frsize >= ENOUGH_SHARED_MEMORY else "mmap"


def configuration(socket_directory: Path, network: Network, memory: int, cores: int) -> str:
    """Return the text of the configuration file.

    Parameters
    ----------
    socket_directory : where the socket goes; the server's user owns it, mode 0700.
    network : the port, and whether to listen on 127.0.0.1.
    memory : bytes that the machine has, as `memory_bytes` gives.
    cores : processors that the machine has.
    """
    workers = max(1, min(4, cores // 2))
    values = {
        "listen_addresses": "127.0.0.1" if network.tcp else "",
        "port": str(network.port),
        "unix_socket_directories": str(socket_directory),
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "password_encryption": "scram-sha-256",
        # An HNSW search touches a thousand pages anywhere in the index: 384 numbers of 200,000 keys
        # take 400 MB, and with less than that most of a search is copying them from the page cache.
        "shared_buffers": share(memory, 16, 64, 2048),
        "effective_cache_size": share(memory, 2, 256, 1 << 20),
        "work_mem": share(memory, 768, 8, 32),
        "maintenance_work_mem": share(memory, 96, 64, 256),
        "dynamic_shared_memory_type": shared_memory_type(),
        "max_parallel_maintenance_workers": str(workers),
        "max_parallel_workers_per_gather": str(workers),
        "wal_level": "minimal",  # bulk loads into new tables skip the log; still crash-safe
        "max_wal_senders": "0",
        "max_wal_size": "2GB",
        "wal_compression": "on",
        "random_page_cost": "1.1",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "datestyle": "iso, ymd",
        "lc_messages": "C",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_checkpoints": "off",
    }
    lines = [f"{name} = '{quoted(value)}'" for name, value in values.items()]
    return "\n".join(["# Written by kgfeatures at each start; do not edit.", *lines, ""])


def share(memory: int, part: int, least: int, most: int) -> str:
    """Return a part of the memory in MB, within bounds given in MB, as PostgreSQL writes it."""
    return f"{max(least, min(most, memory // part // MB))}MB"


def quoted(value: str) -> str:
    """Return a value as it stands between single quotes in postgresql.conf."""
    return value.replace("\\", "\\\\").replace("'", "''")


def ident_conf(system_users: list[str]) -> str:
    """Return pg_ident.conf: the given operating-system users may be any of the three roles."""
    lines = [
        f'kgfeatures "{user}" {role}'
        for user in system_users
        for role in ("kgf", "kgf_owner", "kgf_reader")
    ]
    return "\n".join(["# map  system-user  role", *lines, ""])
