// A message's story: shown above its thread or as a page of its own, told anew as it goes on.

import { fetched, on, toast, why } from "./live.js";
import { localise } from "./moments.js";
import "./shell.js";

const body = document.getElementById("story-body");
const dialog = document.getElementById("story");
let from = null;

function shown() {
  return body?.querySelector("[data-story]")?.dataset.story;
}

function put(html) {
  const asks = body.querySelector(".story-ask")?.open;
  const focused = document.activeElement?.closest?.("#story-body [data-does]")?.dataset.does;
  body.innerHTML = html;
  localise(body);
  const ask = body.querySelector(".story-ask");
  if (ask && asks) ask.open = true;
  if (focused) (body.querySelector(`[data-does="${focused}"]`) ?? body.querySelector("button"))?.focus();
}

async function told(id) {
  const answer = await fetched(`/inbox/messages/${id}/story`).catch(() => null);
  return answer?.ok ? answer.text() : null;
}

/** Show the story of a message above the page; `opener` gets the focus back. */
export async function tell(id, opener) {
  const html = await told(id);
  if (html === null) return toast("The story could not be loaded. Try again.", "bad");
  from = opener;
  put(html);
  if (!dialog.open) dialog.showModal();
  body.querySelector(".story-close").focus();
}

async function act(deed) {
  const id = shown();
  const buttons = body.querySelectorAll("button");
  for (const one of buttons) one.disabled = true;
  const answer = await fetched(`/inbox/messages/${id}/${deed}`, { form: new URLSearchParams() }).catch(() => null);
  if (answer?.ok) {
    put(await answer.text());
    body.querySelector(".story-close")?.focus();
    toast(deed === "cancel" ? "It is cancelled." : "It is sent once more.");
    return;
  }
  for (const one of buttons) one.disabled = false;
  const said = body.querySelector(".story-said");
  said.textContent = `${await why(answer, "That did not work.")} Nothing was done.`;
  said.hidden = false;
}

body?.addEventListener("click", (event) => {
  const does = event.target.closest("[data-does]")?.dataset.does;
  if (does === "close") dialog?.close();
  if (does === "cancel") act("cancel");
  if (does === "again-doubtful") act("again");
});
dialog?.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
dialog?.addEventListener("close", () => {
  body.replaceChildren();
  if (from?.isConnected) from.focus();
});
async function anew() {
  const id = shown();
  const html = id ? await told(id) : null;
  if (html !== null && id === shown()) put(html);
}
on("message", ({ id }) => {
  if (id === shown()) anew();
});
on("refresh", anew);
if (body && !dialog) localise(body);
