import asyncpg
import psycopg


def test_each_test_gets_a_database_with_the_newest_schema(database: str, empty_database: str) -> None:
    count = b"SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    with psycopg.connect(database) as migrated, psycopg.connect(empty_database) as empty:
        tables = [connection.execute(count).fetchone() for connection in (migrated, empty)]

    assert tables[0] is not None
    assert tables[0][0] > 5
    assert tables[1] == (0,)


async def test_asyncpg_opens_the_database_of_a_test(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        assert str(await connection.fetchval("SELECT current_database()")).startswith("test_")
    finally:
        await connection.close()
