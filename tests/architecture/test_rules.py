"""Rules of the house that no linter knows: one door to message state, no rag-bag modules, no machine in the source."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "picha").rglob("*.py"))
DOOR = ROOT / "src" / "picha" / "gateway" / "store" / "ledger"

_STATE = "message|attempt|evidence|decision"
WRITES_STATE = re.compile(
    rf"\b(?:INSERT\s+INTO|UPDATE(?:\s+ONLY)?|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE(?:\s+TABLE)?|COPY)\s+"
    rf'(?:public\.)?"?(?:{_STATE})\b',
    re.IGNORECASE,
)
BANNED_NAMES = frozenset(
    ("utils", "helpers", "common", "misc", "base", "core", "manager", "service", "handler", "processor")
)
# Hosts that packages come from, and folders of the machine that this was written on.
MACHINE = re.compile(
    r"pypi\.org|pythonhosted|files\.python|npmjs|crates\.io|proxy\.golang|ghcr\.io|docker\.io|conda\.anaconda"
    r"|/work/|/root/|/home/\w+/|/Users/"
)


def written() -> Iterator[Path]:
    """Return every text that is ours and that people get: sources, tests, tools, documents."""
    for folder in ("src", "tests", "docs", "bench", "tools"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".md", ".sql", ".toml", ".html", ".css", ".js", ".json"} and path.is_file():
                yield path


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO message (id)", "UPDATE message SET", "update  attempt set", "DELETE FROM evidence WHERE",
        "INSERT\n    INTO evidence", "INSERT INTO decision (", 'UPDATE "message" SET', "UPDATE ONLY public.message SET",
    ],
)  # fmt: skip
def test_the_rule_sees_a_statement_that_writes_state(statement: str) -> None:
    assert WRITES_STATE.search(statement)


def test_the_rule_lets_other_tables_be() -> None:
    for statement in (
        "UPDATE message_template SET",
        "FOR NO KEY UPDATE OF message",
        "SELECT FROM message",
        "UPDATE lane",
    ):
        assert not WRITES_STATE.search(statement), statement


def test_message_state_is_written_in_the_ledger_alone() -> None:
    writers = {path for path in SOURCES if WRITES_STATE.search(path.read_text())}

    assert writers, "the rule found nobody who writes, so it sees nothing"
    assert [str(path) for path in sorted(writers) if DOOR not in path.parents] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {path.relative_to(ROOT): {path.stem, path.parent.name} for path in SOURCES}

    assert SOURCES
    assert [str(path) for path, words in names.items() if words & BANNED_NAMES] == []


def test_no_text_of_ours_names_a_package_registry_or_the_machine_it_was_written_on() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in written()
        if path != Path(__file__)
        for match in MACHINE.finditer(path.read_text(errors="replace"))
    ]

    assert found == []


def test_a_test_module_has_one_name_whoever_loads_it() -> None:
    # Loaded by another name beside, its counters would count twice: two messages had one id that way.
    assert __name__ == "tests.architecture.test_rules"
