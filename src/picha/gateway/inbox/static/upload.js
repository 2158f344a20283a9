// A picture on its way to the gateway, which tells what will be sent of it.

import { fetched, HEADERS } from "./live.js";

export const NO_CONNECTION = "There is no connection. Nothing was lost: try again when you are back.";
const TOO_MUCH = "That went wrong on the way. Try again.";

/** Return a name for one message, so that it is sent once however often it is asked for. */
export function freshKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Upload `file`; `progress` is told percents. Resolves to {picture}, or {words, again} where it cannot be sent (yet). */
export function upload(file, { progress, signal }) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file, file.name || "picture");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progress(Math.round((100 * event.loaded) / event.total));
    });
    request.addEventListener("load", () => {
      if (request.status === 200) return resolve({ picture: request.response });
      if (request.status === 401) fetched("/inbox/me").catch(() => {});
      const again = request.status >= 500 || request.status === 401;
      return resolve({ words: request.response?.message ?? TOO_MUCH, again });
    });
    request.addEventListener("error", () => resolve({ words: NO_CONNECTION, again: true }));
    request.addEventListener("abort", () => resolve({ words: "", again: false }));
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", "/inbox/preview");
    for (const [name, value] of Object.entries(HEADERS)) request.setRequestHeader(name, value);
    request.send(form);
  });
}
