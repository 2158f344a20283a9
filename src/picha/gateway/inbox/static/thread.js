// A thread that is open: it stays as it is while messages come, change and are read.

import "./composer.js";
import { forgetThread } from "./drafts.js";
import { enlarge } from "./lightbox.js";
import "./list.js";
import { fetched, isOver, on, toast, why } from "./live.js";
import { divide, localise, onNewDay } from "./moments.js";
import { tell } from "./story.js";

const talk = document.getElementById("talk");
const scroll = document.getElementById("talk-scroll");
const list = document.getElementById("messages");
const chip = document.getElementById("chip");
const here = `/inbox/conversations/${talk.dataset.id}`;
const isNewest = "newest" in talk.dataset;
const AT_END_PX = 80;
const FAR_PX = 900;
const GATHER_MS = 30;
const HEAD_MS = 1000;
const RETRY_MS = 2000;
const IDS_MAX = 60;
const SIGNS = ["pointermove", "pointerdown", "keydown", "wheel"];
const QUOTE_PAGES_MAX = 20;
// How each message was drawn by the gateway, so that what did not change is left alone.
const drawn = new Map();
let unseen = 0;

/* Where the reader is. In a column that is reversed, the end is at 0 and what is above it is less. */

function isAtEnd() {
  return scroll.scrollTop > -AT_END_PX;
}

function toEnd() {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  scroll.scrollTo({ top: 0, behavior: calm ? "instant" : "smooth" });
}

// Change the messages by `change` while what is read stays where it is.
function keeping(change) {
  const top = scroll.getBoundingClientRect().top;
  const seen = isAtEnd() ? null : [...list.children].find((one) => one.dataset.id && one.getBoundingClientRect().bottom > top);
  const was = seen?.getBoundingClientRect().top;
  const id = seen?.id;
  change();
  const now = id && document.getElementById(id);
  if (now) scroll.scrollTop += now.getBoundingClientRect().top - was;
}

function showChip() {
  const words = unseen ? `${unseen} new ${unseen === 1 ? "message" : "messages"}` : "To the newest";
  chip.querySelector("span").textContent = words;
  chip.hidden = isNewest && (isAtEnd() || (!unseen && scroll.scrollTop > -FAR_PX));
}

/* Messages put in their places */

function parsed(html) {
  const part = document.createElement("template");
  part.innerHTML = html;
  return [...part.content.children];
}

function take(one) {
  drawn.set(one.id, one.outerHTML);
  localise(one);
  if (isWatched) sharpen(one);
}

// A picture that is there already is moved over: drawn anew, it would flicker.
function carry(was, now) {
  const [former, picture] = [was, now].map((one) => one.querySelector(".msg-picture"));
  if (former && picture && former.dataset.picture === picture.dataset.picture) {
    const [image, fresh] = [former, picture].map((one) => one.querySelector("img"));
    image.alt = fresh.alt;
    fresh.replaceWith(image);
    near.unobserve(former);
  }
  const opened = was.querySelector("details[open]");
  if (opened) now.querySelector("details")?.setAttribute("open", "");
}

function swap(was, now) {
  const focused = was.contains(document.activeElement) ? document.activeElement : null;
  const does = focused?.dataset.does;
  const isPicture = focused?.classList.contains("msg-picture");
  carry(was, now);
  was.replaceWith(now);
  if (focused) (now.querySelector(isPicture ? ".msg-picture" : does ? `[data-does="${does}"]` : null) ?? now).focus();
}

function messages() {
  return [...list.children].filter((one) => one.dataset.id);
}

// Put one message in its place; tells whether it is new here.
function put(one) {
  const was = document.getElementById(one.id);
  if (was && drawn.get(one.id) === one.outerHTML) return false;
  const raw = one.outerHTML;
  if (was) {
    swap(was, one);
    take(one);
    drawn.set(one.id, raw);
    return false;
  }
  const all = messages();
  const isBefore = all.length > 0 && one.dataset.id < all[0].dataset.id;
  if (!isNewest || (isBefore && document.getElementById("older"))) return false;
  const after = all.findLast((other) => other.dataset.id < one.dataset.id);
  if (after) after.after(one);
  else list.prepend(one);
  take(one);
  drawn.set(one.id, raw);
  document.getElementById("nothing")?.remove();
  return true;
}

function merge(html, { toTheEnd = false } = {}) {
  const wasAtEnd = isAtEnd();
  const fresh = [];
  const found = parsed(html);
  const above = found.find((one) => one.id === "talk-head");
  if (above) takeHead(above);
  const mark = found.find((one) => one.id === "talk-upto")?.dataset.upto ?? "";
  if (mark > upTo) [upTo, news] = [mark, news + 1];
  keeping(() => {
    for (const one of found) if (one.dataset.id && put(one)) fresh.push(one);
    if (fresh.length) divide(list);
  });
  for (const one of fresh) one.classList.add("is-new");
  const heard = fresh.filter((one) => "theirs" in one.dataset);
  if (heard.length) {
    const last = heard.at(-1);
    document.getElementById("talk-said").textContent = `${last.dataset.who}: ${last.dataset.snippet}`;
    if (!wasAtEnd) unseen += heard.length;
  }
  if (toTheEnd && fresh.length) toEnd();
  showChip();
}

/* What is told while the page is open */

const awaited = new Set();
let isAsking = false;
let isSent = false;

function ask(id) {
  awaited.add(id);
  if (!isAsking) {
    isAsking = true;
    setTimeout(answerAll, GATHER_MS);
  }
}

async function answerAll() {
  while (awaited.size) {
    const ids = [...awaited].slice(0, IDS_MAX);
    for (const id of ids) awaited.delete(id);
    const toTheEnd = isSent;
    isSent = false;
    const html = await asked(`${here}/messages?ids=${ids.join(",")}`);
    if (isOver()) return;
    if (html === null) {
      for (const id of ids) awaited.add(id);
      isSent ||= toTheEnd;
      await later();
      continue;
    }
    news += 1;
    merge(html, { toTheEnd });
  }
  isAsking = false;
  markRead();
}

// What could not be had is asked for again, until it is drawn.
function later() {
  return new Promise((done) => setTimeout(done, RETRY_MS));
}

// A thread that is gone takes what was written in it along.
function leave() {
  forgetThread(talk.dataset.id);
  location.assign(document.getElementById("back").href);
}

async function asked(path) {
  const answer = await fetched(path).catch(() => null);
  if (answer?.status === 404) leave();
  return answer?.ok ? answer.text().catch(() => null) : null;
}

let refreshing = null;
let isStale = false;

// Once at a time, and once more after it if that is told meanwhile.
function refresh() {
  isStale = true;
  refreshing ??= refreshed().finally(() => {
    refreshing = null;
    markRead();
  });
}

async function refreshed() {
  while (isStale) {
    isStale = false;
    if ((await lookAnew()) || isOver()) continue;
    isStale = true;
    await later();
  }
}

// Look at the last messages anew; tells whether they could be had.
async function lookAnew() {
  if (!isNewest) return true;
  const html = await asked(`${here}/newest`);
  if (html === null) return false;
  const found = parsed(html);
  const [oldest] = found.filter((one) => one.dataset.id);
  const newest = messages().at(-1);
  // More came than a page holds while nobody told of it.
  if (oldest && newest && found.some((one) => one.id === "older") && oldest.dataset.id > newest.dataset.id) location.reload();
  else merge(html);
  return true;
}

on("message", ({ id, conversation }) => {
  if (conversation === talk.dataset.id) ask(id);
});
on("conversation", ({ id }) => {
  if (id === talk.dataset.id) headSoon();
});
on("refresh", refresh);
document.addEventListener("picha:gone", leave);
document.addEventListener("picha:sent", (event) => {
  isSent = true;
  ask(event.detail.message_id);
});

/* Read, here: whoever has the end before them has seen all that is drawn, and nothing that came since. */

let upTo = talk.dataset.upto ?? "";
// How often something was drawn that may be unread, and how much of that was read.
let news = Number(talk.dataset.unread) ? 1 : 0;
let newsRead = 0;
let isReading = false;
let readAt = -Infinity;

async function markRead({ isOpening = false } = {}) {
  // What was told of and is not drawn yet may be older than what is.
  if (document.hidden || !isNewest || isAsking || refreshing || isReading || newsRead === news) return;
  if (!isOpening && !isAtEnd()) return;
  const read = news;
  isReading = true;
  readAt = performance.now();
  const form = new URLSearchParams(upTo ? { up_to: upTo } : {});
  const answer = await fetched(`${here}/read`, { form }).catch(() => null);
  isReading = false;
  if (!answer?.ok) return;
  newsRead = read;
  markRead();
}

/* Older messages */

let loading = null;

function loadOlder() {
  loading ??= older().finally(() => (loading = null));
  return loading;
}

async function older() {
  const line = document.getElementById("older");
  if (!line) return false;
  line.classList.add("is-busy");
  const html = await asked(`${here}/messages?before=${line.dataset.before}`);
  line.classList.remove("is-busy");
  if (html === null) return false;
  const found = parsed(html);
  keeping(() => {
    line.replaceWith(...found);
    for (const one of found) if (one.dataset.id) take(one);
    divide(list);
  });
  const next = document.getElementById("older");
  if (next) top.observe(next);
  return true;
}

const top = new IntersectionObserver(
  (seen) => {
    if (seen.some((one) => one.isIntersecting)) loadOlder();
  },
  { root: scroll, rootMargin: "800px 0px 0px" },
);

/* Pictures in view become as sharp as they are once somebody is there, unless they are large or bytes are dear. */

let isWatched = false;

function sharpen(part) {
  for (const link of part.querySelectorAll(".msg-picture[data-sharpens]")) near.observe(link);
}

function watched() {
  for (const sign of SIGNS) removeEventListener(sign, watched, true);
  isWatched = true;
  sharpen(list);
}

const near = new IntersectionObserver(
  (seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting || navigator.connection?.saveData) continue;
      near.unobserve(target);
      const large = new Image();
      large.src = target.href;
      large.decode().then(
        () => {
          // Drawn anew meanwhile, a message has its picture in another place.
          const image = target.querySelector("img");
          if (!image) return;
          image.loading = "eager";
          image.src = large.src;
        },
        () => {},
      );
    }
  },
  { root: scroll, threshold: 0.4 },
);

/* The head */

const countdown = { left: 0, at: 0, soon: 0 };

function count() {
  const badge = document.getElementById("talk-window");
  if (!badge?.dataset.left) return;
  const left = countdown.left - (performance.now() - countdown.at) / 1000;
  if (left <= 0) {
    delete badge.dataset.left;
    head();
    return;
  }
  const minutes = Math.floor(left / 60);
  badge.querySelector("[data-words]").textContent = minutes >= 60 ? `${Math.floor(minutes / 60)} h` : `${minutes} min`;
}

function begin() {
  countdown.left = Number(document.getElementById("talk-window")?.dataset.left ?? 0);
  countdown.at = performance.now();
}

function takeHead(fresh) {
  clearTimeout(countdown.soon);
  for (const id of ["talk-window", "talk-name"]) {
    const [was, now] = [document.getElementById(id), fresh.querySelector(`#${id}`)];
    if (was && now && was.outerHTML !== now.outerHTML) was.replaceWith(now);
  }
  begin();
  count();
}

async function head() {
  const html = await asked(`${here}/head`);
  if (html !== null) takeHead(parsed(html)[0]);
}

// Much is told of a thread at once, most of it with a message that brings its head along, or because it was read here.
function headSoon() {
  if (performance.now() - readAt < HEAD_MS) return;
  clearTimeout(countdown.soon);
  countdown.soon = setTimeout(head, HEAD_MS);
}

const number = document.getElementById("talk-number");
const masked = number?.textContent;
document.getElementById("show-number")?.addEventListener("click", async (event) => {
  const button = event.currentTarget;
  if (number.textContent !== masked) {
    number.textContent = masked;
    button.textContent = "Show";
    return;
  }
  const answer = await fetched(`${here}/number`).catch(() => null);
  if (!answer?.ok) return toast("The number could not be loaded. Try again.", "bad");
  number.textContent = (await answer.json()).number;
  button.textContent = "Hide";
});
document.getElementById("delete").addEventListener("click", () => {
  document.querySelector(".talk-menu").open = false;
  document.getElementById("delete-ask").showModal();
});
document.getElementById("delete-it").addEventListener("click", async () => {
  document.getElementById("delete-ask").close();
  const answer = await fetched(`${here}/delete`, { form: new URLSearchParams() }).catch(() => null);
  if (answer?.ok) leave();
  else toast(await why(answer, "It was not deleted. Try again."), "bad");
});
const back = document.getElementById("back");
const there = new URL(back.href);
for (const [name, value] of new URLSearchParams(location.search)) if (name !== "older") there.searchParams.set(name, value);
back.href = there.href;

/* What is done with one message */

async function find(id) {
  for (let n = 0; n < QUOTE_PAGES_MAX; n += 1) {
    const one = document.getElementById(`m-${id}`);
    if (one || !(await loadOlder())) return one;
  }
  return null;
}

async function leap(id) {
  const one = await find(id);
  if (!one) return toast("That message is too far back to be shown from here.");
  one.scrollIntoView({ block: "center" });
  one.classList.remove("is-found");
  void one.offsetWidth;
  one.classList.add("is-found");
  one.focus({ preventScroll: true });
}

function reply(one) {
  const thumb = one.querySelector(".msg-picture") ? `/inbox/pictures/${one.querySelector(".msg-picture").dataset.picture}/thumb` : "";
  const { id, who, snippet } = one.dataset;
  document.dispatchEvent(new CustomEvent("picha:reply", { detail: { id, name: who, snippet, thumb } }));
}

function fresh() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The same once more, as a new message: what failed stays as it is.
async function again(one, button) {
  const picture = one.querySelector(".msg-picture")?.dataset.picture;
  const text = one.querySelector(".msg-text")?.textContent ?? "";
  const form = new URLSearchParams({ key: (button.dataset.key ??= fresh()) });
  if (picture) form.set("file_id", picture);
  if (text) form.set(picture ? "caption" : "text", text);
  const quote = one.querySelector(".msg-quote")?.dataset.quote;
  if (quote) form.set("reply_to", quote);
  button.disabled = true;
  const answer = await fetched(`${here}/send`, { form }).catch(() => null);
  if (answer?.ok) {
    toast("It is sent again, as a new message.");
    document.dispatchEvent(new CustomEvent("picha:sent", { detail: await answer.json() }));
    return;
  }
  button.disabled = false;
  toast(await why(answer, "It was not sent. Try again."), "bad");
}

list.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const one = event.target.closest(".msg");
  const part = event.target.closest("[data-does], .msg-quote, .msg-picture, #older a");
  if (!part) return;
  event.preventDefault();
  if (part.matches("#older a")) loadOlder();
  else if (part.matches(".msg-quote")) leap(part.dataset.quote);
  else if (part.matches(".msg-picture")) enlarge(part, loadOlder);
  else if (part.dataset.does === "reply") reply(one);
  else if (part.dataset.does === "story") tell(one.dataset.id, part);
  else if (part.dataset.does === "again") again(one, part);
});
chip.addEventListener("click", () => (isNewest ? toEnd() : location.assign(document.querySelector(".talk-newer a").href)));
scroll.addEventListener("scroll", () => {
  if (isAtEnd()) {
    unseen = 0;
    markRead();
  }
  showChip();
});
document.addEventListener("visibilitychange", () => markRead());

for (const sign of SIGNS) addEventListener(sign, watched, true);
for (const one of messages()) take(one);
divide(list);
document.getElementById("unread")?.scrollIntoView({ block: "center" });
if (location.hash.startsWith("#m-")) leap(location.hash.slice(3));
begin();
setInterval(count, 15_000);
onNewDay(() => keeping(() => divide(list)));
showChip();
const first = document.getElementById("older");
if (first) top.observe(first);
if (upTo) markRead({ isOpening: true });
