// Where the customer writes: text, pictures with captions, answers, forwards, and what an ad makes of a message.

import { button, dialog, h, icon, toast } from "./dom.js";
import { openMenu } from "./menu.js";
import { facts, now, placeOf, remember, state } from "./state.js";
import { countOf, gist, phoneOf } from "./words.js";
import { blobOf, post, request, show } from "./wire.js";

const CAPTION_MAX = 1024;
const SENT_AS_IS = ["image/jpeg", "image/png"];
const SAMPLES = [
  { text: "Sample photo: a plant", icon: "plant", path: "/_sandbox/photo.jpg", name: "plant.jpg" },
  { text: "Sample photo: a receipt", icon: "receipt", path: "/_sandbox/receipt.jpg", name: "receipt.jpg" },
];
let count = 0;

export class Composer {
  constructor({ onPending, onUnblock }) {
    this.onPending = onPending;
    this.file = h("input", { type: "file", accept: "image/*", multiple: true, hidden: true, "aria-label": "Pictures from this device", onchange: () => {
      this.stage([...this.file.files]);
      this.file.value = "";
    } });
    this.text = h("textarea", { rows: 1, placeholder: "Message", "aria-label": "Message", dir: "auto", maxlength: 4096, onkeydown: (event) => this.typed(event) });
    this.attach = button("Attach", "plus", () => this.openAttach(), { "aria-haspopup": "menu", "aria-expanded": "false" });
    this.reply = h("div.answering", { hidden: true });
    this.ad = h("div.answering", { hidden: true });
    this.form = h("form.composer", { "data-room": "", onsubmit: (event) => {
      event.preventDefault();
      this.sendText();
    } }, this.reply, this.ad, h("div.line", {}, h("span.options", {}, this.attach), this.text, button("Send", "send", null, { type: "submit" })), this.file);
    this.blocked = h("div.blocked", { hidden: true }, h("p", {}, "You block this business: nothing of it reaches you."), h("button.plain", { type: "button", onclick: onUnblock }, "Unblock"));
    this.sheet = document.getElementById("sheet");
  }

  show() {
    const isBlocked = Boolean(state.look?.blocked);
    this.blocked.hidden = !isBlocked;
    this.form.hidden = isBlocked;
    this.context();
  }

  context() {
    const quoted = state.reply;
    this.reply.hidden = !quoted;
    if (quoted) {
      const image = quoted.picture ? h("img", { alt: "" }) : null;
      if (image) show(image, quoted.picture);
      this.reply.replaceChildren(h("div.quote", {}, h("span.words", {}, h("strong", {}, quoted.by === "person" ? "You" : state.number.name), h("span", { dir: "auto" }, gist(quoted))), image ?? ""),
        button("Do not reply", "close", () => this.answer(null)));
    }
    this.ad.hidden = !state.ad;
    if (state.ad) {
      this.ad.replaceChildren(h("div.quote", {}, icon("ad"), h("span.words", {}, h("strong", {}, "Your next message comes from this ad"), h("span", { dir: "auto" }, state.ad.headline))),
        button("Not from the ad", "close", () => this.comeFrom(null)));
    }
  }

  answer(row) {
    state.reply = row;
    this.context();
    if (row) this.text.focus();
  }

  comeFrom(ad) {
    state.ad = ad;
    this.context();
    this.text.focus();
  }

  typed(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.sendText();
    } else if (event.key === "Escape" && (state.reply || state.ad)) {
      this.answer(null);
      this.comeFrom(null);
    }
  }

  openAttach() {
    openMenu(this.attach, "Attach", [
      { text: "Photos from this device", icon: "photo", act: () => this.file.click() },
      ...SAMPLES.map((sample) => ({ ...sample, act: () => this.stageSample(sample) })),
      { text: "Come from an ad", icon: "ad", act: () => this.openAd() },
    ]);
  }

  openAd() {
    dialog("Come from an ad", (close) => {
      const field = (label, name, value) => h("label.field", {}, h("span", {}, label), h("input", { name, value, required: name !== "body", maxlength: 300 }));
      return h("form.fields", { onsubmit: (event) => {
        event.preventDefault();
        const words = Object.fromEntries(new FormData(event.target));
        close();
        this.comeFrom({ ...words, source_type: "ad", source_id: "120208000000000000", media_type: "image", ctwa_clid: "ARAkLkA8rmlFeiCktEJQ-QTwRiyYHAFDLMNDBH0CD3qpjd0HR4irJ6LEkR7JwFF4XvnO2E4Nx0-eM-GABDLOPaOdRMv-_zfUQ2a" });
      } }, h("p.hint", {}, "The customer taps an ad that opens the chat. What they send next tells the business which ad it was."),
        field("Headline", "headline", "Succulents, delivered today"), field("Text", "body", "Send us a photo of your window sill, and we choose for you."),
        field("Address of the ad", "source_url", "https://fb.me/3cr4Wqqkv"), h("div.deeds", {}, h("button.main", { type: "submit" }, "Tap the ad")));
    });
  }

  async stageSample({ path, name }) {
    try {
      const blob = await (await request(path)).blob();
      await this.stage([new File([blob], name, { type: "image/jpeg" })]);
    } catch {
      toast("The sample photo could not be fetched", { isBad: true });
    }
  }

  // Lays pictures out before they are sent, each with a caption of its own, as phones do.
  async stage(files) {
    if (state.look?.blocked) return;
    for (const file of files) {
      const blob = await asAPhoneSends(file);
      if (!blob) toast(`${file.name || "This file"} is no picture that this browser can read`, { isBad: true });
      else state.staged.push({ blob, name: file.name || "picture", url: URL.createObjectURL(blob), caption: "" });
    }
    if (state.staged.length) this.showSheet(state.staged.length - 1);
  }

  showSheet(at) {
    const one = state.staged[at];
    const counter = h("span.counter", { "aria-live": "off" });
    const send = button(state.staged.length > 1 ? `Send ${state.staged.length} pictures` : "Send picture", "send", () => this.sendStaged());
    const tell = () => {
      one.caption = caption.value;
      const over = state.staged.some((staged) => countOf(staged.caption) > CAPTION_MAX);
      counter.textContent = `${countOf(caption.value).toLocaleString()} / ${CAPTION_MAX.toLocaleString()}`;
      counter.hidden = countOf(caption.value) < CAPTION_MAX - 200;
      counter.classList.toggle("over", countOf(caption.value) > CAPTION_MAX);
      send.disabled = over;
    };
    const caption = h("textarea", { rows: 1, placeholder: "Add a caption", "aria-label": "Caption", dir: "auto", oninput: () => tell(), onkeydown: (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        if (!send.disabled) this.sendStaged();
      }
    } });
    caption.value = one.caption;
    const strip = h("div.strip", {}, state.staged.length > 1 && state.staged.map((staged, index) => h("button", { type: "button", "aria-label": `Picture ${index + 1} of ${state.staged.length}`, "aria-pressed": String(index === at), onclick: () => this.showSheet(index) }, h("img", { src: staged.url, alt: "" }))));
    this.sheet.replaceChildren(h("div.sheet-head", {}, button("Do not send", "close", () => {
      this.unstage();
      this.text.focus();
    }), h("strong", {}, `To ${state.number.name}`), state.staged.length > 1 && h("button.link", { type: "button", onclick: () => this.takeOut(at) }, "Take out")),
      h("div.sheet-picture", {}, h("img", { src: one.url, alt: `Preview of ${one.name}` })), strip,
      h("div.line", {}, caption, counter, send));
    this.sheet.hidden = false;
    tell();
    caption.focus();
  }

  takeOut(at) {
    const [gone] = state.staged.splice(at, 1);
    URL.revokeObjectURL(gone.url);
    this.showSheet(Math.max(0, at - 1));
  }

  unstage() {
    state.staged.forEach(({ url }) => URL.revokeObjectURL(url));
    state.staged = [];
    this.sheet.hidden = true;
  }

  sendStaged() {
    const all = state.staged;
    state.staged = [];
    this.sheet.hidden = true;
    this.text.focus();
    // One after the other, so that they come in the order they stand in.
    all.reduce((before, one) => before.then(() => this.say({ type: "image", caption: one.caption.trim() || undefined }, one)), Promise.resolve());
  }

  sendText() {
    const text = this.text.value.trim();
    if (!text) return;
    this.text.value = "";
    this.say({ type: "text", text });
  }

  react(row, emoji) {
    const body = { ...this.writer(), type: "reaction", reaction: { message_id: row.message_id, emoji } };
    post("/inbound", body).catch((why) => toast(why.message, { isBad: true }));
  }

  forward(row) {
    const to = async (number, often) => {
      const marks = often ? { frequently_forwarded: true } : { forwarded: true };
      if (row.type === "text") return this.say({ type: "text", text: row.text, ...marks }, null, number);
      const blob = await blobOf(row.picture);
      return this.say({ type: "image", caption: row.caption ?? undefined, ...marks }, { blob, name: "forwarded", url: URL.createObjectURL(blob) }, number);
    };
    dialog("Forward", (close) => {
      const often = h("input", { type: "checkbox" });
      const choose = (number) => h("button.row", { type: "button", onclick: () => {
        close();
        to(number, often.checked).catch((why) => toast(why.message, { isBad: true }));
      } }, h("span.who", {}, h("strong", {}, number.name), h("span", {}, phoneOf(number.phone))), icon("forward"));
      return h("div.fields", {}, h("label.check", {}, often, h("span", {}, "It was forwarded many times already")), h("div.rows", {}, facts.numbers.map(choose)));
    });
  }

  writer() {
    const { person } = state;
    const who = person.hides ? { user_id: person.with } : { from: person.with };
    return { ...who, ...(person.name && { name: person.name }), phone_number_id: state.number.phone_number_id };
  }

  // Sends a message and shows it at once; what is refused stays, and says why.
  async say(words, picture = null, number = state.number) {
    const body = { ...this.writer(), ...words, phone_number_id: number.phone_number_id };
    const isHere = number.phone_number_id === state.number.phone_number_id;
    if (isHere && state.reply && !words.forwarded && !words.frequently_forwarded) body.reply_to = state.reply.message_id;
    if (isHere && state.ad) body.referral = state.ad;
    const row = { message_id: `pending ${(count += 1)}`, by: "person", at: now().toISOString(), reactions: {}, url: picture?.url, quoted: body.reply_to ? state.reply : undefined, ...words, referral: body.referral };
    const pending = { place: `${state.person.with} ${number.phone_number_id}`, row, state: "sending" };
    const person = state.person;
    if (isHere) {
      [state.reply, state.ad] = [null, null];
      this.context();
    }
    state.pending.push(pending);
    pending.discard = () => {
      state.pending = state.pending.filter((one) => one !== pending);
      this.onPending();
    };
    pending.again = () => this.try(pending, body, picture, person);
    await this.try(pending, body, picture, person);
  }

  async try(pending, body, picture, person) {
    pending.state = "sending";
    this.onPending({ isNew: true });
    try {
      const { message_id } = await post("/inbound", picture ? formOf(body, picture) : body);
      remember(person);
      pending.message_id = message_id;
      const isOpen = pending.place === placeOf();
      if (!isOpen || state.messages.some((one) => one.message_id === message_id)) pending.discard();
      if (!isOpen) toast("Forwarded");
    } catch (why) {
      [pending.state, pending.why] = ["failed", why.message];
      this.onPending();
    }
  }
}

function formOf(body, { blob, name }) {
  const form = new FormData();
  for (const [key, value] of Object.entries(body)) {
    if (value !== undefined) form.append(key, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  form.append("file", blob, name);
  return form;
}

// A phone makes a JPEG of what WhatsApp does not take, such as WebP; null where the browser cannot read it.
async function asAPhoneSends(file) {
  if (SENT_AS_IS.includes(file.type)) return file;
  try {
    const bitmap = await createImageBitmap(file);
    const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0);
    return await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  } catch {
    return null;
  }
}

export const looksLikePictures = (transfer) => [...(transfer?.items ?? [])].some((item) => item.kind === "file");
export const picturesOf = (transfer) => [...(transfer?.files ?? [])];
