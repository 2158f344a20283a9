// What changes in the inbox, as it happens: one stream for all pages of a browser, told to each of them.

const KINDS = ["conversation", "message", "presence", "refresh"];
const AGAIN_MS = 3000;
const REFRESH_MS = 2000;
const TOAST_MS = 5000;
const me = crypto.getRandomValues(new Uint32Array(2)).join("-");
const heard = new EventTarget();
const shared = "BroadcastChannel" in window ? new BroadcastChannel("picha") : null;

/** Call `then(told)` whenever `kind` is told: conversation, message, presence, or refresh for anything at all. */
export function on(kind, then) {
  heard.addEventListener(kind, (event) => then(event.detail));
}

/** What this page is of, live or test; another tab may look at the other one meanwhile. */
export const { environment } = document.documentElement.dataset;
/** What every request of a script brings, so that it is answered as of this page. */
export const HEADERS = { "X-Picha-Environment": environment };

// The answer that the numbers of this page are gone: it is the answer to all that is asked from here on.
let gone = null;
/** Return whether there is nothing more to be had for this page, as it says itself. */
export function isOver() {
  return gone !== null;
}

/** Ask the gateway for `path`, or with `form` tell it something; who is signed out is sent to sign in. */
export async function fetched(path, { form = null, signal = undefined, method = form ? "POST" : "GET" } = {}) {
  if (gone) return gone.clone();
  const answer = await fetch(path, { method, body: form, signal, headers: HEADERS, credentials: "same-origin", redirect: "error" });
  if (answer.status === 401) leave();
  if (answer.status === 410 && !gone) {
    gone = answer.clone();
    toast(await why(answer.clone(), "Load the page again."), "bad", Infinity);
  }
  return answer;
}

/** Say `text` for some seconds, or as long as it `lasts`, at the edge of the page; `kind` is "bad" for what went wrong. */
export function toast(text, kind = "", lasts = TOAST_MS) {
  const one = document.createElement("p");
  one.className = kind ? `toast toast-${kind}` : "toast";
  one.textContent = text;
  document.getElementById("toasts").append(one);
  if (lasts < Infinity) setTimeout(() => one.remove(), lasts);
}

/** Return in words why an answer is a refusal; none is none of a connection. */
export async function why(answer, otherwise) {
  if (!answer) return "There is no connection.";
  return (await answer.json().catch(() => ({}))).message ?? otherwise;
}

function leave() {
  const here = location.pathname + location.search;
  location.assign(`/inbox/sign-in?next=${encodeURIComponent(here)}`);
}

function tell(kind, detail) {
  if (kind === "refresh") refreshSoon();
  else heard.dispatchEvent(new CustomEvent(kind, { detail }));
}

// Much may change at once: everything is looked at anew now and then, and not at all where nobody looks.
let refreshing = null;
let refreshedAt = -REFRESH_MS;
function refreshSoon() {
  if (refreshing !== null || document.hidden) return;
  refreshing = setTimeout(() => {
    [refreshing, refreshedAt] = [null, performance.now()];
    heard.dispatchEvent(new CustomEvent("refresh", { detail: {} }));
  }, Math.max(0, refreshedAt + REFRESH_MS - performance.now()));
}

/** Say whether the page hears of what changes, to itself and to the others that hear by it. */
function standing(live) {
  document.documentElement.dataset.live = live;
  shared?.postMessage({ live });
}

function stream() {
  const source = new EventSource(`/inbox/live?since=${document.documentElement.dataset.mark ?? ""}`);
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      const detail = JSON.parse(event.data);
      tell(kind, detail);
      shared?.postMessage({ kind, detail });
    });
  }
  source.addEventListener("error", () => {
    standing("lost");
    if (source.readyState === EventSource.CLOSED) again();
  });
  source.addEventListener("open", () => {
    standing("yes");
  });
  // A page that opens says so, and looks at what changed while it was drawn, before it could hear of it.
  shared?.addEventListener("message", ({ data }) => {
    if (data.hello && source.readyState === EventSource.OPEN) shared.postMessage({ welcome: data.hello, live: "yes" });
  });
}

// A browser ends a stream for good when it is answered anything but 200: whoever is signed out leaves, others wait.
async function again() {
  const answer = await fetched("/inbox/me").catch(() => null);
  if (answer?.status !== 401) setTimeout(stream, AGAIN_MS);
}

function start() {
  shared?.addEventListener("message", ({ data }) => {
    if (data.kind) tell(data.kind, data.detail);
    if (data.live && (data.welcome ?? me) === me) document.documentElement.dataset.live = data.live;
    if (data.welcome === me) tell("refresh", {});
  });
  shared?.postMessage({ hello: me });
  // A browser has few connections to one place: of many pages, one at a time holds the stream, and tells the others.
  if (shared && navigator.locks) {
    navigator.locks.request("picha-live", () => {
      stream();
      return new Promise(() => {});
    });
  } else {
    stream();
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) tell("refresh", {});
  });
}

// Once every script of the page is there to hear.
if (document.readyState === "complete") start();
else document.addEventListener("DOMContentLoaded", start, { once: true });
