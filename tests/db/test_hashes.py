"""Content hashes kept by triggers: always that of the rows, whatever was done to the table."""

from __future__ import annotations

import pytest

KEPT = "select ops.table_hash('ops.watched')"
COMPUTED = """
select n || ':' || hash_sum from ops.hash_rows('ops.watched', ops.hashed_columns('ops.watched'))
"""
STANDING = """
select count(*) from ops.table_state
where target = 'ops.watched'::regclass and signature = ops.hash_signature('ops.watched')
"""
FILL = "insert into ops.watched select i, 'row ' || i, now() from generate_series(1, 9) as i"
CHANGES = [
    "insert into ops.watched values (10, 'ten', null), (11, null, now())",
    "update ops.watched set words = words || '!' where n < 4",
    "update ops.watched set n = n where false",
    "delete from ops.watched where n % 2 = 0",
    "delete from ops.watched",
    "insert into ops.watched values (1, 'x', now()) on conflict (n) do update set words = 'y'",
    """merge into ops.watched as w using (values (1), (12)) as g (n) on w.n = g.n
    when matched then update set words = 'm' when not matched then insert (n) values (g.n)""",
]
BEHIND_THE_BACK = [
    "truncate ops.watched",
    "truncate ops.watched; insert into ops.watched values (5, 'five', null)",
    """alter table ops.watched disable trigger user; update ops.watched set words = 'other';
    alter table ops.watched enable trigger user""",
    """alter table ops.watched disable trigger keep_hash_delete;
    delete from ops.watched where n = 3;
    alter table ops.watched enable always trigger keep_hash_delete""",
    "alter table ops.watched alter column words type text using upper(words)",
    "alter table ops.watched add column more int default 7",
    "alter table ops.watched drop column words",
    "alter table ops.watched rename column words to zz",
    "drop trigger keep_hash_update on ops.watched; update ops.watched set words = 'z'",
    "update ops.table_state set signature = 'x', hash_sum = 1",
]


@pytest.fixture
def watched(conn):
    conn.execute("create table ops.watched (n int primary key, words text, at timestamptz)")
    conn.execute("select ops.watch_hash('ops.watched')")
    conn.execute(FILL)
    return conn


def scalar(conn, statement):
    return conn.execute(statement).fetchone()[0]


@pytest.mark.parametrize("change", CHANGES)
def test_a_kept_hash_is_that_of_the_rows(watched, change):
    assert scalar(watched, STANDING) == 1
    watched.execute(change)
    assert scalar(watched, STANDING) == 1
    assert scalar(watched, KEPT) == scalar(watched, COMPUTED)


@pytest.mark.parametrize("change", BEHIND_THE_BACK)
def test_what_triggers_do_not_see_makes_the_hash_be_computed(watched, change):
    watched.execute(change)
    assert scalar(watched, KEPT) == scalar(watched, COMPUTED)
    watched.execute("delete from ops.watched where n = 1")
    assert scalar(watched, KEPT) == scalar(watched, COMPUTED)


def test_what_is_rolled_back_is_not_in_the_hash(watched):
    before = scalar(watched, KEPT)
    watched.execute("savepoint here")
    watched.execute("delete from ops.watched")
    watched.execute("rollback to here")
    assert scalar(watched, KEPT) == before == scalar(watched, COMPUTED)


def test_a_sessions_settings_do_not_change_the_hash(watched):
    before = scalar(watched, KEPT)
    watched.execute("set local timezone = 'Asia/Shanghai'; set local datestyle = 'German'")
    assert scalar(watched, COMPUTED) == before
    watched.execute("update ops.watched set at = at + interval '1 hour' where n = 2")
    assert scalar(watched, KEPT) == scalar(watched, COMPUTED) != before
