// Presets of what can go wrong: answers of the Cloud API, and webhooks.

import { button, h, icon, keep, toast } from "./dom.js";
import { get, post, remove } from "./wire.js";

const FAULTS = [
  { title: "Slow answers", says: "Each waits 3 seconds", wish: { effect: { delay_ms: 3000 } } },
  { title: "Server error", says: "500, and nothing done", wish: { effect: { status: 500 } } },
  { title: "Lost after sending", says: "Accepted, but the answer never comes", wish: { match: { route: "messages" }, effect: { drop: "after" } } },
  { title: "Throttled", says: "Code 130429 on sends", wish: { match: { route: "messages" }, effect: { error: 130429 } } },
  { title: "Token revoked", says: "Code 190 on everything", wish: { effect: { error: 190 } } },
  { title: "Hanging", says: "No answer to sends, ever", wish: { match: { route: "messages" }, effect: { hang: true } } },
];
const OFTEN = [
  { label: "Next 3", when: { mode: "next", n: 3 } },
  { label: "Every 3rd", when: { mode: "every", n: 3 } },
  { label: "Half", when: { mode: "probability", p: 0.5 } },
  { label: "Always", when: { mode: "always" } },
];
const TROUBLES = [
  { name: "duplicate", title: "Twice", says: "Each webhook comes twice" },
  { name: "reorder", title: "Out of order", says: "A later one overtakes it" },
  { name: "drop", title: "Lost", says: "It never comes" },
  { name: "delay_ms", title: "Late", says: "Up to 3 seconds later", on: [500, 3000], off: [0, 0] },
  { name: "batch", title: "In batches", says: "Up to 10 in one", on: 10, off: 1 },
  { name: "early_status", title: "Too early", says: "Before the send's answer" },
  { name: "skip_delivered", title: "Read at once", says: "No delivered before read" },
  { name: "failed_after_delivered", title: "Failed after all", says: "131026 in place of read" },
  { name: "unknown_wamid", title: "Of strangers", says: "Of a message nobody sent" },
];
const isOn = (value, trouble) => JSON.stringify(value ?? trouble.off ?? 0) !== JSON.stringify(trouble.off ?? 0) && value !== false;
const isSpent = ({ when, struck }) => when.mode === "next" && struck >= when.n;

const failed = (why) => toast(why.message, { isBad: true });

export class TroublePanel {
  constructor(panel) {
    this.often = choice("How often answers go wrong", "often", OFTEN.map(({ label }) => label), 0);
    this.likely = choice("How likely webhooks go wrong", "likely", ["Sometimes", "Always"], 1, () => this.spoil());
    this.rules = h("ul.rules", { "aria-label": "Faults in force" });
    this.well = h("button.plain", { type: "button", onclick: () => this.mend() }, icon("again"), "All well again");
    this.boxes = new Map(TROUBLES.map(({ name }) => [name, h("input", { type: "checkbox", role: "switch", onchange: () => this.spoil() })]));
    panel.querySelector("h2").after(h("div.panel-deeds", {}, this.well));
    panel.append(h("h3", {}, "Answers of the Cloud API"), this.often.element,
      h("div.presets", {}, FAULTS.map((fault) => h("button.preset", { type: "button", onclick: () => this.add(fault) }, h("strong", {}, fault.title), h("span", {}, fault.says)))), this.rules,
      h("h3", {}, "Webhooks"), this.likely.element,
      h("div.switches", {}, TROUBLES.map(({ name, title, says }) => h("label.switch", {}, this.boxes.get(name), h("span.who", {}, h("strong", {}, title), h("span", {}, says))))));
  }

  async load() {
    const [{ items }, { trouble }] = await Promise.all([get("/faults"), get("/trouble")]);
    keep(this.rules, items, { key: (one) => one.id, sign: (one) => JSON.stringify(one), make: (one) => this.rule(one) });
    this.rules.hidden = !items.length;
    const on = trouble ? TROUBLES.filter((one) => isOn(trouble[one.name], one)) : [];
    for (const one of TROUBLES) this.boxes.get(one.name).checked = on.includes(one);
    const likely = on.find((one) => one.on === undefined);
    if (likely) this.likely.choose(Number(trouble[likely.name]) >= 1 ? 1 : 0);
    this.well.disabled = !items.length && !on.length;
    document.body.dataset.trouble = on.length || !items.every(isSpent) ? "on" : "off";
  }

  rule(fault) {
    const preset = FAULTS.find((one) => JSON.stringify(Object.entries(one.wish.effect)) === JSON.stringify(Object.entries(fault.effect).filter(([name]) => name in one.wish.effect)) && Object.keys(one.wish.effect).length === Object.keys(fault.effect).length);
    const title = preset?.title ?? JSON.stringify(fault.effect);
    const { mode, n, p } = fault.when;
    const often = { always: "always", next: `next ${n}`, every: `every ${n}.`, probability: `${Math.round(p * 100)} %` }[mode];
    const whom = fault.match.to ? ` to ${fault.match.to}` : "";
    return h(`li${isSpent(fault) ? ".spent" : ""}`, {}, h("span.who", {}, h("strong", {}, title), h("span", {}, `${often}${whom} · struck ${fault.struck} of ${fault.matched}${isSpent(fault) ? ", used up" : ""}`)),
      button(`Take away: ${title}`, "close", () => remove(`/faults/${fault.id}`).catch(failed)));
  }

  add({ title, wish }) {
    const { when, label } = OFTEN[this.often.chosen()];
    post("/faults", { ...wish, when }).then(() => toast(`${title}: ${label.toLowerCase()}`), failed);
  }

  spoil() {
    const chance = this.likely.chosen() === 1 ? 1 : 0.4;
    const chosen = TROUBLES.filter(({ name }) => this.boxes.get(name).checked);
    const wish = Object.fromEntries(chosen.map(({ name, on }) => [name, on ?? chance]));
    (chosen.length ? post("/trouble", wish) : remove("/trouble")).catch(failed);
  }

  mend() {
    Promise.all([remove("/faults"), remove("/trouble")]).then(() => toast("All is well again"), failed);
  }
}

// A row of choices of which one holds.
function choice(legend, name, labels, first, onchange) {
  const boxes = labels.map((_, index) => h("input", { type: "radio", name, value: String(index), checked: index === first, onchange }));
  const element = h("fieldset.choice", {}, h("legend.unseen", {}, legend), labels.map((label, index) => h("label", {}, boxes[index], h("span", {}, label))));
  return { element, chosen: () => boxes.findIndex((box) => box.checked), choose: (index) => { boxes[index].checked = true; } };
}
