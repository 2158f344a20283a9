// The list as it changes: what is told of is fetched and put in its place, and all of it looked at anew.

import { environment, isOver } from "../live.js";
import { AGAIN_MS, ask, state } from "./asking.js";
import { cut, ended, KEPT_MAX } from "./end.js";
import { CHUNK, drop, in_sight, is_astray, is_before, is_drawn, near, overdue, put, settle } from "./lines.js";
import { counted, look } from "./looking.js";
import { lines, tell_time, threads } from "./row.js";

const GATHER_MS = 60;

const changed = new Set();
let gathering = null;

export function hear(id) {
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
    if (isOver()) return;
    ids.forEach((id) => changed.add(id));
    await new Promise((done) => setTimeout(done, AGAIN_MS));
  }
  gathering = changed.size ? setTimeout(renew, GATHER_MS) : null;
}

export async function fetch_lines(ids) {
  for (let start = 0; start < ids.length; start += CHUNK) {
    const mine = state.turn;
    const chunk = ids.slice(start, start + CHUNK);
    const part = await ask(chunk.map((id) => ["id", id]));
    if (mine !== state.turn) return;
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
export function refresh() {
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

/** Ask for the newest lines: a page of them, or as many as it takes to reach those that are here. */
async function newest(mine) {
  const isInFull = state.showsNumbers;
  const part = await ask();
  while (mine === state.turn && lines.length && isCutOff(part) && part.lines.length < KEPT_MAX) {
    const next = await ask([["before", part.end.querySelector("#more").dataset.before]]);
    part.lines.push(...next.lines);
    part.end = next.end;
  }
  return isInFull === state.showsNumbers ? part : newest(mine);
}

function isCutOff(part) {
  return part.end.querySelector("#more") && is_astray(part.lines.at(-1));
}

export async function look_anew() {
  const mine = state.turn;
  const part = await newest(mine);
  if (mine !== state.turn) return;
  counted(part.kinds);
  const there = new Set(part.lines.map((line) => line.dataset.id));
  const last = part.lines.at(-1);
  const loaded = [...lines];
  const rest = loaded.filter((line) => !there.has(line.dataset.id));
  // What stands above the last of these and is not among them is gone from this list; what is too far below comes again.
  const is_all = !part.end.querySelector("#more") || isCutOff(part);
  settle(part.lines[0]);
  rest.filter((line) => is_all || is_before(line, last)).forEach((line) => drop(line.dataset.id));
  if (!loaded.length || is_all) ended(part.end);
  part.lines.forEach(put);
  if (lines.length > KEPT_MAX) cut(part.end);
  const later = new Set([...lines].slice(KEPT_MAX).filter((line) => !is_drawn(line)));
  later.forEach((line) => overdue.add(line));
  await fetch_lines(rest.filter((line) => line.isConnected && !later.has(line)).map((line) => line.dataset.id));
}

export function tick() {
  for (const line of near()) tell_time(line);
  // A sandbox's clock may have been moved, and nobody tells.
  if (environment === "test" && !document.hidden) fetch_lines(in_sight()).catch(() => {});
}

// What is in a leaf is right whenever it comes into sight.
threads.addEventListener("contentvisibilityautostatechange", ({ target, skipped }) => {
  if (skipped) return;
  const here = [...target.children];
  here.forEach(tell_time);
  here.filter((line) => overdue.has(line)).forEach((line) => hear(line.dataset.id));
}, true);
