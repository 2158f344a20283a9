// The composer: writes, shows what will be sent, sends it, and says why where it cannot.
//
// It hears `picha:reply` on the document, with {id, name, snippet, thumb} of the message to quote, and tells `picha:sent`
// with {message_id}.

import { choosing } from "./choosing.js";
import { draft, keep } from "./drafts.js";
import { fetched, on } from "./live.js";
import { keyed, send } from "./sending.js";
import { follow } from "./standing.js";
import { counted, fitted, Tray } from "./tray.js";
import { freshKey } from "./upload.js";
import { watchWriters } from "./writers.js";

const box = document.getElementById("composer");
const { thread, person } = box.dataset;
const part = (name) => document.getElementById(`composer-${name}`);
const [form, text, field, count, problem, quoted] = ["form", "text", "field", "count", "problem", "quoted"].map(part);
const [summary, sendButton, drop] = ["summary", "send", "drop"].map(part);
const limits = {
  text: Number(box.dataset.textMax), caption: Number(box.dataset.captionMax), bytes: Number(box.dataset.bytesMax),
};
// Where there is no keyboard, a new line is more often wanted than a slip of the thumb that sends.
const isSmall = matchMedia("(max-width: 640px), (pointer: coarse)");
const COUNT_FROM = 0.9;
const KEEP_MS = 300;

let quote = null;
let written = { key: freshKey() };
let isSending = false;
let isLeaving = false;
let keeping = 0;

const tray = new Tray({
  list: part("pictures"), shape: part("attached"), look: part("look"), limits, changed: () => {
    if (!isSending) complain("");
    changed();
  },
  left: (words) => write([words, text.value].filter((one) => one.trim()).join("\n")),
});

/* What is written, and what of it may go */

function changed() {
  const hasPictures = tray.items.length > 0;
  if (!hasPictures && field.hidden) {
    field.hidden = false;
    fitted(text);
    if (!form.contains(document.activeElement) || document.activeElement === document.body) text.focus();
  }
  field.hidden = hasPictures;
  summary.hidden = !hasPictures;
  summary.textContent = hasPictures ? tray.obstacle || (tray.items.length === 1 ? "1 picture" : `${tray.items.length} pictures`) : "";
  const over = counted(text.value) - limits.text;
  count.hidden = hasPictures || counted(text.value) < limits.text * COUNT_FROM;
  count.textContent = over > 0 ? `${over} too many` : `${counted(text.value)} / ${limits.text}`;
  count.classList.toggle("is-over", over > 0);
  text.setAttribute("aria-invalid", String(over > 0));
  const isReady = hasPictures ? tray.isReady : counted(text.value) > 0 && over <= 0;
  sendButton.setAttribute("aria-disabled", String(!isReady));
  const label = tray.items.length > 1 ? `Send ${tray.items.length} pictures` : "Send";
  [sendButton.title, sendButton.ariaLabel] = [label, label];
  clearTimeout(keeping);
  keeping = setTimeout(remember, KEEP_MS);
}

function remember() {
  clearTimeout(keeping);
  if (isLeaving) return;
  const pictures = tray.kept;
  const words = [tray.words, text.value].filter((one) => one.trim()).join("\n");
  const isEmpty = !words && !pictures.length && !quote;
  keep(person, thread, isEmpty ? null : { text: words, quote, pictures, ...(written.tried && { written }) });
}

function complain(words, then = null) {
  problem.hidden = !words;
  problem.querySelector("p").textContent = words;
  const button = problem.querySelector("button");
  button.hidden = !then;
  button.onclick = then;
}

function write(words) {
  text.value = words;
  fitted(text);
  changed();
}

/* The message that is quoted */

function cite(message) {
  quote = message;
  quoted.hidden = !message;
  if (message) {
    quoted.querySelector("strong").textContent = message.name ?? "";
    quoted.querySelector("span").textContent = message.snippet ?? "";
    const image = quoted.querySelector("img");
    image.hidden = !message.thumb;
    if (message.thumb) image.src = message.thumb;
  }
  changed();
}

/* Sending, one after the other: what comes later waits for what comes first */

async function sendAll() {
  if (isSending || form.hidden) return;
  const obstacle = tray.items.length ? tray.obstacle : "";
  if (obstacle) {
    complain(obstacle);
    return;
  }
  isSending = true;
  complain("");
  tray.hold(true);
  try {
    await (tray.items.length ? sendPictures() : sendText());
  } finally {
    tray.hold(false);
    isSending = false;
    changed();
    remember();
  }
}

async function sendPictures() {
  box.classList.add("is-sending");
  for (const item of [...tray.items]) {
    if (!tray.items.includes(item)) continue;
    item.caption_field.readOnly = true;
    const told = await send(thread, keyed(item, {
      file_id: item.picture.file_id, caption: (item.caption ?? "").trim(), reply_to: quote?.id ?? "",
    }));
    item.caption_field.readOnly = false;
    if (!told.id) {
      tray.unsent(item, told.words);
      refused(told);
      break;
    }
    tray.remove(item);
    cite(null);
  }
  box.classList.remove("is-sending");
  if (!tray.items.length) text.focus();
}

async function sendText() {
  const words = text.value;
  if (counted(words) > limits.text) complain(`It is too long: a message has ${limits.text} characters at most.`);
  if (counted(words) === 0 || counted(words) > limits.text) return;
  const fields = keyed(written, { text: words.trim(), reply_to: quote?.id ?? "" });
  text.readOnly = true;
  const told = await send(thread, fields);
  text.readOnly = false;
  if (!told.id) {
    refused(told);
    return;
  }
  written = { key: freshKey() };
  write("");
  cite(null);
}

function refused(told) {
  complain(told.words, sendAll);
  if (["WINDOW_CLOSED", "SENDER_INACTIVE", "BACKLOG_FULL"].includes(told.code)) standing.refresh();
}

/* Keys and clicks */

function sendsAt(event) {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing && !isSmall.matches;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  sendAll();
});
form.addEventListener("keydown", (event) => {
  if (event.target.tagName === "TEXTAREA" && sendsAt(event)) {
    event.preventDefault();
    sendAll();
  } else if (event.key === "Escape" && quote) {
    cite(null);
    text.focus();
  }
});
text.addEventListener("input", () => {
  // Who writes the same words anew, after they saw the first ones arrive, says them a second time.
  if (written.tried) written = { key: freshKey() };
  complain("");
  fitted(text);
  changed();
});
form.addEventListener("input", () => writers.iWrite());
quoted.querySelector("button").addEventListener("click", () => {
  cite(null);
  text.focus();
});

/* Pictures: picked, pasted, dropped */

function add(files) {
  if (!files.length || form.hidden) return;
  const caption = tray.items.length ? "" : text.value.trim();
  complain(tray.add(files, caption));
  if (caption) write("");
}

part("pick").addEventListener("click", () => part("file").click());
part("file").addEventListener("change", (event) => {
  add(event.target.files);
  event.target.value = "";
});
document.addEventListener("paste", (event) => {
  // What office programs copy is a text, with a picture of it beside.
  const hasText = event.clipboardData?.getData("text/plain").trim();
  const files = hasText ? [] : (event.clipboardData?.files ?? []);
  const isElsewhere = event.target.closest?.("input, textarea, [contenteditable]") && !form.contains(event.target);
  if (!files.length || isElsewhere || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  add(files);
});

const zone = box.closest(".pane-thread") ?? box.parentElement;
let depth = 0;
const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
const showDrop = (isOver) => { drop.hidden = !isOver || form.hidden; };
zone.addEventListener("dragenter", (event) => {
  if (!hasFiles(event)) return;
  depth += 1;
  showDrop(true);
});
zone.addEventListener("dragleave", (event) => {
  if (!hasFiles(event)) return;
  depth = Math.max(0, depth - 1);
  if (depth === 0) showDrop(false);
});
zone.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  depth = 0;
  showDrop(false);
  add(event.dataTransfer.files);
});
// A picture that misses its place would have the browser leave the page.
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => { if (hasFiles(event)) event.preventDefault(); });
}

/* What others do to it */

document.addEventListener("picha:reply", (event) => {
  cite(event.detail);
  if (!form.hidden) (tray.items[0]?.caption_field ?? text).focus();
});
document.addEventListener("picha:leaving", () => { isLeaving = true; });
addEventListener("pagehide", remember);
addEventListener("online", () => complain(""));

const writers = watchWriters({ thread, line: part("presence"), on, fetched });
const standing = follow({ box, thread, on, fetched, closed: () => { showDrop(false); remember(); } });
const chooser = choosing({ thread, dialog: part("choice"), limits });
part("choose").addEventListener("click", chooser.open);

const kept = draft(person, thread);
if (kept) {
  tray.restore(kept.pictures ?? []);
  text.value = kept.text ?? "";
  written = kept.written ?? written;
  fitted(text);
  if (kept.quote) cite(kept.quote);
}
changed();
text.enterKeyHint = isSmall.matches ? "enter" : "send";
if (!isSmall.matches && document.activeElement === document.body) text.focus({ preventScroll: true });
