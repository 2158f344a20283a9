// The end of the list, and more of it; and the place in it, kept for the next page of this window.

import { toast } from "../live.js";
import { AGAIN_MS, ask, sieve, state } from "./asking.js";
import { CHUNK, drawn, is_seen, leaf_of, more, near, scroller, take } from "./lines.js";
import { lines, link_of, threads } from "./row.js";

export const KEPT_MAX = 400;
const PLACE = "picha-list";

const watcher = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && load(), { root: scroller, rootMargin: "800px" });

export function ended(end) {
  document.getElementById("list-end").replaceWith(end);
  watch();
}

/** Look whether the end of the list is in sight, from now on. */
export function watch() {
  watcher.disconnect();
  if (more()) watcher.observe(more());
}

/** Keep as many lines as can be looked at anew, and what is in sight with all before it; the rest comes again on scroll. */
export function cut(end) {
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
export function load() {
  loading ??= next_page().finally(() => {
    loading = null;
  });
  return loading;
}

async function next_page() {
  const mine = state.turn;
  try {
    const { before } = more().dataset;
    const part = await ask([["before", before]]);
    // The list may end in another place by now: what was asked for would leave a gap behind it.
    if (mine !== state.turn || more()?.dataset.before !== before) {
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

export function keep() {
  const kept = { sieve: String(new URLSearchParams(sieve())), top: scroller.scrollTop, count: lines.length };
  sessionStorage.setItem(PLACE, JSON.stringify(kept));
}

export async function restore() {
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
