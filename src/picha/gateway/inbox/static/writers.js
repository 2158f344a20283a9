// Who else writes a reply in this thread, and that I do.

const TELL_MS = 3000;
const FADE_MS = 6000;

/** Show on `line` who writes; call `iWrite` of the answer whenever somebody types here. */
export function watchWriters({ thread, line, on, fetched }) {
  const writing = new Map();
  let toldAt = 0;

  function show() {
    const now = Date.now();
    for (const [person, one] of writing) {
      if (one.until <= now) writing.delete(person);
    }
    const names = [...writing.values()].map((one) => one.name);
    const said = names.length > 2 ? `${names.length} colleagues are writing…` : `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} writing…`;
    const words = names.length ? said : "";
    if (line.textContent !== words) line.textContent = words;
  }

  on("presence", (told) => {
    if (told.conversation !== thread) return;
    writing.set(told.person, { name: told.name, until: Date.now() + FADE_MS });
    show();
    setTimeout(show, FADE_MS + 20);
  });

  return {
    iWrite() {
      if (Date.now() - toldAt < TELL_MS) return;
      toldAt = Date.now();
      fetched(`/inbox/conversations/${thread}/writing`, { method: "POST" }).catch(() => {});
    },
  };
}
