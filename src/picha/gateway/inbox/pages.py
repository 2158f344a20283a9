"""The table of the inbox's pages, fragments and actions: registers them, fills the rail, and drives the tests."""

from picha.gateway.inbox import conversations, live, sign_in
from picha.gateway.inbox.entrance import SIGN_IN
from picha.gateway.inbox.route import Page
from picha.gateway.inbox.visit import Nav

PAGES = (
    Page("GET", "/inbox", conversations.show, nav=Nav("Conversations", "chats", "/inbox/conversations/")),
    Page("GET", "/inbox/live", live.live, is_fetched=True),
    Page("GET", "/inbox/me", sign_in.me, is_fetched=True),
    Page("GET", SIGN_IN, sign_in.show, role=None),
    Page("POST", SIGN_IN, sign_in.sign_in, role=None),
    Page("POST", "/inbox/sign-out", sign_in.sign_out, role=None),
    Page("GET", "/inbox/link/{token}", sign_in.show_link, role=None),
    Page("POST", "/inbox/link/{token}", sign_in.follow_link, role=None),
    Page("GET", "/inbox/password", sign_in.show_password),
    Page("POST", "/inbox/password", sign_in.set_password),
)
