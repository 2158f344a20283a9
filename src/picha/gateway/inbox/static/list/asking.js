// What is looked for in the list, as the address has it, and asking the gateway for it.

import { fetched } from "../live.js";

/** How long what failed waits before it is asked for again. */
export const AGAIN_MS = 2000;
/**
 * Whether people's numbers are asked for in full, or no more of them than tells them apart; and a turn that grows with
 * each change of what is looked for: what was asked for before is too late then.
 */
export const state = { showsNumbers: false, turn: 0 };

/** Look for something else from now on; return the turn that begins with it. */
export function begin() {
  state.turn += 1;
  return state.turn;
}

export function sieve() {
  const here = new URLSearchParams(location.search);
  return ["show", "search", "sender"].flatMap((name) => (here.get(name) ? [[name, here.get(name)]] : []));
}

export function address(changed) {
  const there = new URLSearchParams(sieve());
  for (const [name, value] of Object.entries(changed)) {
    if (value && !(name === "show" && value === "all")) there.set(name, value);
    else there.delete(name);
  }
  return location.pathname + (there.size ? `?${there}` : "");
}

export async function ask(more = [], { signal } = {}) {
  const wanted = new URLSearchParams([...sieve(), ...more]);
  const isInFull = state.showsNumbers;
  if (isInFull) wanted.set("numbers", "shown");
  const answer = await fetched(`/inbox/list?${wanted}`, { signal });
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  const part = new DOMParser().parseFromString(await answer.text(), "text/html");
  // Somebody hid the numbers meanwhile, or wants them: what came is thrown away.
  if (isInFull !== state.showsNumbers) return ask(more, { signal });
  return { kinds: part.getElementById("kinds"), lines: [...part.querySelectorAll(".thread")], end: part.getElementById("list-end") };
}
