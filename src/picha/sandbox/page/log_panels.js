// What the sandbox told the business, and what it accepted: the webhooks and the ledger, the newest first.

import { h, icon, keep, toast } from "./dom.js";
import { state } from "./state.js";
import { exactTimeOf, phoneOf, wholeOf } from "./words.js";
import { get, post, show } from "./wire.js";

const SHOWN = 50;
const STATES = { owed: "waiting", taken: "taken", "given up": "given up" };
const shortId = (id) => (id.length > 18 ? `…${id.slice(-10)}` : id);
const statuses = new Map();

// Marks what comes after the first look as new, until it was seen for a moment.
function keepRows(list, items, ways) {
  const isFirst = !list.isFilled;
  const make = (one, old) => {
    const row = ways.make(one, old);
    if (!isFirst && !old) row.classList.add("new");
    row.addEventListener("animationend", () => row.classList.remove("new"));
    return row;
  };
  keep(list, items, { ...ways, make });
  list.isFilled = true;
}

export class WebhookPanel {
  constructor(panel, onStatuses) {
    this.list = h("ul.log", { "aria-label": "Webhooks, the newest first" });
    this.empty = h("p.hint", { hidden: true }, "No webhook yet. They begin once an address is set and somebody writes.");
    this.onStatuses = onStatuses;
    panel.append(h("div.log-room", { tabindex: "0", role: "region", "aria-label": "Webhooks" }, this.empty, this.list));
  }

  async load() {
    const { items } = await get("/deliveries", { limit: SHOWN });
    for (const one of [...items].reverse()) if (one.status) statuses.set(one.about, one.status);
    keepRows(this.list, items, { key: (one) => one.id, sign: (one) => JSON.stringify([one.state, one.attempts, one.tries]), make: (one, old) => this.row(one, old) });
    this.empty.hidden = items.length > 0;
    this.onStatuses();
  }

  row(delivery, old) {
    const what = delivery.kind === "status" ? delivery.status : { inbound: "message", echo: "echo", error: "error" }[delivery.kind];
    const last = delivery.tries.at(-1);
    const answer = last ? (last.http ?? "no answer") : "";
    const kind = delivery.state === "taken" ? "good" : delivery.state === "owed" && !delivery.tries.length ? "waits" : "bad";
    const again = h("button.plain", { type: "button", onclick: () => post(`/deliveries/${encodeURIComponent(delivery.id)}/redeliver`).then(() => toast("Delivered again"), (why) => toast(why.message, { isBad: true })) }, icon("again"), "Redeliver");
    const inside = h("div.inside");
    const fill = () => inside.childElementCount || inside.append(
      h("dl", {}, h("dt", {}, "To"), h("dd", {}, delivery.url), h("dt", {}, "About"), h("dd", {}, delivery.about),
        h("dt", {}, "Tries"), h("dd", {}, delivery.tries.length ? h("ol", {}, delivery.tries.map((one) => h("li", {}, `${exactTimeOf(new Date(one.at))} · ${one.http ?? "no answer"}`))) : "none since the sandbox started")),
      h("pre", { tabindex: "0", "aria-label": "Body" }, JSON.stringify(delivery.body, null, 2)), h("div.deeds", {}, again));
    const details = h("details", { ontoggle: () => details.open && fill() },
      h("summary", {}, h(`span.dot.${kind}`, { "aria-hidden": "true" }), h("span.what", {}, h("strong", {}, what), h("span", {}, shortId(delivery.about))),
        h("span.outcome", {}, `${STATES[delivery.state]}${answer ? ` · ${answer}` : ""}${delivery.attempts > 1 ? ` · ${delivery.attempts} tries` : ""}`),
        h("time", { datetime: delivery.queued_at, title: wholeOf(new Date(delivery.queued_at)) }, exactTimeOf(new Date(delivery.queued_at)))), inside);
    if (old?.firstElementChild?.open) {
      fill();
      details.open = true;
    }
    return h("li", {}, details);
  }
}

export class LedgerPanel {
  constructor(panel, onChoose) {
    this.list = h("ul.log.sends", { "aria-label": "Accepted sends, the newest first" });
    this.empty = h("p.hint", { hidden: true }, "Nothing was sent yet. What the business sends stands here as soon as it is accepted.");
    this.onChoose = onChoose;
    this.items = [];
    panel.append(h("div.log-room", { tabindex: "0", role: "region", "aria-label": "Ledger" }, this.empty, this.list));
  }

  async load() {
    ({ items: this.items } = await get("/ledger", { last: SHOWN }));
    this.render();
  }

  render() {
    for (const one of state.messages) if (one.by === "business" && one.status) statuses.set(one.message_id, one.status);
    const items = this.items.map((one) => ({ ...one, status: statuses.get(one.wamid) ?? "accepted" })).reverse();
    keepRows(this.list, items, { key: (one) => one.wamid, sign: (one) => JSON.stringify(one), make: (one) => this.row(one) });
    this.empty.hidden = items.length > 0;
  }

  row(send) {
    const key = send.to ?? send.recipient;
    const image = send.sha256 ? h("img", { alt: "", loading: "lazy" }) : null;
    if (image) {
      image.addEventListener("error", () => image.replaceWith(icon("photo")));
      show(image, `/_sandbox/pictures/${send.sha256}`);
    }
    const at = new Date(send.accepted_at);
    const inside = [h("span.thumb", {}, image ?? icon(send.type === "image" ? "photo" : "book")),
      h("span.what", {}, h("strong", { dir: "auto" }, send.caption || send.type), h("span", {}, `${phoneOf(key ?? send.group_id)} · ${shortId(send.wamid)}`)),
      h(`span.tag`, { "data-kind": send.status }, send.status), h("time", { datetime: send.accepted_at, title: wholeOf(at) }, exactTimeOf(at))];
    if (!key) return h("li", {}, h("div.send", {}, inside));
    return h("li", {}, h("button.send", { type: "button", title: "Show it on their phone", onclick: () => this.onChoose(key, send.phone_number_id, send.wamid) }, inside));
  }
}
