// The list of conversations: kinds and search without leaving the page, lines that change as they do, more on scroll,
// keys, and the place kept from one page to the next.

import { fetched, on, toast } from "./live.js";

const TYPING_MS = 180;
const GATHER_MS = 60;
const AGAIN_MS = 2000;
const TICK_MS = 20_000;
const WRITING_MS = 6000;
const CHUNK = 50;
const KEPT_MAX = 400;
const LEAF_MAX = 2 * CHUNK;
const PLACE = "picha-list";

const pane = document.getElementById("list");
const scroller = document.getElementById("list-scroll");
const threads = document.getElementById("threads");
// Every line in its order, as it is at any moment. They lie in leaves, one for each page that was loaded: what a browser
// does for what is out of sight it does for leaves, however many lines there are.
const lines = threads.getElementsByClassName("thread");
const search = document.getElementById("search");
const sender = document.getElementById("sender");
const numbers = document.getElementById("numbers");
const keys = document.getElementById("keys");
const said = document.getElementById("list-said");
const title = document.title;

// What the server drew of each line: a line that is as before is left alone.
const drawn = new Map();
// The lines that were not looked at anew with the others, as nobody sees them: each is when its leaf comes into sight.
const overdue = new WeakSet();
let showsNumbers = false;
// Grows with each change of what is looked for: what was asked for before is too late then.
let turn = 0;

// What is looked for

function sieve() {
  const here = new URLSearchParams(location.search);
  return ["show", "search", "sender"].flatMap((name) => (here.get(name) ? [[name, here.get(name)]] : []));
}

function address(changed) {
  const there = new URLSearchParams(sieve());
  for (const [name, value] of Object.entries(changed)) {
    if (value && !(name === "show" && value === "all")) there.set(name, value);
    else there.delete(name);
  }
  return location.pathname + (there.size ? `?${there}` : "");
}

async function ask(more = [], { signal } = {}) {
  const wanted = new URLSearchParams([...sieve(), ...more]);
  if (showsNumbers) wanted.set("numbers", "shown");
  const answer = await fetched(`/inbox/list?${wanted}`, { signal });
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  const part = new DOMParser().parseFromString(await answer.text(), "text/html");
  return { kinds: part.getElementById("kinds"), lines: [...part.querySelectorAll(".thread")], end: part.getElementById("list-end") };
}

let asking = null;

/** Show what the address asks for now. */
async function look() {
  turn += 1;
  asking?.abort();
  asking = new AbortController();
  const mine = turn;
  scroller.classList.add("is-stale");
  search.parentElement.classList.add("is-busy");
  try {
    const part = await ask([], asking);
    if (mine !== turn) return;
    counted(part.kinds);
    threads.replaceChildren(leaf_of(part.lines));
    ended(part.end);
    scroller.scrollTop = 0;
    said.textContent = lines.length ? `${lines.length}${more() ? " or more" : ""} conversations` : "No conversations";
  } catch (error) {
    if (error.name !== "AbortError") toast("The list could not be loaded. Try again in a moment.", "bad");
  } finally {
    if (mine === turn) {
      scroller.classList.remove("is-stale");
      search.parentElement.classList.remove("is-busy");
    }
  }
}

function go(changed, { isNew = true } = {}) {
  const there = address(changed);
  if (there === location.pathname + location.search) return;
  history[isNew ? "pushState" : "replaceState"](null, "", there);
  look();
}

// Lines

function adopted(line) {
  drawn.set(line.dataset.id, line.outerHTML);
  const link = link_of(line);
  if (link.pathname === location.pathname) link.setAttribute("aria-current", "true");
  tell_time(line);
  show_writer(line);
  return line;
}

function leaf_of(fresh) {
  const leaf = document.createElement("ol");
  leaf.className = "leaf";
  leaf.append(...fresh.map(adopted));
  watched(leaf);
  return leaf;
}

/** Let what is in a leaf be right whenever it comes into sight. */
function watched(leaf) {
  leaf.addEventListener("contentvisibilityautostatechange", (event) => {
    if (event.skipped) return;
    const here = [...leaf.children];
    here.forEach(tell_time);
    here.filter((line) => overdue.has(line)).forEach((line) => hear(line.dataset.id));
  });
}

function link_of(line) {
  return line.querySelector("a");
}

function line_of(id) {
  return threads.querySelector(`.thread[data-id="${CSS.escape(id)}"]`);
}

function more() {
  return document.getElementById("more");
}

function is_before(one, other) {
  const [mine, its] = [Number(one.dataset.at), Number(other.dataset.at)];
  return mine > its || (mine === its && one.dataset.id > other.dataset.id);
}

/** Return whether a line belongs among those that are not loaded yet: behind the place at which the next page begins. */
function is_beyond(line) {
  if (!more()) return false;
  const [at, id] = more().dataset.before.split(".");
  return is_before({ dataset: { at, id } }, line);
}

/** Return the line that stands before or behind another, whatever leaf it is in. */
function beside(line, step) {
  const [next, edge] = step > 0 ? ["nextElementSibling", "firstElementChild"] : ["previousElementSibling", "lastElementChild"];
  let leaf = line.parentElement;
  let found = line[next];
  while (!found && (leaf = leaf[next])) found = leaf[edge];
  return found;
}

/** Return the first line behind which another belongs, if there is one. */
function next_of(line, old) {
  const ends_behind = (leaf) => {
    const last = leaf.lastElementChild === old ? old?.previousElementSibling : leaf.lastElementChild;
    return last && is_before(line, last);
  };
  const leaf = [...threads.children].find(ends_behind);
  return leaf && [...leaf.children].find((one) => one !== old && is_before(line, one));
}

/** Take a line away, and its leaf with the last of it. */
function take(line) {
  const leaf = line.parentElement;
  line.remove();
  if (!leaf.children.length && threads.children.length > 1) leaf.remove();
}

/** Make two leaves of one that grew too large to be drawn at once. */
function split(leaf) {
  const focused = leaf.contains(document.activeElement) ? document.activeElement : null;
  const behind = leaf.cloneNode(false);
  behind.append(...[...leaf.children].slice(leaf.children.length / 2));
  watched(behind);
  leaf.after(behind);
  // What is moved loses the focus.
  focused?.focus({ preventScroll: true });
}

/** Put a line where it belongs; one that belongs among those that are not loaded yet goes. */
function put(line) {
  const old = line_of(line.dataset.id);
  if (old && drawn.get(line.dataset.id) === line.outerHTML) {
    overdue.delete(old);
    return;
  }
  if (is_beyond(line)) {
    drop(line.dataset.id);
    return;
  }
  const next = next_of(line, old);
  const had_focus = old?.contains(document.activeElement);
  const moved = adopted(line);
  // A picture that is there already is not loaded and drawn again.
  const [picture, was] = [moved, old].map((one) => one?.querySelector(".row-picture"));
  if (was && picture?.src === was.src) picture.replaceWith(was);
  if (old && beside(old, 1) === (next ?? null)) old.replaceWith(moved);
  else {
    if (next) next.before(moved);
    else threads.lastElementChild.append(moved);
    if (old) take(old);
  }
  if (had_focus) link_of(moved).focus({ preventScroll: true });
  if (moved.parentElement.children.length > LEAF_MAX) split(moved.parentElement);
}

function drop(id) {
  const line = line_of(id);
  if (!line) return;
  if (line.contains(document.activeElement)) {
    const next = beside(line, 1) ?? beside(line, -1);
    (next ? link_of(next) : search).focus({ preventScroll: true });
  }
  take(line);
  drawn.delete(id);
}

function counted(kinds) {
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

function entitle() {
  const shown = document.querySelector('.kind[data-show="unread"]');
  const unread = shown.querySelector(".kind-count").textContent;
  document.title = Number(shown.dataset.count) ? `(${unread}) ${title}` : title;
}

// The end of the list, and more of it

const watcher = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && load(), { root: scroller, rootMargin: "800px" });

function ended(end) {
  document.getElementById("list-end").replaceWith(end);
  watch();
}

/** Look whether the end of the list is in sight, from now on. */
function watch() {
  watcher.disconnect();
  if (more()) watcher.observe(more());
}

/** Keep as many lines as can be looked at anew, and what is in sight with all before it; the rest comes again on scroll. */
function cut(end) {
  const all = [...lines];
  const seen = all.indexOf(near().filter(is_seen).at(-1));
  const kept = Math.max(KEPT_MAX, seen + 1 + CHUNK);
  if (all.length <= kept) return;
  const last = all[kept - 1];
  const gone = all.slice(kept);
  if (gone.some((line) => line.contains(document.activeElement))) link_of(last).focus({ preventScroll: true });
  for (const line of gone) {
    drawn.delete(line.dataset.id);
    take(line);
  }
  if (!more()) ended(end);
  more().dataset.before = `${last.dataset.at}.${last.dataset.id}`;
  const there = new URL(more().href);
  there.searchParams.set("before", more().dataset.before);
  more().href = there;
  watch();
}

let loading = null;
// Whether the next page could not be loaded; it is tried again while its place is in sight.
let isShort = false;

/** Load the next page of lines, once at a time. */
function load() {
  loading ??= next_page().finally(() => {
    loading = null;
  });
  return loading;
}

async function next_page() {
  const mine = turn;
  try {
    const { before } = more().dataset;
    const part = await ask([["before", before]]);
    // The list may end in another place by now: what was asked for would leave a gap behind it.
    if (mine !== turn || more()?.dataset.before !== before) {
      watch();
      return;
    }
    const focused = document.activeElement === more();
    const there = new Set([...lines].map((line) => line.dataset.id));
    const fresh = part.lines.filter((line) => !there.has(line.dataset.id));
    if (fresh.length) threads.append(leaf_of(fresh));
    ended(part.end);
    if (focused && fresh.length) link_of(fresh[0]).focus({ preventScroll: true });
    isShort = false;
  } catch {
    if (!isShort) toast("Older conversations could not be loaded.", "bad");
    isShort = true;
    setTimeout(watch, AGAIN_MS);
  }
}

// As it changes

const changed = new Set();
let gathering = null;

function hear(id) {
  changed.add(id);
  gathering ??= setTimeout(renew, GATHER_MS);
}

/** Fetch the lines that changed, and put them in their places. */
async function renew() {
  const ids = [...changed];
  changed.clear();
  try {
    await fetch_lines(ids);
  } catch {
    ids.forEach((id) => changed.add(id));
    await new Promise((done) => setTimeout(done, AGAIN_MS));
  }
  gathering = changed.size ? setTimeout(renew, GATHER_MS) : null;
}

async function fetch_lines(ids) {
  for (let start = 0; start < ids.length; start += CHUNK) {
    const mine = turn;
    const chunk = ids.slice(start, start + CHUNK);
    const part = await ask(chunk.map((id) => ["id", id]));
    if (mine !== turn) return;
    counted(part.kinds);
    const found = new Map(part.lines.map((line) => [line.dataset.id, line]));
    chunk.filter((id) => !found.has(id)).forEach(drop);
    found.forEach(put);
    if (!lines.length) await look();
    else if (part.lines.length && document.querySelector("#list-end .empty")) document.querySelector("#list-end .empty").remove();
  }
}

let refreshing = null;
let isStale = false;

/** Look at all anew, as anything may have changed: once at a time, and once more after it if that is told meanwhile. */
function refresh() {
  isStale = true;
  refreshing ??= refreshed().finally(() => {
    refreshing = null;
  });
}

async function refreshed() {
  while (isStale) {
    isStale = false;
    // The stream tells once more when it is back.
    await look_anew().catch(() => {});
  }
}

async function look_anew() {
  const mine = turn;
  const part = await ask();
  if (mine !== turn) return;
  counted(part.kinds);
  const there = new Set(part.lines.map((line) => line.dataset.id));
  const last = part.lines.at(-1);
  const loaded = [...lines];
  const rest = loaded.filter((line) => !there.has(line.dataset.id));
  // What stands above the last of the first page and is not on it is gone from this list.
  const is_all = !part.end.querySelector("#more");
  rest.filter((line) => is_all || is_before(line, last)).forEach((line) => drop(line.dataset.id));
  if (!loaded.length || is_all) ended(part.end);
  part.lines.forEach(put);
  if (lines.length > KEPT_MAX) cut(part.end);
  const later = new Set([...lines].slice(KEPT_MAX).filter((line) => !is_drawn(line)));
  later.forEach((line) => overdue.add(line));
  await fetch_lines(rest.filter((line) => line.isConnected && !later.has(line)).map((line) => line.dataset.id));
}

/** Return whether the browser draws a line: those of leaves that are far from what is in sight it leaves out. */
function is_drawn(line) {
  return line.checkVisibility?.({ contentVisibilityAuto: true }) ?? true;
}

// Times

const hour = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

function when(at, now) {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const days = Math.ceil((midnight - at) / 86_400_000);
  if (days <= 0) return hour.format(at);
  if (days === 1) return "Yesterday";
  if (days < 7) return weekday.format(at);
  return (at.getFullYear() === now.getFullYear() ? day : date).format(at);
}

function tell_time(line) {
  const now = new Date();
  const time = line.querySelector("time[data-when]");
  const at = new Date(time.dateTime);
  say(time, when(at, now));
  time.title = whole.format(at);
  const shown = line.querySelector(".row-window");
  const left = shown.dataset.until ? Number(shown.dataset.until) / 1000 - (now.getTime() + Number(shown.dataset.ahead) * 1000) : 0;
  const minutes = Math.floor(left / 60_000);
  say(shown.querySelector("[data-left]"), left <= 0 ? "closed" : minutes >= 60 ? `${Math.floor(minutes / 60)} h left` : `${Math.max(1, minutes)} min left`);
  shown.classList.toggle("is-closed", left <= 0);
  shown.classList.toggle("is-short", left > 0 && minutes < 120);
}

function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  for (const line of near()) tell_time(line);
  // A sandbox's clock may have been moved, and nobody tells.
  if (pane.dataset.environment === "test" && !document.hidden) fetch_lines(in_sight()).catch(() => {});
}

/** Return the lines of those leaves that can be seen any of. */
function near() {
  return [...threads.children].filter(is_seen).flatMap((leaf) => [...leaf.children]);
}

function is_seen(element) {
  const [box, one] = [scroller, element].map((each) => each.getBoundingClientRect());
  return one.bottom > box.top && one.top < box.bottom;
}

function in_sight() {
  return near().filter(is_seen).slice(0, CHUNK).map((line) => line.dataset.id);
}

// Who writes

const writing = new Map();

function writes({ conversation, name }) {
  clearTimeout(writing.get(conversation)?.end);
  const end = setTimeout(() => {
    writing.delete(conversation);
    show_writer(line_of(conversation));
  }, WRITING_MS);
  writing.set(conversation, { name, end });
  show_writer(line_of(conversation));
}

function show_writer(line) {
  if (!line) return;
  const writer = writing.get(line.dataset.id);
  const shown = line.querySelector(".row-writing");
  shown.textContent = writer ? `${writer.name} is writing…` : "";
  shown.hidden = !writer;
  line.classList.toggle("is-written", Boolean(writer));
}

// The place in the list, kept for the next page of this window

function keep() {
  const kept = { sieve: String(new URLSearchParams(sieve())), top: scroller.scrollTop, count: lines.length };
  sessionStorage.setItem(PLACE, JSON.stringify(kept));
}

async function restore() {
  const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
  if (kept && kept.sieve === String(new URLSearchParams(sieve()))) {
    while (lines.length < Math.min(kept.count, KEPT_MAX) && more()) {
      const before = lines.length;
      await load();
      if (lines.length === before) break;
    }
    scroller.scrollTop = kept.top;
  }
  threads.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
}

// Keys

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
  showsNumbers = shows;
  numbers.setAttribute("aria-pressed", String(shows));
}

/** Leave no number standing in a line that is drawn anew only when somebody comes to it. */
function veil(line) {
  (line.querySelector(".row-number") ?? line.querySelector(".row-name")).textContent = "…";
  drawn.delete(line.dataset.id);
}

numbers.addEventListener("click", async () => {
  const wanted = !showsNumbers;
  show_numbers(wanted);
  try {
    await (lines.length > KEPT_MAX ? look_anew() : fetch_lines([...lines].map((line) => line.dataset.id)));
    if (!showsNumbers) [...lines].filter((line) => overdue.has(line)).forEach(veil);
  } catch {
    toast("The numbers could not be loaded.", "bad");
    if (showsNumbers !== wanted) return;
    show_numbers(!wanted);
    // Some may be drawn already: they become as the others are, as soon as they can be loaded.
    [...lines].filter((line) => !overdue.has(line)).forEach((line) => hear(line.dataset.id));
  }
});
document.getElementById("keys-button").addEventListener("click", () => keys.showModal());
keys.addEventListener("click", (event) => event.target === keys && keys.close());

addEventListener("popstate", () => {
  const here = new URLSearchParams(location.search);
  search.value = here.get("search") ?? "";
  if (sender) sender.value = here.get("sender") ?? "";
  look();
});
addEventListener("pagehide", keep);

[...lines].forEach(adopted);
[...threads.children].forEach(watched);
entitle();
watch();
restore();
setInterval(tick, TICK_MS);
on("conversation", ({ id }) => hear(id));
on("message", ({ conversation }) => hear(conversation));
on("presence", writes);
on("refresh", refresh);
