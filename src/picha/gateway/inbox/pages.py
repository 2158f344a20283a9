"""The table of the inbox's pages, fragments and actions: registers them, fills the rail, and drives the tests."""

from picha.gateway.inbox import (
    answering,
    composer,
    conversations,
    live,
    pictures,
    presence,
    preview,
    sign_in,
    story,
    template_choice,
    thread,
)
from picha.gateway.inbox.desk import DESK
from picha.gateway.inbox.entrance import SIGN_IN
from picha.gateway.inbox.route import Page
from picha.gateway.inbox.visit import Nav

PAGES = (
    Page("GET", "/inbox", conversations.show, nav=Nav("Conversations", "chats", "/inbox/conversations/")),
    Page("GET", "/inbox/list", conversations.part, is_fetched=True),
    Page("GET", "/inbox/conversations/{id}/composer", composer.standing, is_fetched=True),
    Page("POST", "/inbox/conversations/{id}/send", answering.send, is_fetched=True),
    Page("GET", "/inbox/conversations/{id}/templates", template_choice.choices, is_fetched=True),
    Page("POST", "/inbox/conversations/{id}/writing", presence.writing, is_fetched=True),
    Page("POST", "/inbox/preview", preview.preview, is_fetched=True, patience_s=preview.PATIENCE_S),
    Page("GET", "/inbox/pictures/{id}/thumb", pictures.thumb, is_fetched=True),
    Page("GET", "/inbox/pictures/{id}/shown", pictures.shown, is_fetched=True),
    Page("GET", "/inbox/pictures/{id}/full", pictures.full),
    Page("GET", "/inbox/conversations/{id}", thread.show),
    Page("GET", "/inbox/conversations/{id}/head", thread.head, is_fetched=True),
    Page("GET", "/inbox/conversations/{id}/newest", thread.newest, is_fetched=True),
    Page("GET", "/inbox/conversations/{id}/messages", thread.messages, is_fetched=True),
    Page("GET", "/inbox/conversations/{id}/number", thread.number, is_fetched=True),
    Page("POST", "/inbox/conversations/{id}/read", thread.read, is_fetched=True),
    Page("POST", "/inbox/conversations/{id}/unread", thread.unread),
    Page("POST", "/inbox/conversations/{id}/delete", thread.delete, is_fetched=True),
    Page("GET", "/inbox/messages/{id}", story.show),
    Page("GET", "/inbox/messages/{id}/story", story.part, is_fetched=True),
    Page("POST", "/inbox/messages/{id}/cancel", story.cancel, is_fetched=True),
    Page("POST", "/inbox/messages/{id}/again", story.send_again, is_fetched=True),
    Page("GET", "/inbox/live", live.live, is_fetched=True),
    Page("GET", "/inbox/me", sign_in.me, is_fetched=True),
    Page("GET", SIGN_IN, sign_in.show, role=None),
    Page("POST", SIGN_IN, sign_in.sign_in, role=None),
    Page("POST", "/inbox/sign-out", sign_in.sign_out, role=None),
    Page("GET", "/inbox/link/{token}", sign_in.show_link, role=None),
    Page("POST", "/inbox/link/{token}", sign_in.follow_link, role=None),
    Page("GET", "/inbox/password", sign_in.show_password),
    Page("POST", "/inbox/password", sign_in.set_password),
    *DESK,
)
