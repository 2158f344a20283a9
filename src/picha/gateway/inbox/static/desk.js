// The pages that look after the gateway: moments in local time, parts that stay fresh, and no form that is sent twice.

import { fetched, on, toast } from "./live.js";
import "./shell.js";

const SLOW_MS = 10000;
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function localise(root) {
  for (const one of root.querySelectorAll("time[data-when]")) {
    one.title = one.textContent;
    one.textContent = moment.format(new Date(one.dateTime));
    delete one.dataset.when;
  }
}

function showCopies(root) {
  for (const one of root.querySelectorAll("[data-copy]")) one.hidden = !navigator.clipboard;
}

// A part that stays fresh is fetched anew on a slow beat, while it is seen and nobody is at work in it.
async function refresh(part) {
  if (document.hidden || part.contains(document.activeElement)) return;
  const answer = await fetched(part.dataset.refresh).catch(() => null);
  if (!answer?.ok || part.contains(document.activeElement)) return;
  const drawn = new DOMParser().parseFromString(await answer.text(), "text/html");
  part.replaceChildren(...drawn.body.childNodes);
  localise(part);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  for (const one of form.querySelectorAll("button[type=submit]")) one.setAttribute("aria-disabled", "true");
});
// Whoever comes back to a page by the browser's own memory may send its forms again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const one of form.querySelectorAll("button[aria-disabled]")) one.removeAttribute("aria-disabled");
  }
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(field.value);
    toast("Copied.");
  } catch {
    field.select();
    toast("Press Ctrl+C to copy it.");
  }
});

localise(document);
showCopies(document);
for (const part of document.querySelectorAll("[data-refresh]")) {
  setInterval(() => refresh(part), SLOW_MS);
  on("refresh", () => refresh(part));
}
// On a narrow window the rail is a bar that scrolls: it is to show where one is.
document.querySelector(".rail-item[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
