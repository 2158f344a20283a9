// One picture of a thread, as large as one likes: zoomed, moved about, and the next one by an arrow key.

const dialog = document.getElementById("lightbox");
const stage = document.getElementById("lightbox-stage");
const image = document.getElementById("lightbox-image");
const trouble = document.getElementById("lightbox-trouble");
const part = (name) => document.getElementById(`lightbox-${name}`);
const MOST = 8;
const STEP = 1.5;
const SWIPE_PX = 60;

// The id of the message whose picture is shown: its link is another one once the message is drawn anew.
let shown = null;
let load = async () => false;
let zoom = 1;
let at = { x: 0, y: 0 };
const fingers = new Map();
let began = null;

function pictures() {
  return [...document.querySelectorAll("#messages .msg-picture")];
}

function idOf(one) {
  return one.closest(".msg").dataset.id;
}

function place() {
  image.style.transform = `translate(${at.x}px, ${at.y}px) scale(${zoom})`;
  stage.classList.toggle("is-zoomed", zoom > 1);
}

function keepInside() {
  const room = stage.getBoundingClientRect();
  const across = Math.max(0, (image.offsetWidth * zoom - room.width) / 2);
  const down = Math.max(0, (image.offsetHeight * zoom - room.height) / 2);
  at = { x: Math.min(across, Math.max(-across, at.x)), y: Math.min(down, Math.max(-down, at.y)) };
}

// What lies under `point`, counted from the middle of the stage, stays there.
function zoomTo(next, point = { x: 0, y: 0 }) {
  next = Math.min(MOST, Math.max(1, next));
  at = { x: point.x - ((point.x - at.x) * next) / zoom, y: point.y - ((point.y - at.y) * next) / zoom };
  zoom = next;
  if (zoom === 1) at = { x: 0, y: 0 };
  keepInside();
  place();
}

function fromMiddle(event) {
  const room = stage.getBoundingClientRect();
  return { x: event.clientX - room.left - room.width / 2, y: event.clientY - room.top - room.height / 2 };
}

function show(one) {
  const id = idOf(one);
  shown = id;
  const all = pictures();
  const message = one.closest(".msg");
  const number = all.findIndex((other) => idOf(other) === id);
  const small = one.querySelector("img");
  zoom = 1;
  at = { x: 0, y: 0 };
  place();
  trouble.hidden = true;
  image.hidden = false;
  image.classList.add("is-coming");
  image.alt = small.alt;
  image.src = small.currentSrc || small.src;
  const large = new Image();
  large.onload = () => {
    if (shown !== id) return;
    image.src = large.src;
    image.classList.remove("is-coming");
  };
  large.onerror = () => {
    if (shown !== id) return;
    image.hidden = true;
    trouble.hidden = false;
  };
  large.src = one.href;
  part("caption").replaceChildren(...(message.querySelector(".msg-text")?.cloneNode(true).childNodes ?? []));
  part("done").textContent = one.dataset.done;
  part("facts").textContent = one.dataset.facts;
  part("who").textContent = `${message.dataset.who}, ${message.querySelector("time").title}`;
  part("save").href = one.dataset.save;
  part("place").textContent = `${number + 1} of ${all.length}`;
  const hasOlder = document.getElementById("older") !== null;
  dialog.querySelector('[data-does="previous"]').disabled = number === 0 && !hasOlder;
  dialog.querySelector('[data-does="next"]').disabled = number === all.length - 1;
}

/** Return the picture beside the one that is shown; messages are in the order of their ids. */
function beside(by) {
  const all = pictures();
  return by < 0 ? all.findLast((one) => idOf(one) < shown) : all.find((one) => idOf(one) > shown);
}

async function step(by) {
  let next = beside(by);
  while (!next && by < 0 && (await load())) {
    // It may be closed by now.
    if (shown === null) return;
    next = beside(by);
  }
  if (next) show(next);
}

function act(does) {
  if (does === "close") dialog.close();
  if (does === "in") zoomTo(zoom * STEP);
  if (does === "out") zoomTo(zoom / STEP);
  if (does === "previous") step(-1);
  if (does === "next") step(1);
}

/** Open a picture of the thread; `more` loads older messages, and tells whether any came. */
export function enlarge(one, more) {
  load = more;
  show(one);
  dialog.showModal();
}

const KEYS = { ArrowLeft: "previous", ArrowRight: "next", "+": "in", "=": "in", "-": "out" };
dialog?.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  event.stopPropagation();
  act(KEYS[event.key]);
});
dialog?.addEventListener("click", (event) => {
  const does = event.target.closest("[data-does]")?.dataset.does;
  if (does) act(does);
});
dialog?.addEventListener("close", () => {
  const message = document.getElementById(`m-${shown}`);
  const one = message?.querySelector(".msg-picture") ?? message;
  shown = null;
  image.removeAttribute("src");
  one?.focus();
  one?.scrollIntoView({ block: "nearest" });
});
stage?.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoomTo(zoom * Math.exp(-event.deltaY / 400), fromMiddle(event));
}, { passive: false });
stage?.addEventListener("dblclick", (event) => {
  if (!event.target.closest("button")) zoomTo(zoom > 1 ? 1 : 2.5, fromMiddle(event));
});
stage?.addEventListener("pointerdown", (event) => {
  if (event.target.closest("button")) return;
  stage.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, event);
  began = { point: fromMiddle(event), at: { ...at }, zoom, apart: apart(), middle: middle() };
  stage.classList.add("is-held");
});
stage?.addEventListener("pointermove", (event) => {
  if (!fingers.has(event.pointerId)) return;
  fingers.set(event.pointerId, event);
  if (fingers.size === 2 && began.apart) {
    zoomTo((began.zoom * apart()) / began.apart, middle());
  } else if (zoom > 1) {
    const now = fromMiddle(event);
    at = { x: began.at.x + now.x - began.point.x, y: began.at.y + now.y - began.point.y };
    keepInside();
    place();
  }
});
for (const name of ["pointerup", "pointercancel"]) {
  stage?.addEventListener(name, (event) => {
    const was = fingers.size;
    if (!fingers.delete(event.pointerId)) return;
    stage.classList.toggle("is-held", fingers.size > 0);
    if (name === "pointerup" && was === 1 && zoom === 1 && event.pointerType === "touch") {
      const across = fromMiddle(event).x - began.point.x;
      if (Math.abs(across) > SWIPE_PX) step(across > 0 ? -1 : 1);
    }
    const [left] = fingers.values();
    if (left) began = { point: fromMiddle(left), at: { ...at }, zoom, apart: 0, middle: null };
  });
}

function apart() {
  const [one, two] = fingers.values();
  return two ? Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY) : 0;
}

function middle() {
  const [one, two] = fingers.values();
  return two ? fromMiddle({ clientX: (one.clientX + two.clientX) / 2, clientY: (one.clientY + two.clientY) / 2 }) : null;
}
