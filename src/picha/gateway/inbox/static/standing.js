// How one may answer in a thread: open until its window shuts, shut with a reason, or not at all; by the account's clock.

import { environment } from "./live.js";

const SOON_MS = 30 * 60 * 1000;
// A test account's clock may be moved at any moment.
const LOOK_MS = { test: 5000, live: 60000 };
const SETTLE_MS = 200;

/** Show how one may answer, as it is now and becomes; `closed` is called when nothing can be written any more. */
export function follow({ box, thread, on, fetched, closed }) {
  const part = (name) => document.getElementById(`composer-${name}`);
  let [shift, until, settling, ending] = [Date.parse(box.dataset.now) - Date.now(), Date.parse(box.dataset.until), 0, 0];

  function show(told) {
    [shift, until] = [Date.parse(told.now) - Date.now(), Date.parse(told.until ?? "")];
    const [isShut, isBlocked] = [!told.is_open, Boolean(told.blocked)];
    const [form, shut] = [part("form"), part("shut")];
    const [wasOpen, hadFocus] = [!form.hidden, form.contains(document.activeElement)];
    put(part("blocked"), told.blocked);
    put(part("why"), told.why);
    shut.hidden = isBlocked || !isShut;
    form.hidden = isBlocked || isShut;
    if (wasOpen && form.hidden) closed();
    if (hadFocus && !shut.hidden) part("choose").focus();
    const warnings = part("warnings");
    if ([...warnings.children].map((one) => one.textContent).join("\n") !== told.warnings.join("\n")) {
      warnings.replaceChildren(...told.warnings.map(note));
    }
    hint();
  }

  function put(element, words) {
    if (element.textContent !== words) element.textContent = words;
    element.hidden = !words;
  }

  function note(words) {
    const line = document.createElement("p");
    [line.className, line.textContent] = ["note note-warn", words];
    return line;
  }

  /** Say when the end is near, and ask once it is there. */
  function hint() {
    clearTimeout(ending);
    const left = until - (Date.now() + shift);
    const line = part("hint");
    const isSoon = left > 0 && left < SOON_MS;
    line.hidden = !isSoon;
    if (isSoon) {
      const minutes = Math.ceil(left / 60000);
      line.textContent = `You can answer freely for ${minutes === 1 ? "one more minute" : `${minutes} more minutes`}.`;
    }
    if (left > 0 && !part("form").hidden) {
      ending = setTimeout(() => (left < 60000 ? refresh() : hint()), Math.min(Math.max(left + 50, 1000), 60000));
    }
  }

  async function refresh() {
    const answer = await fetched(`/inbox/conversations/${thread}/composer`).catch(() => null);
    if (answer?.ok) show(await answer.json());
    else if (answer?.status === 404) {
      clearInterval(looking);
      document.dispatchEvent(new CustomEvent("picha:gone"));
    }
  }

  function soon() {
    clearTimeout(settling);
    settling = setTimeout(refresh, SETTLE_MS);
  }

  on("conversation", (told) => { if (told.id === thread) soon(); });
  on("message", (told) => { if (told.conversation === thread) soon(); });
  on("refresh", soon);
  const looking = setInterval(() => { if (!document.hidden && navigator.onLine) refresh(); }, LOOK_MS[environment]);
  hint();
  return { refresh };
}
