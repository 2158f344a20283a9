"""`picha export` on a running product: an archive that people and programs can read, and that is whole or not there."""

import json
import zipfile
from pathlib import Path

import pytest
from tests.journeys.running import Talk, picture
from tests.journeys.test_doctor_command import picha_command
from tests.journeys.test_keys_program import done, refused

# Other tests of the same house make workspaces of their own.
HERE = ("--workspace", "Default")
HOSTILE = '<script>alert("x")</script> & "quoted"'


def names(place: Path) -> list[str]:
    return [one.name for one in place.iterdir()]


async def test_what_is_kept_of_a_customer_is_in_the_archive_as_the_api_shows_it(picha: Talk, tmp_path: Path) -> None:
    customer, other, out = picha.stranger(), picha.stranger(), tmp_path / "them.zip"
    heard = await picha.hear(customer, caption=HOSTILE)
    await picha.hear(other)
    sent_bytes = picture(shade=33)
    file_id = (await picha.upload(sent_bytes)).data["file_id"]
    sent = (await picha.send(to=customer, file_id=file_id, caption="Yours")).data["message_id"]
    await picha.becomes(sent, "read")

    [told] = await done(picha, "export", *HERE, "--phone", f"+{customer}", "-o", str(out))

    assert (told["messages"], told["pictures"], told["missing"]) == (2, 2, 0)
    assert out.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["them.zip"]
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        lines = [json.loads(line) for line in archive.read("messages.jsonl").splitlines()]
        assert [one["id"] for one in lines] == [heard["id"], sent]
        for line in lines:
            shown = await picha.message(line["id"])
            place = line["content"].pop("url")
            del shown["content"]["url"]
            assert line == shown
            assert place.startswith(f"pictures/{shown['content']['file_id']}")
            assert len(archive.read(place)) == shown["content"]["size_bytes"]
        [person] = json.loads(archive.read("contact.json"))
        assert {"kind": "wa_id", "value": customer} in person["addresses"]
        page = archive.read("index.html").decode()
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "2 messages, 2 pictures" in archive.read("README.txt").decode()
        assert not any(other.encode() in archive.read(name) for name in archive.namelist())
    [row] = await done(picha, "audit", "list", "--limit", "1")
    assert (row["deed"], row["about"]["messages"], customer in str(row)) == ("person.exported", 2, False)


async def test_somebody_who_hides_their_number_is_exported_by_user_id(picha: Talk, tmp_path: Path) -> None:
    customer, out = picha.stranger(), tmp_path / "them.zip"
    user_id = f"TZ.{customer}"
    heard = await picha.hear(customer, user_id=user_id, type="text", text="Habari")

    [told] = await done(picha, "export", *HERE, "--user-id", user_id, "-o", str(out))

    assert told["messages"] == 1
    with zipfile.ZipFile(out) as archive:
        [line] = archive.read("messages.jsonl").splitlines()
        [person] = json.loads(archive.read("contact.json"))
    assert json.loads(line)["id"] == heard["id"]
    assert {"kind": "bsuid", "value": user_id} in person["addresses"]


async def test_an_archive_takes_no_other_file_s_place_and_nothing_is_left_of_one_that_failed(
    picha: Talk, tmp_path: Path
) -> None:
    customer, out = picha.stranger(), tmp_path / "them.zip"

    assert "Nothing is kept" in await refused(picha, "export", *HERE, "--phone", customer, "-o", str(out))
    assert names(tmp_path) == []
    await picha.hear(customer)
    out.write_text("mine")
    assert "already" in await refused(picha, "export", *HERE, "--phone", customer, "-o", str(out))
    assert out.read_text() == "mine"
    nowhere = str(tmp_path / "nowhere" / "a.zip")
    assert "cannot be written" in await refused(picha, "export", *HERE, "--phone", customer, "-o", nowhere)


async def test_after_an_erasure_nothing_is_left_to_export(picha: Talk, tmp_path: Path) -> None:
    customer = picha.stranger()
    await picha.hear(customer)
    await done(picha, "erase", *HERE, "--phone", customer)

    out = str(tmp_path / "them.zip")
    assert "Nothing is kept" in await refused(picha, "export", *HERE, "--phone", customer, "-o", out)


@pytest.mark.parametrize("words", [(), ("--phone", "1", "-o", "a.zip"), ("--phone", "16505551234"), ("-o", "a.zip")])
async def test_an_export_that_is_asked_for_wrongly_ends_with_two(words: tuple[str, ...]) -> None:
    code, out, _ = await picha_command("export", *words)

    assert (code, out) == (2, "")
