"""Lists of recipients in files, as people have them: a table with a head of names, or JSON Lines."""

import csv
import io
import json
from pathlib import Path

from picha.cli.asking import refuse

COLUMNS = ("to", "conversation_id", "caption", "client_reference")


def read(path: Path) -> list[dict[str, object]]:
    """Return the recipients in a file; end the program with 1 where it holds none, or something else.

    `.csv` has a first line that names its columns, of which those that are none of ours are left out; anything else is
    read as JSON Lines.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        refuse(f"{path} is not UTF-8: save it as UTF-8.")
    except OSError as problem:
        refuse(f"{path}: {problem.strerror or problem}")
    found = _table(path, text) if path.suffix.lower() == ".csv" else _lines(path, text)
    if not found:
        refuse(f"{path} names nobody.")
    return found


def _table(path: Path, text: str) -> list[dict[str, object]]:
    first = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    names = [name.strip().lower() for name in rows.fieldnames or ()]
    if not {"to", "conversation_id"} & set(names):
        refuse(f"{path} has no column `to` or `conversation_id`: name the columns in its first line.")
    rows.fieldnames = names
    return [
        {name: value.strip() for name, value in row.items() if name in COLUMNS and value and value.strip()}
        for row in rows
    ]


def _lines(path: Path, text: str) -> list[dict[str, object]]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
        except ValueError:
            one = None
        if not isinstance(one, dict):
            refuse(f"{path}, line {number}, is no JSON object.")
        found.append({name: value for name, value in one.items() if name in COLUMNS})
    return found
