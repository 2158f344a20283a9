"""What every road of Graph's leads to, by its name: what it takes, checks and answers. One table, pure.

It is what the OpenAPI document, the documentation page and the page on coverage tell. A test holds it to the roads.
Sources: Meta's image messages page, message API reference, media reference, phone number reference, webhook override
page, app subscriptions reference, debug_token reference.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from picha.cloudapi.media import SuccessAnswer, UploadAnswer
from picha.cloudapi.messages import SendAnswer
from picha.sandbox import templates
from picha.sandbox.first_day import DOCUMENTED_MEDIA_ID, PERSON
from picha.sandbox.graph import answers, questions
from picha.sandbox.manual.described import Described, Found

Whose = Literal["user", "app", "nobody"]
_TO_PERSON = {"messaging_product": "whatsapp", "to": f"+{PERSON}"}
_STRANGER = {"messaging_product": "whatsapp", "to": "+255712345678"}


class Signpost(msgspec.Struct, frozen=True, kw_only=True):
    """One road: a title, what happens there, what is checked and refused, whose token it wants, and its documents."""

    title: str
    text: str = ""
    checks: str = ""
    whose: Whose = "user"
    takes: Described


_TEMPLATE = {
    "name": templates.NAME,
    "language": {"code": templates.LANGUAGE},
    "components": [
        {"type": "header", "parameters": [{"type": "image", "image": {"id": DOCUMENTED_MEDIA_ID}}]},
    ],
}
_IMAGE = {"id": DOCUMENTED_MEDIA_ID, "caption": "The best succulent ever?"}
_MESSAGES = Signpost(
    title="Send a message, or mark one as read",
    text="Accepted means: in the ledger, on disk. What becomes of it comes by webhook, and what fails for certain "
    "(a closed window, bytes that are no image) fails there.",
    checks="every member and its type; `to` or `recipient`; the group is this number's and "
    "somebody is in it; exactly one of `id` and `link`; the media is alive and "
    "this number's; lengths of caption, text and callback data; name, language and parameters of a template; rates",
    takes=Described(
        body=(questions.ImageMessage, questions.TextMessage, questions.TemplateMessage, questions.ReadMark),
        answer=(SendAnswer, SuccessAnswer),
        examples={
            "An image by id": _TO_PERSON | {"type": "image", "image": _IMAGE},
            "An image by link": _TO_PERSON | {"type": "image", "image": {"link": "{control_url}/photo.jpg"}},
            "A text": _TO_PERSON | {"type": "text", "text": {"body": "Thank you!"}},
            "The template, to a stranger": _STRANGER | {"type": "template", "template": _TEMPLATE},
        },
    ),
)
_BLOCKED = {"messaging_product": "whatsapp", "block_users": [{"user": PERSON}]}
_MEDIA = {
    "media": Signpost(
        title="Upload a file",
        text="What is no proper image is taken all the same, and fails when it is sent.",
        checks="`messaging_product`; the part's content type; 100 MB; the rate of uploads",
        takes=Described(
            form=questions.Upload,
            answer=UploadAnswer,
            examples={"The built-in photo": {"messaging_product": "whatsapp", "file": "photo.jpg"}},
        ),
    ),
    "describe": Signpost(
        title="Describe media, with a download address that lives five minutes",
        checks="the id is alive; with `phone_number_id`, that number owns it; every name in `fields`",
        takes=Described(query=questions.MediaAsked, answer=answers.MediaTold),
    ),
    "delete": Signpost(
        title="Delete media",
        checks="the id is alive; with `phone_number_id`, that number owns it",
        takes=Described(query=questions.Owner, answer=SuccessAnswer),
    ),
    "download": Signpost(
        title="Download media from the address in its description",
        text="Ranges are served.",
        checks="the address was made here and is younger than five minutes; its media is alive",
        takes=Described(
            query=questions.Download,
            answer="application/octet-stream",
            also={206: "application/octet-stream"},
            found={"": Found("describe", "/url")},
        ),
    ),
}
_ACCOUNT = {
    "number": Signpost(
        title="Read a phone number",
        checks="every name in `fields`",
        takes=Described(
            query=questions.Fields,
            answer=answers.Number,
            examples={"What an onboarding check reads": {"fields": "status,platform_type,throughput,health_status"}},
        ),
    ),
    "register": Signpost(
        title="Register the number",
        text="It is registered already; nothing changes.",
        checks="`messaging_product`; a PIN of six digits that is no registration error's code; "
        "ten in 72 hours (133016)",
        takes=Described(
            body=questions.Pin,
            answer=SuccessAnswer,
            examples={"Any PIN": {"messaging_product": "whatsapp", "pin": "123456"}},
        ),
    ),
    "settings": Signpost(
        title="Say whether webhooks tell the hash of people's identity keys",
        checks="every member and its type",
        takes=Described(
            body=questions.NumberSettings,
            answer=SuccessAnswer,
            examples={"Yes": {"user_identity_change": {"enable_identity_key_check": True}}},
        ),
    ),
    "blocked_users": Signpost(
        title="List the people whom the number blocks",
        checks="`limit` from 1 to 100",
        takes=Described(query=questions.Page, answer=answers.BlockedUsers),
    ),
    "block_users": Signpost(
        title="Block people",
        text="The number hears nothing more from them, and what is sent to them is refused with 130403.",
        checks="they wrote in the last 24 hours (131047); none is the business itself (131021); 1,000 in a call; "
        "64,000 in all (139101)",
        takes=Described(body=questions.BlockedUsers, answer=answers.BlockChange, examples={"One person": _BLOCKED}),
    ),
    "unblock_users": Signpost(
        title="Let people write again",
        takes=Described(body=questions.BlockedUsers, answer=answers.BlockChange, examples={"One person": _BLOCKED}),
    ),
    "account": Signpost(
        title="Read the business account",
        checks="every name in `fields`",
        takes=Described(
            query=questions.Fields,
            answer=answers.BusinessAccount,
            examples={"Its health": {"fields": "health_status"}},
        ),
    ),
    "phone_numbers": Signpost(
        title="List the account's numbers",
        checks="`limit` from 1 to 100; every name in `fields`",
        takes=Described(query=questions.Paged, answer=answers.Numbers),
    ),
    "templates": Signpost(
        title="List the approved templates",
        text=f"In `{templates.LANGUAGE}`: " + " and ".join(f"`{name}`" for name in templates.NAMES) + ".",
        checks="`limit` from 1 to 100; every name in `fields`",
        takes=Described(
            query=questions.TemplateFilter, answer=answers.Templates, examples={"By name": {"name": templates.NAME}}
        ),
    ),
    "debug_token": Signpost(
        title="Look at an access token",
        checks="a token is named",
        whose="app",
        takes=Described(
            query=questions.InputToken, answer=answers.Debugged, examples={"Ours": {"input_token": "{access_token}"}}
        ),
    ),
    "app_token": Signpost(
        title="Get the app's access token for its secret",
        checks="the id and the secret",
        whose="nobody",
        takes=Described(
            query=questions.AppSecret,
            answer=answers.AppToken,
            examples={
                "Ours": {"client_id": "{app_id}", "client_secret": "{app_secret}", "grant_type": "client_credentials"}
            },
        ),
    ),
}
_WEBHOOKS = {
    "configure_number": Signpost(
        title="Set the number's own webhook address, or take it away",
        text="It wins over the account's, and that over the app's.",
        checks="the address shakes hands",
        takes=Described(
            body=questions.NumberConfiguration,
            answer=SuccessAnswer,
            examples={"Take it away": {"webhook_configuration": {"override_callback_uri": ""}}},
        ),
    ),
    "subscribed_apps": Signpost(
        title="List the apps that hear of the account", takes=Described(answer=answers.SubscribedApps)
    ),
    "subscribe_account": Signpost(
        title="Let the app hear of the account, with an address of its own or without",
        checks="the address shakes hands",
        takes=Described(body=questions.Override, answer=SuccessAnswer, examples={"Without": {}}),
    ),
    "unsubscribe_account": Signpost(
        title="Let the app hear nothing more",
        text="No webhook comes until it is subscribed again.",
        takes=Described(answer=SuccessAnswer),
    ),
    "subscriptions": Signpost(
        title="Read the app's webhook address",
        whose="app",
        takes=Described(answer=answers.Subscriptions),
    ),
    "subscribe_app": Signpost(
        title="Set the app's webhook address",
        text="Both kinds of form are taken as well as JSON, here and everywhere.",
        checks="`object`; the address shakes hands",
        whose="app",
        takes=Described(
            body=questions.Subscription,
            answer=SuccessAnswer,
            examples={
                "A program of yours on port 5000": {
                    "object": "whatsapp_business_account",
                    "callback_url": "http://127.0.0.1:5000/",
                    "verify_token": "{verify_token}",
                    "fields": "messages",
                }
            },
        ),
    ),
    "unsubscribe_app": Signpost(
        title="Take the app's webhook address away",
        whose="app",
        takes=Described(answer=SuccessAnswer),
    ),
}

SECTIONS: Mapping[str, Mapping[str, Signpost]] = {
    "Messages": {"messages": _MESSAGES},
    "Media": _MEDIA,
    "Numbers, account and app": _ACCOUNT,
    "Where webhooks go": _WEBHOOKS,
}
"""Every road's signpost by its name, in sections."""
