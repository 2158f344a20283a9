// A conversation as the customer sees it: bubbles, pictures, quotes, reactions, days; and what of it they have seen.

import { button, h, icon, keep, linked, ticks } from "./dom.js";
import { openLightbox } from "./lightbox.js";
import { openMenu } from "./menu.js";
import { now, state } from "./state.js";
import { dayKey, dayName, gist, plural, timeOf, wholeOf } from "./words.js";
import { get, post, show } from "./wire.js";

const PAGE = 60;
const EMOJI = ["👍", "❤️", "😂", "😮", "🙏"];
const NEAR_END_PX = 80;

function shownOf(message) {
  if (!message) return null;
  const { message_id, by, type, text, caption, picture, sha256, revoked } = message;
  return { message_id, by, type, text, caption, picture, sha256, revoked };
}

// Lays reactions, edits and deletions on the messages that they are about, and holds back what has not arrived.
export function fold(messages) {
  const rows = [];
  const known = new Map();
  let onTheWay = 0;
  for (const message of messages) {
    const about = known.get(message.about);
    if (message.type === "reaction" && about) {
      about.reactions = { ...about.reactions, [message.by]: message.text };
      continue;
    }
    if (message.type === "edit" && about) {
      Object.assign(about, message.text ? { text: message.text } : { caption: message.caption }, { edited: true });
      continue;
    }
    if (message.type === "revoke" && about) {
      about.revoked = true;
      continue;
    }
    const row = { ...message };
    known.set(row.message_id, row);
    const hasArrived = row.by === "person" || row.from_app || row.status === "delivered" || row.status === "read";
    if (hasArrived) rows.push(row);
    else if (row.status !== "failed") onTheWay += 1;
  }
  for (const row of rows) row.quoted = row.about ? shownOf(known.get(row.about)) : undefined;
  return { rows, onTheWay };
}

export class Chat {
  constructor({ onReply, onForward, onReact }) {
    this.list = h("ol.messages");
    this.scroller = h("div.scroller", {
      role: "log", tabindex: "0", "aria-label": "Messages", "aria-live": "polite", "data-room": "",
      onscroll: () => this.scrolled(),
    }, h("p.beginning", {}, "Messages stay on this computer. Nothing here reaches WhatsApp."), this.list);
    this.newest = h("button.newest", { type: "button", hidden: true, "aria-label": "To the newest message", onclick: () => this.toEnd({ isSmooth: true }) }, icon("down"), h("span", {}));
    this.waiting = h("p.waiting", { hidden: true });
    this.actions = { onReply, onForward, onReact };
    this.rows = [];
    this.isAtEnd = true;
    this.top = 0;
    this.inView = new Set();
    this.observer = new IntersectionObserver((entries) => this.looked(entries), { root: this.scroller, threshold: 0.4 });
    document.addEventListener("visibilitychange", () => this.tellSeen());
    // Pictures take their room when they come.
    const grows = new ResizeObserver(() => this.isAtEnd && this.toEnd());
    for (const one of [this.scroller, this.list]) grows.observe(one);
  }

  // Another conversation is shown from now on.
  begin() {
    this.rows = [];
    this.inView.clear();
    this.told = null;
    this.arrivedAway = 0;
    this.isAtEnd = true;
    state.messages = [];
    state.hasMore = false;
    this.list.replaceChildren();
  }

  async load() {
    const [person, number] = [state.person.with, state.number.phone_number_id];
    const { items } = await get("/messages", { with: person, phone_number_id: number, limit: PAGE });
    if (person !== state.person.with || number !== state.number.phone_number_id) return;
    const known = state.messages.findIndex((one) => one.message_id === items[0]?.message_id);
    if (known < 0) state.hasMore = items.length === PAGE;
    state.messages = known < 0 ? items : [...state.messages.slice(0, known), ...items];
    const here = new Set(items.map((one) => one.message_id));
    state.pending = state.pending.filter((one) => !here.has(one.message_id));
    this.render();
  }

  async loadOlder() {
    if (!state.hasMore || this.isLoading) return;
    this.isLoading = true;
    const [first, before] = [state.messages[0].message_id, this.scroller.scrollHeight];
    try {
      const query = { with: state.person.with, phone_number_id: state.number.phone_number_id, before: first, limit: PAGE };
      const { items } = await get("/messages", query);
      if (state.messages[0]?.message_id !== first) return;
      state.hasMore = items.length === PAGE;
      state.messages = [...items, ...state.messages];
      this.render();
      this.scroller.scrollTop += this.scroller.scrollHeight - before;
    } finally {
      this.isLoading = false;
    }
  }

  render() {
    const { rows, onTheWay } = fold(state.messages);
    const before = new Set(this.rows.map((row) => row.message_id));
    const isFirst = this.rows.length === 0;
    const own = state.pending.filter((one) => one.place === `${state.person.with} ${state.number.phone_number_id}`);
    this.rows = [...rows, ...own.map((one) => ({ ...one.row, pending: one }))];
    if (!isFirst && !this.isAtEnd) this.arrivedAway += rows.filter((row) => row.by === "business" && !before.has(row.message_id)).length;
    keep(this.list, this.lines(), { key: (line) => line.key, sign: (line) => line.sign, make: (line) => this.line(line) });
    const unread = new Set(rows.filter((row) => row.by === "business" && row.status === "delivered").map((row) => row.message_id));
    this.observer.disconnect();
    this.inView.clear();
    for (const item of this.list.children) {
      item.toggleAttribute("data-unread", unread.has(item.dataset.id));
      if (unread.has(item.dataset.id)) this.observer.observe(item);
    }
    this.wait(onTheWay);
    if (this.isAtEnd) this.toEnd();
    this.tellAway();
  }

  // Messages with the days between them; a message that follows another of its side stands close to it.
  lines() {
    const lines = [];
    const unread = new Set(state.look?.unread ?? []);
    let [day, side] = ["", ""];
    for (const row of this.rows) {
      const at = new Date(row.at);
      if (dayKey(at) !== day) {
        const name = dayName(at, now());
        lines.push({ key: `day ${dayKey(at)}`, sign: name, day: name });
        [day, side] = [dayKey(at), ""];
      }
      const begins = row.by !== side;
      side = row.by;
      const tick = row.pending ? "sending" : unread.has(row.message_id) ? "arrived" : "read";
      // How far it has come shows nowhere here; a message whose menu is open stays as it is meanwhile.
      const shown = { ...row, status: null, pending: row.pending && [row.pending.state, row.pending.why] };
      lines.push({ key: row.message_id, sign: JSON.stringify([shown, begins, tick]), row, begins, tick });
    }
    return lines;
  }

  line({ day, row, begins, tick }) {
    if (day) return h("li.day", {}, h("span", {}, day));
    const side = row.by === "person" ? "out" : "in";
    const failed = row.pending?.state === "failed";
    const bubble = h("div.bubble", {},
      h("span.unseen", {}, side === "out" ? "You: " : `${state.number.name}: `),
      row.from_app && h("p.note", {}, "From the business's phone app"),
      (row.forwarded || row.frequently_forwarded) && h("p.note", {}, icon("forward"), row.frequently_forwarded ? "Forwarded many times" : "Forwarded"),
      row.referral && this.advertisement(row.referral),
      row.quoted !== undefined && this.quote(row.quoted),
      this.content(row),
      h("span.meta", {}, row.edited && "Edited ", h("time", { datetime: row.at, title: wholeOf(new Date(row.at)) }, timeOf(new Date(row.at))), side === "out" && !failed && ticks(tick)),
      !row.pending && !row.revoked && this.menuButton(row));
    const given = Object.values(row.reactions ?? {}).filter(Boolean);
    return h(`li.message.${side}${begins ? ".begins" : ""}${failed ? ".failed" : ""}${given.length ? ".reacted" : ""}`,
      { "data-id": row.message_id },
      bubble,
      given.length > 0 && h("span.reactions", { "aria-label": `Reactions: ${given.join(" ")}`, role: "img" }, given.join("")),
      failed && this.failure(row.pending));
  }

  content(row) {
    if (row.revoked) return h("p.gone", {}, icon("block"), row.by === "person" ? "You deleted this message" : "This message was deleted");
    if (row.type === "image" && (row.picture || row.url)) {
      const image = h("img", { alt: row.caption || "Photo", decoding: "async", draggable: "false" });
      image.addEventListener("error", () => image.closest(".picture")?.classList.add("broken"));
      if (row.url) image.src = row.url;
      else show(image, row.picture);
      const open = h("button.picture", { type: "button", "aria-label": `Open the picture${row.caption ? `: ${row.caption}` : ""}`, onclick: () => this.open(row) }, image);
      return [open, row.caption && this.words(row, row.caption)];
    }
    if (row.type === "image") {
      return [h("p.gone", {}, icon("photo"), row.sha256 ? "Photo that is not kept any more" : "Photo that could not be loaded"), row.caption && this.words(row, row.caption)];
    }
    if (row.type === "text") return this.words(row, row.text ?? "");
    return [h("p.gone", {}, icon("flag"), gist(row)), row.type !== "reaction" && row.caption && this.words(row, row.caption)];
  }

  words(row, text) {
    return h("p.words", { dir: "auto", "data-time": `${row.edited ? "Edited " : ""}${timeOf(new Date(row.at))}` }, linked(text));
  }

  advertisement(referral) {
    const { headline, body, source_url: source } = referral;
    return h("div.advert", {}, h("span.note", {}, icon("ad"), referral.source_type === "post" ? "From a post" : "From an ad"),
      headline && h("strong", { dir: "auto" }, headline), body && h("p", { dir: "auto" }, linked(body)), source && h("p.source", { dir: "ltr" }, linked(source)));
  }

  quote(quoted) {
    const who = quoted === null ? "" : quoted.by === "person" ? "You" : state.number.name;
    const go = () => quoted && this.goTo(quoted.message_id);
    const image = quoted?.picture ? h("img", { alt: "" }) : null;
    if (image) show(image, quoted.picture);
    return h(`button.quote.${quoted?.by === "person" ? "own" : "theirs"}`, { type: "button", onclick: go, "aria-label": `Answers ${who}: ${quoted ? gist(quoted) : "an earlier message"}` },
      h("span.words", {}, who && h("strong", {}, who), h("span", { dir: "auto" }, quoted ? gist(quoted) : "An earlier message")), image);
  }

  failure(pending) {
    return h("p.failure", { role: "alert" }, icon("flag"), h("span", {}, `Not sent. ${pending.why}`),
      h("button.link", { type: "button", onclick: () => pending.again() }, "Try again"),
      h("button.link", { type: "button", onclick: () => pending.discard() }, "Discard"));
  }

  menuButton(row) {
    const { onReply, onForward, onReact } = this.actions;
    const quick = EMOJI.map((text) => ({ text, act: () => onReact(row, row.reactions?.person === text ? "" : text) }));
    const entries = [
      { text: "Reply", icon: "reply", act: () => onReply(row) },
      ...(row.picture || row.type === "text" ? [{ text: "Forward", icon: "forward", act: () => onForward(row) }] : []),
      { text: "Copy its id", icon: "book", act: () => navigator.clipboard?.writeText(row.message_id) },
    ];
    const anchor = button("Message options", "more", () => openMenu(anchor, "Message", entries, quick), { "aria-haspopup": "menu", "aria-expanded": "false" });
    return h("span.options", {}, anchor);
  }

  open(row) {
    const shown = this.rows.filter((one) => one.type === "image" && !one.revoked && (one.picture || one.url));
    openLightbox(shown, shown.findIndex((one) => one.message_id === row.message_id), { onForward: this.actions.onForward, onReply: this.actions.onReply });
  }

  goTo(id) {
    const item = this.list.querySelector(`[data-id="${CSS.escape(id)}"]`);
    if (!item) return;
    item.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    item.classList.add("found");
    setTimeout(() => item.classList.remove("found"), 1600);
  }

  toEnd({ isSmooth = false } = {}) {
    this.isAtEnd = true;
    this.arrivedAway = 0;
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior: isSmooth ? "smooth" : "instant" });
    this.tellAway();
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    // Who was at the end and has not scrolled back is there still, though something grew.
    this.isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX || (this.isAtEnd && scrollTop >= this.top);
    this.top = scrollTop;
    if (this.isAtEnd) this.arrivedAway = 0;
    if (scrollTop < 200) this.loadOlder();
    this.tellAway();
  }

  tellAway() {
    this.newest.hidden = this.isAtEnd;
    this.newest.lastElementChild.textContent = this.arrivedAway ? String(this.arrivedAway) : "";
  }

  // What is on its way for longer than a moment waits for the person, or is held back from them.
  wait(count) {
    clearTimeout(this.waitTimer);
    if (!count) {
      this.waiting.hidden = true;
      return;
    }
    const tell = () => {
      const what = plural(count, "message");
      const isBlocked = state.look?.blocked;
      const receive = h("button.link", { type: "button", onclick: () => post(`/people/${encodeURIComponent(state.person.with)}/deliver?phone_number_id=${state.number.phone_number_id}`) }, "Receive now");
      this.waiting.replaceChildren(isBlocked ? `${what} held back, as you block the business` : `${what} on the way`, isBlocked ? "" : receive);
      this.waiting.hidden = false;
    };
    if (this.waiting.hidden) this.waitTimer = setTimeout(tell, 1500);
    else tell();
  }

  looked(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.inView.add(target.dataset.id);
      else this.inView.delete(target.dataset.id);
    }
    this.tellSeen();
  }

  // Tells the sandbox how far the person has read: the last message that stood in view of a visible page.
  tellSeen() {
    clearTimeout(this.seenTimer);
    this.seenTimer = setTimeout(() => {
      if (document.visibilityState !== "visible") return;
      const last = this.rows.findLast((row) => this.inView.has(row.message_id) && row.status === "delivered");
      if (!last || this.told === last.message_id) return;
      this.told = last.message_id;
      const query = new URLSearchParams({ phone_number_id: state.number.phone_number_id, upto: last.message_id });
      post(`/people/${encodeURIComponent(state.person.with)}/read?${query}`).catch(() => { this.told = null; });
    }, 150);
  }
}
