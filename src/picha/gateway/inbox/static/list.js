// The list of conversations: kinds and search without leaving the page, lines that change as they do, more on scroll,
// keys, and the place kept from one page to the next.

import { on, toast } from "./live.js";
import { state } from "./list/asking.js";
import { keep, KEPT_MAX, load, restore, watch } from "./list/end.js";
import "./list/keys.js";
import { adopted, drawn, overdue, pane, search } from "./list/lines.js";
import { entitle, go, look } from "./list/looking.js";
import { fetch_lines, hear, look_anew, refresh, tick } from "./list/renewing.js";
import { lines, tell_time, writes } from "./list/row.js";
import { onNewDay } from "./moments.js";
import "./shell.js";

const TYPING_MS = 180;
const TICK_MS = 20_000;

const sender = document.getElementById("sender");
const numbers = document.getElementById("numbers");

// What is clicked and typed

let typing = null;

search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    const was = new URLSearchParams(location.search).get("search");
    go({ search: search.value.trim() }, { isNew: !was });
  }, TYPING_MS);
});
document.getElementById("search-form").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  go({ search: search.value.trim(), sender: sender?.value ?? "" });
});
sender?.addEventListener("change", () => go({ sender: sender.value }));

pane.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const link = event.target.closest("a");
  if (link?.id === "more") {
    event.preventDefault();
    load();
  } else if (link?.matches(".kind, [data-sieve]")) {
    event.preventDefault();
    const wanted = new URL(link.href).searchParams;
    if (link.matches("[data-sieve]")) search.value = wanted.get("search") ?? "";
    go({ show: wanted.get("show") ?? "", search: search.value.trim() });
  }
});

function show_numbers(shows) {
  state.showsNumbers = shows;
  numbers.setAttribute("aria-pressed", String(shows));
}

/** Leave no number standing in a line that is drawn anew only when somebody comes to it. */
function veil(line) {
  (line.querySelector(".row-number") ?? line.querySelector(".row-name")).textContent = "…";
  drawn.delete(line.dataset.id);
}

numbers.addEventListener("click", async () => {
  const wanted = !state.showsNumbers;
  show_numbers(wanted);
  try {
    await (lines.length > KEPT_MAX ? look_anew() : fetch_lines([...lines].map((line) => line.dataset.id)));
    if (!state.showsNumbers) [...lines].filter((line) => overdue.has(line)).forEach(veil);
  } catch {
    toast("The numbers could not be loaded.", "bad");
    if (state.showsNumbers !== wanted) return;
    show_numbers(!wanted);
    // Some may be drawn already: they become as the others are, as soon as they can be loaded.
    [...lines].filter((line) => !overdue.has(line)).forEach((line) => hear(line.dataset.id));
  }
});

addEventListener("popstate", () => {
  const here = new URLSearchParams(location.search);
  search.value = here.get("search") ?? "";
  if (sender) sender.value = here.get("sender") ?? "";
  look();
});
addEventListener("pagehide", keep);

[...lines].forEach(adopted);
entitle();
watch();
restore();
setInterval(tick, TICK_MS);
onNewDay(() => [...lines].forEach(tell_time));
on("conversation", ({ id }) => hear(id));
on("message", ({ conversation }) => hear(conversation));
on("presence", writes);
on("refresh", refresh);
