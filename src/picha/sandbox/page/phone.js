// The phone around a conversation: the list of chats, the conversation's head, and what the customer does to it.

import { avatar, button, h, icon, toast } from "./dom.js";
import { fold } from "./chat.js";
import { openMenu } from "./menu.js";
import { facts, now, state } from "./state.js";
import { gist, phoneOf, plural, whenShort } from "./words.js";
import { get, post } from "./wire.js";

const LOOKED_AT = 20;
// A sandbox may have any number of numbers; so many chats are looked at each time something changes.
const CHATS_MAX = 12;

export class Phone {
  constructor({ chat, composer, onOpen, onBack }) {
    this.chats = document.getElementById("chats");
    this.pane = document.getElementById("chat");
    this.composer = composer;
    this.onOpen = onOpen;
    this.name = h("strong", { dir: "auto" });
    this.under = h("span", { role: "status" });
    this.face = h("span");
    this.unreadElsewhere = h("span.badge", { hidden: true });
    const options = button("Chat options", "more", () => this.openOptions(options), { "aria-haspopup": "menu", "aria-expanded": "false" });
    this.pane.append(h("header.chat-head", {}, h("span.to-chats", {}, button("All chats", "back", onBack), this.unreadElsewhere), this.face, h("div.who", {}, this.name, this.under), h("span.options", {}, options)),
      chat.scroller, h("div.over", {}, chat.newest), chat.waiting, composer.form, composer.blocked);
    this.rows = h("ul.chat-rows");
    this.chats.append(h("header.chats-head", {}, h("h2", {}, "Chats")), this.rows, h("p.hint", {}, "The business's numbers that this person can write to."));
  }

  head() {
    const { number, look } = state;
    this.name.textContent = number.name;
    this.under.textContent = look?.blocked ? "blocked" : look?.typing ? "typing…" : phoneOf(number.phone);
    this.under.classList.toggle("typing", Boolean(look?.typing) && !look.blocked);
    this.face.replaceChildren(avatar(number.name, number.phone_number_id));
    this.composer.show();
  }

  openOptions(anchor) {
    const isBlocked = state.look?.blocked;
    openMenu(anchor, "Chat", [
      { text: "Come from an ad", icon: "ad", act: () => this.composer.openAd() },
      { text: isBlocked ? "Unblock the business" : "Block the business", icon: "block", isGrave: !isBlocked, act: () => this.block(!isBlocked) },
    ]);
  }

  async block(isBlocked) {
    try {
      await post(`/people/${encodeURIComponent(state.person.with)}/${isBlocked ? "block" : "unblock"}?phone_number_id=${state.number.phone_number_id}`);
    } catch (why) {
      toast(why.message, { isBad: true });
    }
  }

  screen(name) {
    state.screen = name;
    this.chats.hidden = name !== "chats";
    this.pane.hidden = name !== "chat";
  }

  // Each number of the business with the last that was said there, and how much of it is new to the person.
  async loadChats() {
    const person = state.person.with;
    const shown = [state.number, ...facts.numbers.filter((one) => one !== state.number)];
    const all = await Promise.all(shown.map(async (number, index) => {
      if (index >= CHATS_MAX) return { number, last: null, unread: 0 };
      const { items } = await get("/messages", { with: person, phone_number_id: number.phone_number_id, limit: LOOKED_AT });
      const { rows } = fold(items);
      return { number, last: rows.at(-1) ?? null, unread: rows.filter((row) => row.by === "business" && row.status === "delivered").length };
    }));
    if (person !== state.person.with) return;
    all.sort((one, other) => new Date(other.last?.at ?? 0) - new Date(one.last?.at ?? 0));
    this.rows.replaceChildren(...all.map((one) => this.row(one)));
    const elsewhere = all.filter(({ number }) => number !== state.number).reduce((sum, { unread }) => sum + unread, 0);
    this.unreadElsewhere.hidden = !elsewhere;
    this.unreadElsewhere.textContent = String(elsewhere);
  }

  row({ number, last, unread }) {
    // What was not looked at, or is empty, shows the number.
    const says = last ? `${last.by === "person" ? "You: " : ""}${gist(last)}` : phoneOf(number.phone);
    return h("li", {}, h("button.row", { type: "button", onclick: () => this.onOpen(number) }, avatar(number.name, number.phone_number_id),
      h("span.who", {}, h("strong", { dir: "auto" }, number.name), h("span", { dir: "auto" }, last?.picture ? icon("photo") : "", says)),
      h("span.when", {}, last ? whenShort(new Date(last.at), now()) : "", unread > 0 && h("span.badge", { "aria-label": plural(unread, "new message") }, String(unread)))));
  }
}
