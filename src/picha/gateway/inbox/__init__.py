"""The inbox: the gateway's web face, where people of a workspace see pictures, answer, and look after the gateway.

Pages are drawn here from templates, with small ES modules of our own; nothing is loaded from elsewhere.

How to add a page:

1. Write a module with an async handler: it takes a `Visit` (visit.py) and returns `visit.page("x.html", title=...)`, or
   `visit.fragment(...)` for a part that a script puts in place, `visit.document(...)` for JSON, or, after an action,
   `visit.elsewhere(path)`. What a page works with is in `visit.means`; look everything up by `visit.workspace` and
   `visit.environment`; `visit.path_id("id")` reads an id of the path; raise `NOT_THERE` or a `RefusedError` to refuse.
2. Add a row to the table in pages.py: method, path, handler; `role=Role.ADMIN` for what is for admins,
   `is_fetched=True` for what a script fetches (refused with JSON), `nav=Nav("Label", "icon")` for a place in the rail.
   The entrance (entrance.py) has then seen to session, role, CSRF, headers, errors and measuring.
3. Write templates/x.html: `{% extends "shell.html" %}` with the blocks `main` and, for a script of its own, `scripts`:
   `<script type="module" src="{{ static('x.js') }}"></script>`. A thread extends "conversations.html", whose left pane
   is the list, and fills the blocks `thread` and `open` (with the word is-open, for narrow windows); its handler passes
   `**await conversations.listed(visit)` on. No `style=` and no inline script: the content security policy forbids both.
   Use what static/inbox.css has first: panel, table, badge, note, empty, form, field, button, menu, dialog.
4. A module imports others by relative paths: `import { on, fetched } from "./live.js"`. `on("message", (told) => ...)`
   hears what changed (`conversation` with its id, `message` with its id and conversation, `presence` with person and
   conversation, `refresh` for anything at all); `fetched(path, {form})` asks the gateway, and sends somebody who is
   signed out to sign in; `toast(text)` says something in passing.
5. Drawings of our own go to static/icons/name.svg (24 by 24, `stroke="currentColor"`), and into a template by
   `{{ icon("name") }}`.
"""
