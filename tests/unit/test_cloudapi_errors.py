import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.cloudapi.errors import (
    RANGES,
    TABLE,
    GraphError,
    OutcomeClass,
    Verdict,
    decode_error,
    encode_error,
    lookup,
)

PUBLISHED = [
    *(0, 1, 2, 3, 4, 10, 33, 100, 104, 190, 368, 80007),
    *(130403, 130429, 130472, 130497, 130501),
    *(131000, 131005, 131008, 131009, 131016, 131020, 131021, 131026, 131030, 131031, 131037, 131041, 131042, 131045),
    *(131047, 131048, 131049, 131050, 131051, 131052, 131053, 131055, 131056, 131057, 131059, 131060, 131062, 131063),
    *(131064, 131201, 131202, 131204, 131207, 131208, *range(131209, 131216)),
    *(132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016, 132068, 132069),
    *(133000, 133004, 133005, 133006, 133008, 133009, 133010, 133015, 133016),
    *(134011, 134100, 134101, 134102, 135000, 137000, *range(139100, 139104), 2494100, *range(2593107, 2593110)),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ERROR = st.fixed_dictionaries(
    {"message": JSON | st.text(), "code": JSON | st.integers()},
    optional=dict.fromkeys(("type", "error_data", "error_subcode", "is_transient", "fbtrace_id"), JSON),
)


def test_the_table_holds_exactly_the_published_codes() -> None:
    assert sorted(TABLE) == sorted(PUBLISHED)
    assert [(family.start, family.stop) for family in RANGES] == [(200, 300), (138000, 139000), (2388000, 2389000)]


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [
        ({4, 80007, 130429, 131056}, OutcomeClass.THROTTLED),
        ({2, 131016, 131057, 133004}, OutcomeClass.NOT_PROCESSED),
        ({1, 131000}, OutcomeClass.AMBIGUOUS),
    ],
)
def test_the_outcome_classes_hold_the_codes_of_the_send_protocol(codes: set[int], outcome: OutcomeClass) -> None:
    assert {code for code, row in TABLE.items() if row.outcome is outcome} == codes


def test_a_code_that_is_no_rejection_is_retried_or_waited_for() -> None:
    kept = [row for row in TABLE.values() if row.outcome not in {OutcomeClass.REJECTED, OutcomeClass.BARRED}]

    assert {row.verdict for row in kept} <= {Verdict.RETRY, Verdict.WAIT}


@pytest.mark.parametrize("code", PUBLISHED)
def test_every_row_explains_itself_and_tells_what_to_do(code: int) -> None:
    row = TABLE[code]

    assert row.code == code
    assert row.title
    assert row.meaning.endswith(".")
    assert row.remedy.endswith(".")
    assert row.meaning != row.remedy
    assert row.http is None or 200 <= row.http < 600


@pytest.mark.parametrize(
    ("code", "title"), [(200, "API permission"), (299, "API permission"), (138013, "Calling error")]
)
def test_a_code_of_a_family_is_looked_up_under_its_own_number(code: int, title: str) -> None:
    assert (lookup(code).code, lookup(code).title) == (code, title)


@pytest.mark.parametrize("code", [-1, 5, 199, 300, 131999, 10**12])
def test_an_unknown_code_gets_an_honest_row(code: int) -> None:
    row = lookup(code)

    assert row.code == code
    assert row.outcome is OutcomeClass.REJECTED
    assert row.http is None
    assert str(code) in row.remedy


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b'{"error":"x"}',
        b'{"error":{"code":1}}',
        b'{"error":{"message":"x"}}',
        b'{"error":{"message":"x","code":"1"}}',
        b'{"error":{"message":"x","code":1}',
        b'{"error":{"message":"x","code":true}}',
        b"<html>502 Bad Gateway</html>",
        b'{"error":' + b"[" * 100_000,
    ],
)
def test_what_is_no_complete_error_object_is_none(body: bytes) -> None:
    assert decode_error(body) is None


def test_a_strange_spare_member_does_not_hide_the_code() -> None:
    error = decode_error(b'{"error":{"message":"x","code":4,"error_subcode":"many","error_data":[1]}}')

    assert error == GraphError(message="x", code=4)


def test_details_are_read_from_an_object_or_a_text() -> None:
    assert GraphError(message="x", code=1, error_data={"details": "why"}).details == "why"
    assert GraphError(message="x", code=1, error_data="why").details == "why"
    assert GraphError(message="x", code=1, error_data={"details": 5}).details is None
    assert GraphError(message="x", code=1).details is None


@given(st.binary(max_size=200))
def test_decoding_never_raises_on_bytes(body: bytes) -> None:
    assert decode_error(body) is None


@given(st.fixed_dictionaries({"error": ERROR}) | JSON)
def test_decoding_never_raises_on_json(document: object) -> None:
    error = decode_error(json.dumps(document).encode())

    assert error is None or decode_error(encode_error(error)) == error
