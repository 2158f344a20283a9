// Moments in the time of who looks at them, and the days that a thread is divided by.

const hour = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const date = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "long", year: "numeric" });
const WEEK_DAYS = 7;

/** Write the times within `part` as clocks here show them. */
export function localise(part) {
  for (const one of part.querySelectorAll("time[data-clock]")) {
    one.title = whole.format(new Date(one.dateTime));
    one.textContent = hour.format(new Date(one.dateTime));
  }
  for (const one of part.querySelectorAll("time[data-moment]")) one.textContent = whole.format(new Date(one.dateTime));
}

function dayOf(moment) {
  return new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());
}

function named(day) {
  const ago = Math.round((dayOf(new Date()) - day) / 86_400_000);
  if (ago === 0) return "Today";
  if (ago === 1) return "Yesterday";
  return ago > 0 && ago < WEEK_DAYS ? weekday.format(day) : date.format(day);
}

/** Put a line before the first message of each day. */
export function divide(list) {
  let last = null;
  for (const one of [...list.children]) {
    if (one.classList.contains("divider-day")) {
      one.remove();
      continue;
    }
    if (!one.dataset.at) continue;
    const day = dayOf(new Date(one.dataset.at));
    if (last !== null && +last === +day) continue;
    last = day;
    const line = document.createElement("li");
    line.className = "divider divider-day";
    line.append(Object.assign(document.createElement("span"), { textContent: named(day) }));
    const before = one.previousElementSibling;
    list.insertBefore(line, before?.id === "unread" ? before : one);
  }
}

const LOOK_MS = 10_000;

/** Call `then()` whenever another day begins; a machine that slept through midnight is told when it wakes. */
export function onNewDay(then) {
  let today = +dayOf(new Date());
  const look = () => {
    const day = +dayOf(new Date());
    if (day === today) return;
    today = day;
    then();
  };
  setInterval(look, LOOK_MS);
  document.addEventListener("visibilitychange", look);
}
