// The lines of the list in their order and in their leaves: put where they belong, and taken away.

import { line_of, lines, link_of, show_writer, tell_time, threads } from "./row.js";

export const CHUNK = 50;
const LEAF_MAX = 2 * CHUNK;

export const pane = document.getElementById("list");
export const scroller = document.getElementById("list-scroll");
export const search = document.getElementById("search");

// What the server drew of each line: a line that is as before is left alone.
export const drawn = new Map();
// The lines that were not looked at anew with the others, as nobody sees them: each is when its leaf comes into sight.
export const overdue = new WeakSet();

export function adopted(line) {
  drawn.set(line.dataset.id, line.outerHTML);
  const link = link_of(line);
  if (link.pathname === location.pathname) link.setAttribute("aria-current", "true");
  tell_time(line);
  show_writer(line);
  return line;
}

export function leaf_of(fresh) {
  const leaf = document.createElement("ol");
  leaf.className = "leaf";
  leaf.append(...fresh.map(adopted));
  return leaf;
}

export function more() {
  return document.getElementById("more");
}

export function is_before(one, other) {
  const [mine, its] = [Number(one.dataset.at), Number(other.dataset.at)];
  return mine > its || (mine === its && one.dataset.id > other.dataset.id);
}

// The first line when all was looked at last: from where it stood, no line is missing but those that are to be loaded.
let topmost = lines[0];

export function settle(first) {
  topmost = first;
}

/** Return whether a line stands so high that others, which moved up unheard, may be missing below it. */
export function is_astray(line) {
  return !topmost || is_before(line, topmost);
}

/** Return whether a line belongs among those that are not loaded yet: behind the place at which the next page begins. */
function is_beyond(line) {
  if (!more()) return false;
  const [at, id] = more().dataset.before.split(".");
  return is_before({ dataset: { at, id } }, line);
}

/** Return the line that stands before or behind another, whatever leaf it is in. */
export function beside(line, step) {
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
export function take(line) {
  const leaf = line.parentElement;
  line.remove();
  if (!leaf.children.length && threads.children.length > 1) leaf.remove();
}

/** Make two leaves of one that grew too large to be drawn at once. */
function split(leaf) {
  const focused = leaf.contains(document.activeElement) ? document.activeElement : null;
  const behind = leaf.cloneNode(false);
  behind.append(...[...leaf.children].slice(leaf.children.length / 2));
  leaf.after(behind);
  // What is moved loses the focus.
  focused?.focus({ preventScroll: true });
}

/** Put a line where it belongs; one that belongs among those that are not loaded yet goes. */
export function put(line) {
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

export function drop(id) {
  const line = line_of(id);
  if (!line) return;
  if (line.contains(document.activeElement)) {
    const next = beside(line, 1) ?? beside(line, -1);
    (next ? link_of(next) : search).focus({ preventScroll: true });
  }
  take(line);
  drawn.delete(id);
}

// What is in sight

/** Return the lines of those leaves that can be seen any of. */
export function near() {
  return [...threads.children].filter(is_seen).flatMap((leaf) => [...leaf.children]);
}

export function is_seen(element) {
  const [box, one] = [scroller, element].map((each) => each.getBoundingClientRect());
  return one.bottom > box.top && one.top < box.bottom;
}

export function in_sight() {
  return near().filter(is_seen).slice(0, CHUNK).map((line) => line.dataset.id);
}

/** Return whether the browser draws a line: those of leaves that are far from what is in sight it leaves out. */
export function is_drawn(line) {
  return line.checkVisibility?.({ contentVisibilityAuto: true }) ?? true;
}
