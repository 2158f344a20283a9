// What somebody has written and not sent yet, kept in their browser until they send it or sign out.

const PREFIX = "picha:draft:";
const LEFT = "picha:left";
const KEPT_MS = 30 * 24 * 3600 * 1000;

/** Return the draft of a person in a thread, or null. */
export function draft(person, thread) {
  try {
    return JSON.parse(localStorage.getItem(`${PREFIX}${person}:${thread}`));
  } catch {
    return null;
  }
}

/** Keep a draft; null forgets it. A browser that keeps nothing loses no more than the draft. */
export function keep(person, thread, written) {
  const name = `${PREFIX}${person}:${thread}`;
  try {
    if (written === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify({ ...written, at: Date.now() }));
  } catch {
    // full, or forbidden
  }
}

function forget(isGone) {
  try {
    for (const name of Object.keys(localStorage)) {
      if (name.startsWith(PREFIX) && isGone(name)) localStorage.removeItem(name);
    }
  } catch {
    // forbidden
  }
}

/** Forget what anybody here wrote in a thread, and keep nothing more of it from this page. */
export function forgetThread(thread) {
  leaving();
  forget((name) => name.endsWith(`:${thread}`));
}

function leaving() {
  document.dispatchEvent(new CustomEvent("picha:leaving"));
}

function isOld(name) {
  try {
    return !(JSON.parse(localStorage.getItem(name)).at > Date.now() - KEPT_MS);
  } catch {
    return true;
  }
}

// The next who sits here is to find nothing of it, whichever page somebody signs out from.
document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("action") !== "/inbox/sign-out") return;
  leaving();
  forget(() => true);
  try {
    localStorage.setItem(LEFT, String(Date.now()));
  } catch {
    // forbidden
  }
});
addEventListener("storage", (event) => { if (event.key === LEFT) leaving(); });
forget(isOld);
