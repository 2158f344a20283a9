"""The calls about the business itself: its numbers, its accounts, its app, and where webhooks go.

Sources: Meta's phone number reference, webhook override page and app subscriptions reference.
"""

import hmac
from typing import Literal

import aiohttp

from picha.cloudapi.limits import CALLBACK_OVERRIDE_MAX_CHARS
from picha.cloudapi.media import SuccessAnswer
from picha.sandbox import nodes, refusals, templates
from picha.sandbox.accounts import Account, Number
from picha.sandbox.callbacks.handshake import shake
from picha.sandbox.chance import Chance
from picha.sandbox.credentials import APP_ID, Credentials
from picha.sandbox.graph import onboarding
from picha.sandbox.graph.calls import Answer, answer
from picha.sandbox.ground import Ground
from picha.sandbox.pace import Limits
from picha.sandbox.records import CallbackSet, SettingsChanged
from picha.sandbox.rules import Document
from picha.sandbox.switches import Switchboard

_APP_LINK = f"https://www.facebook.com/games/?app_id={APP_ID}"


class Business:
    """Answers for the numbers, the accounts and the one app that a sandbox has."""

    def __init__(
        self,
        ground: Ground,
        session: aiohttp.ClientSession,
        ours: Credentials,
        limits: Limits,
        switchboard: Switchboard,
    ) -> None:
        self._world, self._journal, self._chance, self._clock = ground
        self._limits = limits
        self._session = session
        self._ours = ours
        self._switchboard = switchboard

    def app_token(self, wanted: Document) -> Answer:
        """Return the app's access token for its id and secret (`grant_type=client_credentials`).

        Raises:
            Refusal: id or secret are not the app's.
        """
        client_id, secret = str(wanted.get("client_id", "")), str(wanted.get("client_secret", ""))
        if client_id != APP_ID:
            raise refusals.Refusal(
                400, 101, "Error validating application. Cannot get application info due to a system error."
            )
        if not hmac.compare_digest(secret.encode("utf-8", "surrogatepass"), self._ours.app_secret.encode()):
            raise refusals.Refusal(400, 1, "Error validating client secret.")
        return answer({"access_token": self._ours.app_token, "token_type": "bearer"})

    def number(self, phone_number_id: str, fields: str | None) -> Answer:
        """Return what Graph tells of a phone number: the usual fields, or those asked for, and always its id.

        Raises:
            Refusal: there is no such number, or no such field.
        """
        number = self._world.accounts.number(phone_number_id)
        if number is None:
            raise refusals.no_such_object(phone_number_id, "get")
        return answer(self._number(number, fields))

    def phone_numbers(self, waba_id: str, wanted: Document, here: str) -> Answer:
        """Return a page of an account's numbers, each with the usual fields or those asked for.

        Raises:
            Refusal: there is no such account or field, or the page's limit or cursor is none.
        """
        numbers = [self._number(number, wanted.get("fields")) for number in self._account(waba_id).numbers]
        return answer(onboarding.page(numbers, wanted, here))

    def templates(self, waba_id: str, wanted: Document, here: str, sample_url: str) -> Answer:
        """Return a page of an account's approved templates that fit the filters asked for.

        Raises:
            Refusal: there is no such field, or the page's limit or cursor is none.
        """
        listed = templates.listed(waba_id, wanted, sample_url)
        return answer(onboarding.page(listed, wanted, here) | templates.summary(len(listed), wanted))

    def debug_token(self, wanted: Document) -> Answer:
        """Return what there is to tell of an access token.

        Raises:
            Refusal: no token is named.
        """
        return answer(onboarding.debugged(self._ours, self._world.accounts, wanted))

    def register(self, phone_number_id: str, wanted: Document) -> Answer:
        """Register a number, which is registered already.

        Raises:
            Refusal: the product or the PIN is not right, or it was registered too often.
        """
        onboarding.check_registration(wanted)
        code = self._limits.register(phone_number_id, self._clock.now())
        if code is not None:
            raise refusals.of_code(code)
        return answer(SuccessAnswer(success=True))

    async def configure(self, phone_number_id: str, wanted: Document) -> Answer:
        """Say whether a number is told the hash of people's identity keys.

        Raises:
            Refusal: there is no such setting, or it is neither true nor false.
        """
        change = wanted.get("user_identity_change")
        for name in wanted:
            if name not in ("user_identity_change", "messaging_product"):
                raise refusals.unexpected(name[:100], "$")
        if not isinstance(change, dict):
            raise refusals.missing("user_identity_change")
        # Meta's phone number page has the first name, its API description the second.
        wish = change.get("enable_identity_key_check", change.get("enabled"))
        if not isinstance(wish, bool):
            raise refusals.wrong_type("user_identity_change['enable_identity_key_check']", "true or false")
        await self._journal.append(SettingsChanged(phone_number_id=phone_number_id, identity_key_check=wish))
        return answer(SuccessAnswer(success=True))

    def _account(self, waba_id: str) -> Account:
        account = self._world.accounts.account(waba_id)
        if account is None:
            raise refusals.no_such_object(waba_id, "get")
        return account

    def _number(self, number: Number, fields: object) -> Document:
        entities = (("PHONE_NUMBER", number.phone_number_id), ("WABA", number.waba_id))
        everything: Document = {
            "id": number.phone_number_id,
            "display_phone_number": number.display_phone_number,
            "verified_name": number.verified_name,
            "quality_rating": "GREEN",
            "code_verification_status": "VERIFIED",
            "name_status": "APPROVED",
            "status": self._switchboard.current.number_status,
            "throughput": {"level": "STANDARD"},
            "platform_type": "CLOUD_API",
            "is_on_biz_app": False,
            "whatsapp_business_manager_messaging_limit": "TIER_250",
            "webhook_configuration": self._webhook_configuration(number),
            "health_status": onboarding.health(*entities, is_able=self._switchboard.current.is_registered),
        }
        return nodes.chosen(nodes.NUMBER, everything, fields)

    def account(self, waba_id: str, fields: str | None) -> Answer:
        """Return what Graph tells of a business account.

        Raises:
            Refusal: there is no such account, or no such field.
        """
        everything: Document = {
            "id": waba_id,
            "name": self._account(waba_id).name,
            "timezone_id": "0",
            "message_template_namespace": Chance(f"namespace of {waba_id}").token_hex(16).lower(),
            "health_status": onboarding.health(("WABA", waba_id)),
        }
        return answer(nodes.chosen(nodes.ACCOUNT, everything, fields))

    def subscribed_apps(self, waba_id: str) -> Answer:
        """Return the app that hears of an account, if it does, with the address that overrides the app's own."""
        if not self._world.callbacks.is_subscribed(waba_id):
            return answer({"data": []})
        app: Document = {"whatsapp_business_api_data": {"id": APP_ID, "link": _APP_LINK, "name": onboarding.APP_NAME}}
        override = self._world.callbacks.url(waba_id)
        return answer({"data": [app | ({"override_callback_uri": override} if override else {})]})

    def subscriptions(self) -> Answer:
        """Return the app's own subscription, if an address is set."""
        url = self._world.callbacks.url(APP_ID)
        fields = [{"name": "messages", "version": "v24.0"}]
        active = {"object": "whatsapp_business_account", "callback_url": url, "active": True, "fields": fields}
        return answer({"data": [active] if url else []})

    async def configure_number(self, phone_number_id: str, wanted: Document) -> Answer:
        """Set, or with an empty address take away, a number's own callback.

        Raises:
            Refusal: the configuration is not there or the address failed the handshake.
        """
        configuration = wanted.get("webhook_configuration")
        if not isinstance(configuration, dict):
            raise refusals.missing("webhook_configuration")
        return await self._set(_override("number", phone_number_id, configuration))

    async def subscribe_account(self, waba_id: str, wanted: Document) -> Answer:
        """Set an account's callback, or take it away when none is given.

        Raises:
            Refusal: the address failed the handshake.
        """
        return await self._set(_override("account", waba_id, wanted))

    async def subscribe_app(self, wanted: Document) -> Answer:
        """Set the app's callback.

        Raises:
            Refusal: something is missing or the address failed the handshake.
        """
        if wanted.get("object") != "whatsapp_business_account":
            raise refusals.one_of("object", ("whatsapp_business_account",), str(wanted.get("object"))[:100])
        url, token = _text(wanted, "callback_url"), _text(wanted, "verify_token")
        if not url:
            raise refusals.missing("callback_url")
        return await self._set(CallbackSet(scope="app", url=url, verify_token=token))

    async def unsubscribe_app(self) -> Answer:
        """Take the app's callback away."""
        return await self._set(CallbackSet(scope="app", url=""))

    async def unsubscribe_account(self, waba_id: str) -> Answer:
        """Take the app's subscription to an account away, and with that every webhook of its numbers."""
        return await self._set(CallbackSet(scope="account", object_id=waba_id, url="", is_subscribed=False))

    async def _set(self, callback: CallbackSet) -> Answer:
        if callback.url:
            name = "callback_url" if callback.scope == "app" else "override_callback_uri"
            await shake(self._session, callback.url, callback.verify_token, self._chance.digits(10), name=name)
        await self._journal.append(callback)
        return answer(SuccessAnswer(success=True))

    def _webhook_configuration(self, number: Number) -> dict[str, str]:
        owners = {
            "phone_number": number.phone_number_id,
            "whatsapp_business_account": number.waba_id,
            "application": APP_ID,
        }
        return {name: url for name, owner in owners.items() if (url := self._world.callbacks.url(owner))}


def _override(scope: Literal["account", "number"], object_id: str, wanted: Document) -> CallbackSet:
    url, token = _text(wanted, "override_callback_uri"), _text(wanted, "verify_token")
    if len(url) > CALLBACK_OVERRIDE_MAX_CHARS:
        raise refusals.too_long("override_callback_uri", CALLBACK_OVERRIDE_MAX_CHARS)
    return CallbackSet(scope=scope, object_id=object_id, url=url, verify_token=token)


def _text(wanted: Document, key: str) -> str:
    value = wanted.get(key)
    if value is not None and not isinstance(value, str):
        raise refusals.wrong_type(key, "a string")
    return value or ""
