"""Writes the two pages about the sandbox: what of the Cloud API it covers, and its control API."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from picha.sandbox.graph.roads import ROADS
from picha.sandbox.graph.signposts import SECTIONS, Signpost
from picha.sandbox.manual import tables
from picha.sandbox.manual.curl import Operation, operations
from picha.sandbox.manual.fields import fields_of, parameter_field, prose_of
from picha.sandbox.manual.openapi import CONTROL
from picha.sandbox.manual.schemas import kinds_in
from picha.sandbox.manual.tables import Table
from tools.sandbox_probe import COLUMNS, Probe, probe
from tools.tables import table

_NOT_COVERED = {
    ("GET", "/{phone_number_id}/settings"): "storage region, calling",
    ("GET", "/{phone_number_id}/whatsapp_business_profile"): "the business profile",
    ("POST", "/{phone_number_id}/request_code"): "verification codes",
    ("POST", "/{phone_number_id}/deregister"): "deregistration",
    ("POST", "/{phone_number_id}/marketing_messages"): "marketing messages",
    ("GET", "/{phone_number_id}/message_history"): "message history",
    ("POST", "/{phone_number_id}/groups"): "groups by Graph",
    ("POST", "/{waba_id}/message_templates"): "writing templates",
    ("GET", "/{waba_id}/flows"): "flows",
    ("GET", "/{waba_id}/assigned_users"): "users of the account",
    ("POST", "/{app_id}/uploads"): "resumable uploads",
    ("GET", "/me"): "the token's own user",
}
"""Calls of the Cloud API that have no road, each with what it is for. The page shows how a sandbox refuses them."""

_TESTS = Path(__file__).parent.parent / "tests" / "journeys"
_TESTED_IN = {
    "Messages": (
        "test_sandbox_graph.py",
        "test_sandbox_links.py",
        "test_sandbox_groups.py",
        "test_sandbox_magic_numbers.py",
        "test_sandbox_limits.py",
        "test_sandbox_boundaries.py",
        "test_sandbox_switches.py",
    ),
    "Media": (
        "test_sandbox_media.py",
        "test_sandbox_boundaries.py",
        "test_sandbox_control.py",
        "test_sandbox_odd_wishes.py",
    ),
    "Numbers, account and app": (
        "test_sandbox_onboarding.py",
        "test_sandbox_graph.py",
        "test_sandbox_limits.py",
        "test_sandbox_block_list.py",
    ),
    "Where webhooks go": ("test_sandbox_onboarding.py", "test_sandbox_webhooks.py", "test_sandbox_numbers.py"),
}
_UNTAKEN = 131051

_INTRO = """What of Meta's Cloud API `picha sandbox` does, and what not. `/_sandbox/docs` of a running sandbox shows
each call with its fields and a command to paste. `tests/journeys/test_sandbox_docs.py` runs every one of those commands
and holds the answers to the description.
"""
_OUT = """Beside these, `{"status": "read"}` marks a received message as read, with a typing indicator or without.
"""
_WEBHOOKS = """Every webhook is signed over its exact bytes, with all that is not ASCII escaped (`X-Hub-Signature-256`).
One item comes in a POST, unless trouble with `batch` asks for more. The number's address wins over the account's, and
that over the app's. Anything but 200 is tried again, rarer and rarer. The `field` of an echo is `smb_message_echoes`,
that of all else `messages`.

The members of `value`, by what is told of: `both` is in both dialects, `2026` and `2025` in that one alone.
"""


def coverage() -> str:
    """What of the Cloud API is covered, what is not, and how that is answered."""
    found = probe(tuple(_NOT_COVERED))
    parts = [
        f"# What the sandbox covers\n\n{_INTRO}\n## Calls\n\nEvery version in the path is served, and none.\n",
        *_calls(),
        "\n## Calls that are not covered\n\nGraph's error envelope answers them, as it does any path that is none.\n\n",
        table(("call", "what for", "answer"), _not_covered(found)),
        f"\n## Messages to people\n\n{_OUT}\n",
        table(("type", "taken"), _types_out(found)),
        f"\n## Messages from people\n\n`POST /_sandbox/inbound` has them written: {found.people_write}.\n",
        f"\n## Webhooks\n\n{_WEBHOOKS}\n",
        table(("member", *COLUMNS), _members(found)),
        f"\n## Magic recipients\n\n{tables.MAGIC} What each code asks for: [Meta's codes](meta-codes.md).\n\n",
        _shown(tables.recipients()),
        f"\n## Limits\n\n{tables.LIMITS} Meta publishes no rate for uploads; this one is ours.\n",
        *("\n" + _shown(make()) for make in (tables.rates, tables.sizes, tables.lives)),
    ]
    return "".join(parts)


def _calls() -> Iterator[str]:
    for section, posts in SECTIONS.items():
        missing = [name for name in _TESTED_IN[section] if not (_TESTS / name).exists()]
        if missing:
            raise FileNotFoundError(f"no such tests: {missing}")
        tests = ", ".join(f"`{name}`" for name in _TESTED_IN[section])
        rows = [row for name, post in posts.items() for row in _rows(name, post)]
        yield f"\n### {section}\n\n{table(('call', 'what it does', 'checked', 'answered'), rows)}\nTested in {tests}.\n"


def _rows(name: str, post: Signpost) -> Iterator[tuple[str, str, str, str]]:
    objects = {"number": "<PHONE_NUMBER_ID>", "account": "<WABA_ID>", "app": "<APP_ID>", "media": "<MEDIA_ID>"}
    for (method, kind, edge), road in ROADS.items():
        if road == name:
            path = f"/{objects.get(kind, kind)}/{edge}".rstrip("/")
            yield f"`{method} {path}`", post.title, post.checks or "-", _answered(post)


def _answered(post: Signpost) -> str:
    if isinstance(post.takes.answer, str):
        return "the bytes"
    return "; or ".join(", ".join(f"`{name}`" for name in _names(kind)) for kind in kinds_in(post.takes.answer))


def _names(kind: type[msgspec.Struct]) -> list[str]:
    """Return the members of an answer; of a page, those of its items."""
    hints = get_type_hints(kind)
    items = getattr(hints.get("data"), "__args__", (None,))[0] or hints.get("data")
    is_page = isinstance(items, type) and issubclass(items, msgspec.Struct)
    return [f"data.{name}" for name in get_type_hints(items)] if is_page else list(hints)


def _not_covered(found: Probe) -> list[tuple[object, ...]]:
    return [
        (f"`{method} {path}`", what, found.not_covered[method, path]) for (method, path), what in _NOT_COVERED.items()
    ]


def _types_out(found: Probe) -> list[tuple[str, str]]:
    return [
        (f"`{kind}`", f"no: {refused}" if refused.code == _UNTAKEN else "yes") for kind, refused in found.types.items()
    ]


def _members(found: Probe) -> list[tuple[str, ...]]:
    def cell(dialects: set[str]) -> str:
        return "both" if len(dialects) > 1 else next(iter(dialects), "")

    parts = list(dict.fromkeys(member.partition(".")[0] for member in found.members))
    return [
        (f"`{member}`", *(cell(columns.get(column, set())) for column in COLUMNS))
        for member, columns in sorted(found.members.items(), key=lambda row: parts.index(row[0].partition(".")[0]))
    ]


def _shown(rows: Table) -> str:
    return table(rows.head, rows.rows)


def control() -> str:
    """Every call of the control API, with its fields."""
    document = probe(tuple(_NOT_COVERED)).document
    calls = [call for call in operations(document) if CONTROL in call.item["tags"]]
    intro = (
        '# The sandbox\'s control API\n\nIt stands below `/_sandbox`; its errors are `{"error": "<a sentence>"}`. '
        "`/_sandbox/docs` of a running sandbox shows the same with commands to paste, `/_sandbox/openapi.json` is the "
        "OpenAPI document of both this and the Cloud API.\n\n"
    )
    listed = table(
        ("call", "what it does"),
        [(f"[`{call.method} {call.path}`](#{call.id})", call.item["summary"]) for call in calls],
    )
    return intro + listed + "".join(_call(call, document["components"]["schemas"]) for call in calls)


def _call(call: Operation, components: dict[str, Any]) -> str:
    parts = [f"\n## {call.item['summary']} {{ #{call.id} }}\n\n`{call.method} {call.path}`\n"]
    if call.item["description"]:
        parts.append(f"\n{call.item['description']}\n")
    rows = [parameter_field(parameter) for parameter in call.item["parameters"]]
    content = call.item.get("requestBody", {}).get("content", {})
    for media in content.values():
        for choice in media["schema"].get("anyOf", [media["schema"]]):
            said = prose_of(components[choice["$ref"].rpartition("/")[2]])
            parts.append(f"\n{said}\n")
            rows += list(fields_of(choice, components))
    if rows:
        cells: Iterable[tuple[str, ...]] = [
            (f"`{field.name}`", field.type, "yes" if field.is_required else "", field.meaning) for field in rows
        ]
        parts.append("\n" + table(("field", "type", "required", "meaning"), cells))
    parts.append(f"\nAnswers {_answers(call, components)}.\n")
    return "".join(parts)


def _answers(call: Operation, components: dict[str, Any]) -> str:
    shown = []
    for status, answer in call.item["responses"].items():
        if status.isdigit():
            media = answer.get("content", {}).get("application/json")
            choices = [] if media is None else media["schema"].get("anyOf", [media["schema"]])
            names = [name for choice in choices for name in components[choice["$ref"].rpartition("/")[2]]["properties"]]
            shown.append(f"{status}" + (f" with `{'`, `'.join(dict.fromkeys(names))}`" if names else ""))
    return ", or ".join(shown)
