// Hands one answer to the gateway: a picture, a text or a template.

import { fetched } from "./live.js";
import { freshKey, NO_CONNECTION } from "./upload.js";

const AWAY = "The gateway did not answer as it should. Nothing was lost: send it again.";

/**
 * Return `fields` with the key of `one`, which is kept in it: the same key as long as the same is asked for, since an
 * answer may have been lost on its way; with another caption or quote it is another message.
 */
export function keyed(one, fields) {
  const asked = JSON.stringify(fields);
  if (one.tried !== asked) Object.assign(one, { key: one.tried ? freshKey() : one.key, tried: asked });
  return { key: one.key, ...fields };
}

/** Send `fields` in a thread; resolves to {id}, or to {words, code} where it was not sent. */
export async function send(thread, fields) {
  const form = new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== null && value !== ""));
  let answer;
  try {
    answer = await fetched(`/inbox/conversations/${thread}/send`, { form });
  } catch {
    return { words: NO_CONNECTION, code: "NO_CONNECTION" };
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.status !== 202) return { words: told.message ?? AWAY, code: told.code ?? "" };
  document.dispatchEvent(new CustomEvent("picha:sent", { detail: { message_id: told.message_id } }));
  return { id: told.message_id };
}
