// What stands on one line of the list and changes by itself: times, what is left of a window, and who writes.

const WRITING_MS = 6000;

export const threads = document.getElementById("threads");
// Every line in its order, as it is at any moment. They lie in leaves, one for each page that was loaded: what a browser
// does for what is out of sight it does for leaves, however many lines there are.
export const lines = threads.getElementsByClassName("thread");

export function link_of(line) {
  return line.querySelector("a");
}

export function line_of(id) {
  return threads.querySelector(`.thread[data-id="${CSS.escape(id)}"]`);
}

// Times

const hour = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

function when(at, now) {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const days = Math.ceil((midnight - at) / 86_400_000);
  if (days <= 0) return hour.format(at);
  if (days === 1) return "Yesterday";
  if (days < 7) return weekday.format(at);
  return (at.getFullYear() === now.getFullYear() ? day : date).format(at);
}

export function tell_time(line) {
  const now = new Date();
  const time = line.querySelector("time[data-when]");
  const at = new Date(time.dateTime);
  say(time, when(at, now));
  time.title = whole.format(at);
  const shown = line.querySelector(".row-window");
  const left = shown.dataset.until ? Number(shown.dataset.until) / 1000 - (now.getTime() + Number(shown.dataset.ahead) * 1000) : 0;
  const minutes = Math.floor(left / 60_000);
  say(shown.querySelector("[data-left]"), left <= 0 ? "closed" : minutes >= 60 ? `${Math.floor(minutes / 60)} h left` : `${Math.max(1, minutes)} min left`);
  shown.classList.toggle("is-closed", left <= 0);
  shown.classList.toggle("is-short", left > 0 && minutes < 120);
}

function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Who writes

const writing = new Map();

export function writes({ conversation, name }) {
  clearTimeout(writing.get(conversation)?.end);
  const end = setTimeout(() => {
    writing.delete(conversation);
    show_writer(line_of(conversation));
  }, WRITING_MS);
  writing.set(conversation, { name, end });
  show_writer(line_of(conversation));
}

export function show_writer(line) {
  if (!line) return;
  const writer = writing.get(line.dataset.id);
  const shown = line.querySelector(".row-writing");
  shown.textContent = writer ? `${writer.name} is writing…` : "";
  shown.hidden = !writer;
  line.classList.toggle("is-written", Boolean(writer));
}
