import psycopg


def test_embedded_server_answers_as_an_owner_who_is_no_superuser(server_dsn):
    with psycopg.connect(server_dsn) as conn:
        row = conn.execute(
            "select current_user, rolsuper from pg_roles where rolname = current_user"
        ).fetchone()
    assert row == ("kgf_owner", False)
