// Looking for something else without leaving the page.

import { toast } from "../live.js";
import { address, ask, begin, state } from "./asking.js";
import { ended } from "./end.js";
import { leaf_of, more, scroller, search, settle } from "./lines.js";
import { lines, threads } from "./row.js";

const said = document.getElementById("list-said");
const title = document.title;

let asking = null;

/** Show what the address asks for now. */
export async function look() {
  const mine = begin();
  asking?.abort();
  asking = new AbortController();
  scroller.classList.add("is-stale");
  search.parentElement.classList.add("is-busy");
  try {
    const part = await ask([], asking);
    if (mine !== state.turn) return;
    counted(part.kinds);
    threads.replaceChildren(leaf_of(part.lines));
    settle(part.lines[0]);
    ended(part.end);
    scroller.scrollTop = 0;
    said.textContent = lines.length ? `${lines.length}${more() ? " or more" : ""} conversations` : "No conversations";
  } catch (error) {
    if (error.name !== "AbortError") toast("The list could not be loaded. Try again in a moment.", "bad");
  } finally {
    if (mine === state.turn) {
      scroller.classList.remove("is-stale");
      search.parentElement.classList.remove("is-busy");
    }
  }
}

export function go(changed, { isNew = true } = {}) {
  const there = address(changed);
  if (there === location.pathname + location.search) return;
  history[isNew ? "pushState" : "replaceState"](null, "", there);
  look();
}

export function counted(kinds) {
  for (const told of kinds.querySelectorAll(".kind")) {
    const shown = document.querySelector(`.kind[data-show="${told.dataset.show}"]`);
    if (told.hasAttribute("aria-current")) shown.setAttribute("aria-current", "true");
    else shown.removeAttribute("aria-current");
    shown.dataset.count = told.dataset.count;
    shown.querySelector(".kind-count").textContent = told.querySelector(".kind-count").textContent;
    const wanted = new URL(told.href).search;
    shown.href = location.pathname + wanted;
  }
  entitle();
}

export function entitle() {
  const shown = document.querySelector('.kind[data-show="unread"]');
  const unread = shown.querySelector(".kind-count").textContent;
  document.title = Number(shown.dataset.count) ? `(${unread}) ${title}` : title;
}
