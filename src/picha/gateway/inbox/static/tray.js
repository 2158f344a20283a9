// The pictures that are about to be sent: on their way, looked at, each with its caption, in their order.

import { freshKey, upload } from "./upload.js";

const MOST = 30;
const AT_ONCE = 2;
const SMALL = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });

/** Let a field be as high as what is written in it. */
export function fitted(field) {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight + 2, 160)}px`;
}

/** Return how many characters WhatsApp counts in a text. */
export function counted(text) {
  return [...text.trim()].length;
}

export class Tray {
  #list;
  #shape;
  #look;
  #limits;
  #changed;
  #leftOver;
  #isHeld = false;
  #busy = 0;
  items = [];

  /**
   * `changed` is called after anything of it changed, `left` with the caption of the last picture when somebody removes
   * it; `limits` has the most characters and bytes.
   */
  constructor({ list, shape, look, limits, changed, left }) {
    [this.#list, this.#shape, this.#look, this.#limits, this.#changed] = [list, shape, look, limits, changed];
    this.#leftOver = left;
  }

  /** While they are sent, what is there stays, in its order. */
  hold(isHeld) {
    this.#isHeld = isHeld;
    this.#told();
  }

  get isReady() {
    return this.items.every((item) => item.state === "ready" && this.#left(item) >= 0);
  }

  /** What keeps the pictures from going, in words; empty if nothing does. */
  get obstacle() {
    const waiting = this.items.filter((item) => ["waiting", "coming"].includes(item.state)).length;
    const has = (state) => this.items.some((item) => item.state === state);
    if (has("failed")) return "Try the picture again that was not uploaded, or remove it.";
    if (has("refused")) return "Remove the picture that cannot be sent.";
    if (waiting) return waiting === 1 ? "A picture is still on its way." : `${waiting} pictures are still on their way.`;
    return this.isReady ? "" : "A caption is too long: shorten it.";
  }

  /** Take files in, each of which is looked at at once. Returns in words what was left out, if anything. */
  add(files, caption = "") {
    const room = MOST - this.items.length;
    for (const file of [...files].slice(0, room)) {
      const item = this.#place({ file, name: file.name, caption: this.items.length ? "" : caption, state: "waiting" });
      item.local = URL.createObjectURL(file);
      this.#picture(item, item.local);
      if (file.size > this.#limits.bytes) this.#refuse(item, this.#tooLarge(file.size), false);
      else this.#show(item);
    }
    this.#next();
    this.#told();
    this.items.find((item) => item.state !== "refused")?.caption_field.focus({ preventScroll: false });
    return files.length > room ? `${MOST} pictures at a time are the most; the others were left out.` : "";
  }

  /** Put pictures back that were looked at before. */
  restore(kept) {
    for (const one of kept) {
      const item = this.#place({ ...one, state: "ready" });
      if (Date.parse(one.picture.expires_at) < Date.now()) this.#gone(item);
      else this.#arrived(item, one.picture);
    }
    this.#told();
  }

  /** What is to be kept of them as a draft. */
  get kept() {
    const ready = this.items.filter((item) => item.state === "ready");
    // Without its key, a picture whose answer was lost would go out twice after a reload.
    return ready.map(({ name, caption, picture, key, tried }) => ({ name, caption, picture, ...(tried && { key, tried }) }));
  }

  /** The captions of those that cannot be kept: only words of theirs come back. */
  get words() {
    const others = this.items.filter((item) => item.state !== "ready" && item.caption?.trim());
    return others.map((item) => item.caption.trim()).join("\n");
  }

  remove(item) {
    const at = this.items.indexOf(item);
    if (at < 0) return;
    item.stop?.abort();
    if (item.local) URL.revokeObjectURL(item.local);
    const hadFocus = item.card.contains(document.activeElement);
    item.card.remove();
    this.items.splice(at, 1);
    this.#told();
    const next = this.items[Math.min(at, this.items.length - 1)];
    if (hadFocus) (this.#isHeld ? next?.caption_field : next?.card.querySelector(".attached-remove"))?.focus();
  }

  /** Say of a picture that it was not sent, and why. */
  unsent(item, words) {
    this.#say(item, "bad", "Not sent", words);
  }

  #place(fields) {
    const card = this.#shape.content.firstElementChild.cloneNode(true);
    const item = { key: freshKey(), ...fields, card, caption_field: card.querySelector(".attached-caption textarea") };
    item.caption_field.value = item.caption ?? "";
    item.caption_field.addEventListener("input", () => this.#write(item));
    card.querySelector(".attached-remove").addEventListener("click", () => this.#takeAway(item));
    card.querySelector(".attached-earlier").addEventListener("click", () => this.#move(item, -1));
    card.querySelector(".attached-later").addEventListener("click", () => this.#move(item, 1));
    card.querySelector(".attached-again").addEventListener("click", () => this.#again(item));
    card.querySelector(".attached-look").addEventListener("click", () => this.#enlarge(item));
    this.items.push(item);
    this.#list.append(card);
    this.#list.hidden = false;
    return item;
  }

  // What was written before a picture was brought is not to go with a picture that cannot be sent.
  #takeAway(item) {
    const words = item.caption?.trim() ? item.caption : "";
    this.remove(item);
    const heir = item.state === "refused" && this.items.find((one) => one.state !== "refused" && !one.caption?.trim());
    if (!words) return;
    if (!this.items.length) this.#leftOver(words);
    else if (heir) {
      heir.caption_field.value = words;
      this.#write(heir);
    }
  }

  #write(item) {
    item.caption = item.caption_field.value;
    this.#count(item);
    this.#told();
  }

  #left(item) {
    return this.#limits.caption - counted(item.caption ?? "");
  }

  #count(item) {
    const [count, left] = [item.card.querySelector(".attached-count"), this.#left(item)];
    const used = this.#limits.caption - left;
    count.textContent = left < 0 ? `${SMALL.format(-left)} too many` : `${used} / ${this.#limits.caption}`;
    count.hidden = used === 0;
    count.classList.toggle("is-over", left < 0);
    item.caption_field.setAttribute("aria-invalid", String(left < 0));
    fitted(item.caption_field);
  }

  #move(item, by) {
    const at = this.items.indexOf(item);
    const to = at + by;
    if (to < 0 || to >= this.items.length) return;
    const other = this.items[to];
    [this.items[at], this.items[to]] = [other, item];
    if (by < 0) other.card.before(item.card);
    else other.card.after(item.card);
    this.#told();
    item.card.querySelector(by < 0 ? ".attached-earlier:enabled, .attached-later" : ".attached-later:enabled, .attached-earlier").focus();
  }

  #again(item) {
    item.state = "waiting";
    this.#show(item);
    this.#next();
    this.#told();
  }

  #next() {
    const item = this.#busy < AT_ONCE ? this.items.find((one) => one.state === "waiting") : null;
    if (!item) return;
    this.#busy += 1;
    this.#bring(item).finally(() => {
      this.#busy -= 1;
      this.#next();
    });
    this.#next();
  }

  async #bring(item) {
    item.state = "coming";
    this.#show(item);
    item.stop = new AbortController();
    const bar = item.card.querySelector(".attached-progress");
    const progress = (percent) => {
      bar.value = percent;
      this.#label(item, "", percent < 100 ? `Uploading, ${percent}%` : "Looking at it");
    };
    bar.hidden = false;
    progress(0);
    const told = await upload(item.file, { progress, signal: item.stop.signal });
    if (!this.items.includes(item)) return;
    bar.hidden = true;
    if (told.picture) this.#arrived(item, told.picture);
    else this.#refuse(item, told.words, told.again);
    this.#told();
  }

  #arrived(item, picture) {
    Object.assign(item, { state: "ready", picture });
    this.#picture(item, picture.thumb, () => this.#gone(item));
    const isChanged = picture.facts.includes("→");
    const words = [...picture.changes, ...picture.notes].map((one) => one.replace(/\.$/, ""));
    this.#label(item, isChanged ? "info" : "good", isChanged ? "Made fit" : "Ready", picture.facts);
    this.#words(item, words.length ? `${words.join("; ")}.`.replace(/^./, (first) => first.toUpperCase()) : "");
    this.#show(item);
    this.#count(item);
  }

  #gone(item) {
    if (item.local || item.state !== "ready") return;
    this.#refuse(item, "This picture is no longer kept here. Remove it, and add it again.", false);
    this.#told();
  }

  #refuse(item, words, again) {
    item.state = again ? "failed" : "refused";
    this.#say(item, "bad", again ? "Not uploaded" : "Cannot be sent", words);
    this.#show(item);
    item.card.scrollIntoView({ block: "nearest" });
  }

  #say(item, kind, verdict, words) {
    this.#label(item, kind, verdict, item.state === "ready" ? (item.picture?.facts ?? "") : (item.name ?? ""));
    this.#words(item, words);
  }

  #label(item, kind, verdict, facts = "") {
    const badge = item.card.querySelector(".attached-verdict");
    badge.className = `badge attached-verdict${kind ? ` badge-${kind}` : ""}`;
    badge.textContent = verdict;
    item.card.querySelector(".attached-facts").textContent = facts;
  }

  #words(item, words) {
    const line = item.card.querySelector(".attached-words");
    [line.textContent, line.hidden] = [words, !words];
  }

  /** Show of a card what its state asks for. */
  #show(item) {
    const { card, state } = item;
    card.dataset.state = state;
    card.querySelector(".attached-caption").hidden = state === "refused";
    card.querySelector(".attached-again").hidden = state !== "failed";
    card.querySelector(".attached-look").disabled = state !== "ready";
    card.querySelector(".attached-progress").hidden = state !== "coming";
    const remove = card.querySelector(".attached-remove");
    [remove.ariaLabel, remove.title] = state === "coming" ? ["Cancel the upload", "Cancel"] : ["Remove this picture", "Remove"];
    if (state === "waiting") {
      this.#label(item, "", "Waiting", item.name ?? "");
      this.#words(item, "");
    }
    this.#count(item);
  }

  #picture(item, address, lost = () => {}) {
    const image = item.card.querySelector("img");
    image.addEventListener("load", () => { image.hidden = false; }, { once: true });
    image.addEventListener("error", () => { image.hidden = true; lost(); }, { once: true });
    image.src = address;
  }

  #enlarge(item) {
    this.#look.querySelector("img").src = item.picture.shown;
    this.#look.showModal();
  }

  #tooLarge(size) {
    const [has, most] = [size, this.#limits.bytes].map((bytes) => `${SMALL.format(bytes / 1e6)} MB`);
    return `The picture has ${has}; ${most} at most are taken. Save it smaller.`;
  }

  #told() {
    this.items.forEach((item, at) => {
      item.card.querySelector(".attached-earlier").disabled = this.#isHeld || at === 0;
      item.card.querySelector(".attached-later").disabled = this.#isHeld || at === this.items.length - 1;
      item.card.querySelector(".attached-remove").disabled = this.#isHeld;
    });
    this.#list.classList.toggle("has-one", this.items.length === 1);
    this.#list.hidden = this.items.length === 0;
    this.#changed();
  }
}
