import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.sandbox import credentials
from picha.sandbox.accounts import DEFAULT, AccountWish, NumberWish, check, settled

TOKEN = credentials.TOKEN_MARK + "1"
_IDS = st.none() | st.integers(10**5, 10**19).map(str)
_NUMBERS = st.builds(NumberWish, phone_number_id=_IDS, display_phone_number=st.none())
_ACCOUNTS = st.builds(AccountWish, waba_id=_IDS, numbers=st.lists(_NUMBERS, min_size=1, max_size=4).map(tuple))


def test_without_a_wish_there_is_the_one_account_of_metas_documents() -> None:
    (number,) = settled((DEFAULT,), "7", TOKEN).numbers

    assert (number.waba_id, number.phone_number_id) == (credentials.WABA_ID, credentials.PHONE_NUMBER_ID)
    assert (number.display_phone_number, number.verified_name) == ("15550783881", "Lucky Shrub")


@given(st.lists(_ACCOUNTS, min_size=1, max_size=4), st.text(max_size=10))
def test_every_id_is_one_objects_alone_and_the_same_for_the_same_seed(wishes: list[AccountWish], seed: str) -> None:
    try:
        check(wishes)
    except ValueError:
        return

    accounts = settled(wishes, seed, TOKEN)

    ids = [account.waba_id for account in accounts.all] + [number.phone_number_id for number in accounts.numbers]
    phones = [number.display_phone_number for number in accounts.numbers]
    assert len(set(ids) | set(phones)) == len(ids) + len(phones)
    assert all(text.isdigit() for text in ids + phones)
    assert accounts.all == settled(wishes, seed, TOKEN).all
    for number in accounts.numbers:
        assert accounts.number(number.phone_number_id) is number
        account = accounts.account(number.waba_id)
        assert account is not None
        assert number in account.numbers


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
)
_KEYS = st.sampled_from(["waba_id", "name", "access_token", "numbers", "phone_number_id", "display_phone_number"])


@given(st.dictionaries(_KEYS, _JSON | st.just([{}]), max_size=4))
def test_anything_in_a_file_is_an_account_or_refused(document: dict[str, object]) -> None:
    try:
        account = msgspec.convert(document, AccountWish)
    except msgspec.ValidationError:
        return

    assert account.numbers
    assert account.access_token is None or account.access_token.startswith(credentials.TOKEN_MARK)


@pytest.mark.parametrize("token", ["EAAG1", TOKEN[:-1], f"{TOKEN} x", f"{TOKEN}\n", f"{TOKEN}é", f" {TOKEN}"])
def test_a_token_that_could_be_taken_for_live_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="access_token"):
        AccountWish(access_token=token, numbers=(NumberWish(),))
