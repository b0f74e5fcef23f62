from __future__ import annotations

import pytest
from django.db import connection

from backoffice.databases import database
from backoffice.env import BadSetting


class TestDatabaseUrl:
    def test_names_a_sqlite_file(self) -> None:
        assert database("sqlite:////srv/shop%20one.db", pool_size=0)["NAME"] == "/srv/shop one.db"
        assert database("sqlite:///shop.db", pool_size=0)["NAME"] == "shop.db"
        assert database("sqlite://", pool_size=0)["NAME"] == ":memory:"

    def test_lets_sqlite_writers_queue(self) -> None:
        options = database("sqlite:////srv/shop.db", pool_size=0)["OPTIONS"]

        assert options["transaction_mode"] == "IMMEDIATE"
        assert options["timeout"] >= 5
        assert "journal_mode=WAL" in options["init_command"]

    def test_reads_a_server_with_odd_letters(self) -> None:
        settings = database("postgres://us%40er:p%3Ass@db.local:5433/shop?sslmode=require", pool_size=8)

        assert settings["ENGINE"] == "django.db.backends.postgresql"
        assert [settings[key] for key in ("USER", "PASSWORD", "HOST", "PORT", "NAME")] == [
            "us@er",
            "p:ss",
            "db.local",
            5433,
            "shop",
        ]
        assert settings["OPTIONS"]["sslmode"] == "require"
        assert settings["OPTIONS"]["pool"]["max_size"] == 8

    def test_says_that_there_is_no_database_before_a_gateway_stops_waiting(self) -> None:
        assert database("postgres:///shop", pool_size=8)["OPTIONS"]["pool"]["timeout"] < 5

    def test_hands_out_no_connection_that_a_restart_has_broken(self) -> None:
        assert database("postgres:///shop", pool_size=8)["CONN_HEALTH_CHECKS"]

    def test_opens_no_pool_of_size_zero(self) -> None:
        assert "pool" not in database("postgres:///shop", pool_size=0)["OPTIONS"]

    def test_tells_letters_apart_on_mariadb_in_tests_too(self) -> None:
        settings = database("mysql://root@127.0.0.1/shop", pool_size=8)

        assert settings["TEST"]["COLLATION"] == "utf8mb4_nopad_bin"
        assert "STRICT_TRANS_TABLES" in settings["OPTIONS"]["init_command"]

    def test_takes_another_collation_for_mysql(self) -> None:
        settings = database("mysql://root@127.0.0.1/shop?collation=utf8mb4_0900_bin", pool_size=8)

        assert settings["TEST"]["COLLATION"] == "utf8mb4_0900_bin"
        assert settings["OPTIONS"]["collation"] == "utf8mb4_0900_bin"

    @pytest.mark.parametrize(
        ("url", "sentence"),
        [
            ("mariadb://root@localhost/shop", "Write mysql://… instead"),
            ("oracle://shop", "“oracle”, which is no database here"),
            ("nonsense", "is no URL"),
            ("postgres://localhost:54x2/shop", "cannot be read"),
            ("postgres://localhost", "does not say which database"),
            ("mysql://localhost/", "does not say which database"),
            ("sqlite://shop.db", "names no SQLite file"),
            ("sqlite:///", "names no SQLite file"),
        ],
    )
    def test_refuses_what_it_cannot_use_in_a_sentence(self, url: str, sentence: str) -> None:
        with pytest.raises(BadSetting, match=r"^DATABASE_URL ") as refusal:
            database(url, pool_size=0)

        assert sentence in str(refusal.value)
        assert "Write " in str(refusal.value)

    def test_never_repeats_a_password(self) -> None:
        with pytest.raises(BadSetting) as refusal:
            database("mariadb://shop:hunter2@localhost/shop", pool_size=0)

        assert "hunter2" not in str(refusal.value)


@pytest.mark.django_db
class TestConnection:
    @pytest.mark.only_on("mysql")
    def test_compares_letters_by_their_bytes(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'abcD' = 'ABCd', '𠮷' = '😀', @@collation_database")
            assert list(cursor.fetchone()) == [0, 0, "utf8mb4_nopad_bin"]

    @pytest.mark.only_on("mysql")
    def test_refuses_to_cut_text_short(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@sql_mode")
            assert "STRICT_TRANS_TABLES" in cursor.fetchone()[0]

    @pytest.mark.only_on("postgresql")
    def test_waits_three_seconds_for_a_row_and_no_longer(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone() == ("3s",)

    @pytest.mark.only_on("sqlite")
    def test_waits_for_its_turn_to_write(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout")
            assert cursor.fetchone()[0] >= 5_000
        assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
