// The keys that work in the list.

import { load } from "./end.js";
import { more, pane, search } from "./lines.js";
import { go } from "./looking.js";
import { threads } from "./row.js";

const keys = document.getElementById("keys");

function is_field(element) {
  return element.closest?.("input, textarea, select, [contenteditable]");
}

function move(step) {
  const links = [...threads.querySelectorAll("a")];
  const here = links.findIndex((link) => link === document.activeElement);
  const from = here >= 0 ? here : links.findIndex((link) => link.hasAttribute("aria-current"));
  const to = from < 0 ? 0 : Math.min(Math.max(from + step, 0), links.length - 1);
  if (to >= links.length - 5 && more()) load();
  links[to]?.focus({ preventScroll: true });
  links[to]?.parentElement.scrollIntoView({ block: "nearest" });
}

function clear() {
  search.value = "";
  go({ search: "" });
}

const PRESSED = {
  j: () => move(1),
  k: () => move(-1),
  "/": () => {
    search.focus();
    search.select();
  },
  "?": () => keys.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const is_here = pane.contains(event.target) || event.target === document.body;
  let done = null;
  if (event.target === search) {
    if (event.key === "ArrowDown") done = () => move(1);
    if (event.key === "Escape") done = search.value ? clear : () => search.blur();
  } else if (!is_field(event.target)) {
    done = PRESSED[event.key];
    if (is_here && event.key === "ArrowDown") done = () => move(1);
    if (is_here && event.key === "ArrowUp") done = () => move(-1);
    if (is_here && event.key === "Escape" && search.value) done = clear;
  }
  if (!done) return;
  event.preventDefault();
  done();
});

document.getElementById("keys-button").addEventListener("click", () => keys.showModal());
keys.addEventListener("click", (event) => event.target === keys && keys.close());
