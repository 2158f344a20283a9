// What changes in the inbox, as it happens: one stream for all pages of a browser, told to each of them.

const KINDS = ["conversation", "message", "presence", "refresh"];
const AGAIN_MS = 3000;
const heard = new EventTarget();
const shared = "BroadcastChannel" in window ? new BroadcastChannel("picha") : null;

/** Call `then(told)` whenever `kind` is told: conversation, message, presence, or refresh for anything at all. */
export function on(kind, then) {
  heard.addEventListener(kind, (event) => then(event.detail));
}

/** Ask the gateway for `path`, or with `form` tell it something; who is signed out is sent to sign in. */
export async function fetched(path, { form = null, signal = undefined, method = form ? "POST" : "GET" } = {}) {
  const answer = await fetch(path, { method, body: form, signal, credentials: "same-origin", redirect: "error" });
  if (answer.status === 401) leave();
  return answer;
}

function leave() {
  const here = location.pathname + location.search;
  location.assign(`/inbox/sign-in?next=${encodeURIComponent(here)}`);
}

function tell(kind, detail) {
  heard.dispatchEvent(new CustomEvent(kind, { detail }));
}

function stream() {
  const source = new EventSource("/inbox/live");
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      const detail = JSON.parse(event.data);
      tell(kind, detail);
      shared?.postMessage({ kind, detail });
    });
  }
  source.addEventListener("error", () => {
    document.documentElement.dataset.live = "lost";
    if (source.readyState === EventSource.CLOSED) again();
  });
  source.addEventListener("open", () => {
    document.documentElement.dataset.live = "yes";
  });
}

// A browser ends a stream for good when it is answered anything but 200: whoever is signed out leaves, others wait.
async function again() {
  const answer = await fetched("/inbox/me").catch(() => null);
  if (answer?.status !== 401) setTimeout(stream, AGAIN_MS);
}

function start() {
  shared?.addEventListener("message", (event) => tell(event.data.kind, event.data.detail));
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

start();
