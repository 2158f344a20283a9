// Builds elements. Text goes in as text alone: nothing that somebody wrote is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  back: "M15 5l-7 7 7 7",
  plus: "M12 5v14M5 12h14",
  send: "M4 12l16-8-6 16-3-6.500z",
  more: "M6 9l6 6 6-6",
  close: "M6 6l12 12M18 6L6 18",
  reply: "M10 7L5 12l5 5M5 12h9a5 5 0 0 1 5 5",
  forward: "M14 7l5 5-5 5M19 12h-9a5 5 0 0 0-5 5",
  photo: "M4 6h16v12H4zM4 15l5-4 4 3.500 3-2.500 4 3M15.500 9.500h.01",
  receipt: "M7 4h10v16l-2.500-1.500L12 20l-2.500-1.500L7 20zM9.500 8.500h5M9.500 12h5",
  plant: "M8 14h8l-1.200 6H9.200zM12 14V9M12 9c-4 0-5-2.500-5-5 3 0 5 2 5 5zm0 0c4 0 5-2.500 5-5-3 0-5 2-5 5z",
  ad: "M4 10v4h3l7 4V6l-7 4zM17.500 9a4 4 0 0 1 0 6",
  block: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM6.500 6.500l11 11",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  down: "M12 5v14M6 13l6 6 6-6",
  people: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20c.8-4 3.800-6 7.500-6s6.700 2 7.500 6",
  again: "M19 8a8 8 0 1 0 1 6M19 4v4h-4",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.500l3 1.800",
  bolt: "M13 3L5 14h6l-1 7 8-11h-6z",
  hook: "M9 15a4 4 0 1 1-4-4M9 15h8M13 5a4 4 0 0 1 3.500 6M15 15l-4-7",
  book: "M6 4h12v16H6zM9 8h6M9 12h6M9 16h3",
  phone: "M8 3h8a1.500 1.500 0 0 1 1.500 1.500v15A1.500 1.500 0 0 1 16 21H8a1.500 1.500 0 0 1-1.500-1.500v-15A1.500 1.500 0 0 1 8 3zM11 18h2",
  wait: "M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM12 9v3.500l2 1.200",
  flag: "M12 8v5M12 16.500h.01M12 4L3 20h18z",
};

export function h(tag, props, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && !key.startsWith("aria") && typeof value !== "string") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

// An address of a web page, as far as nothing hides in it; what ends a sentence ends no address. As the inbox has it.
const ADDRESS = /(?<![\w@/])https?:\/\/[^\s<>"'`\\\p{Cc}\p{Cf}]+/giu;

const ENDS = ".,;:!?*_~…";
const PAIRS = { ")": "(", "]": "[", "}": "{" };

// Leaves out what belongs to the sentence: its point, and a bracket that was opened before.
function trimmed(address) {
  const count = (char) => address.split(char).length - 1;
  const unopened = Object.fromEntries(Object.entries(PAIRS).map(([close, opens]) => [close, count(close) - count(opens)]));
  let end = address.length;
  for (let last = address[end - 1]; ENDS.includes(last) || unopened[last] > 0; last = address[end - 1]) {
    unopened[last] -= 1;
    end -= 1;
  }
  return address.slice(0, end);
}

// A text as nodes that read the same, with addresses of web pages as links.
export function linked(text) {
  const nodes = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(ADDRESS)) {
    const href = trimmed(found);
    // Nobody stands before the host: `https://bank.example@evil.example` is no bank's.
    if (!/^https?:\/\/[^/?#@]+(?:[/?#]|$)/iu.test(href) || !URL.canParse(href)) continue;
    nodes.push(text.slice(end, index), h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, href));
    end = index + href.length;
  }
  return [...nodes, text.slice(end)];
}

// One tick for what has left, two for what has arrived; their colour says whether it was read.
export function ticks(state) {
  const says = { sending: "being sent", arrived: "arrived", read: "read by the business" }[state];
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 18 12");
  svg.setAttribute("class", `ticks ${state}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", says);
  const path = document.createElementNS(SVG, "path");
  const one = "M1 6.500l3.200 3.500 6.300-8.500";
  path.setAttribute("d", state === "sending" ? "M9 2a4.200 4.200 0 1 0 .01 0M9 4v2.500l1.600 1" : `${one}M7.500 9.500l.5.500 6.500-8.500`);
  svg.append(path);
  return svg;
}

export function button(label, iconName, onclick, props) {
  return h("button.icon-button", { type: "button", "aria-label": label, title: label, onclick, ...props }, icon(iconName));
}

// Brings the children of `parent` to what `items` say, and leaves alone those that have not changed.
export function keep(parent, items, { key, sign, make }) {
  const there = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const [name, word] = [key(item), sign(item)];
    const old = there.get(name);
    there.delete(name);
    let child = old;
    if (!old || old.made !== word) {
      child = make(item, old);
      child.dataset.key = name;
      child.made = word;
      if (old) {
        if (place === old) place = child;
        old.replaceWith(child);
      }
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of there.values()) child.remove();
}

export function avatar(name, seed) {
  let sum = 0;
  for (const char of seed) sum = (sum * 31 + char.codePointAt(0)) % 9973;
  const letters = [...name.trim()].filter((char) => /[\p{L}\p{N}]/u.test(char));
  const words = name.trim().split(/\s+/).filter((word) => /^[\p{L}]/u.test(word));
  const shown = words.length > 1 ? [...words[0]][0] + [...words.at(-1)][0] : (letters[0] ?? "");
  const inside = /^[\p{L}]/u.test(shown) ? shown.toUpperCase() : icon("people");
  return h(`span.avatar.hue-${sum % 8}`, { "aria-hidden": "true" }, inside);
}

// A modal dialog; `fill` gets a function that closes it.
export function dialog(title, fill, { kind = "", isFirm = false } = {}) {
  const id = `dialog-${title.replace(/\W+/g, "-")}`;
  const box = h(`dialog.dialog${kind && `.${kind}`}`, { "aria-labelledby": id });
  const close = () => box.close();
  const head = h("div.dialog-head", {}, h("h2", { id }, title), !isFirm && button("Close", "close", close));
  box.append(head, ...[fill(close)].flat());
  box.addEventListener("close", () => box.remove());
  // What is firm stays until it is answered.
  if (isFirm) box.addEventListener("cancel", (event) => event.preventDefault());
  else box.addEventListener("click", (event) => event.target === box && close());
  document.body.append(box);
  box.showModal();
  return box;
}

export function toast(text, { isBad = false } = {}) {
  const shown = h(`p.toast${isBad ? ".bad" : ""}`, {}, text);
  document.getElementById("toasts").append(shown);
  setTimeout(() => shown.remove(), isBad ? 8000 : 3500);
}
