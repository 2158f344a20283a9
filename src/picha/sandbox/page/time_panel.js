// The sandbox's clock: what it shows, the buttons that move it, and who is told when another day begins by it.

import { dialog, h, icon, toast } from "./dom.js";
import { nameOf, now, state } from "./state.js";
import { dayKey, dayOf, exactTimeOf, span, timeOf } from "./words.js";
import { get, post } from "./wire.js";

const REAL_WITHIN_MS = 2000;

export class TimePanel {
  constructor(panel, onNewDay) {
    this.onNewDay = onNewDay;
    this.today = dayKey(now());
    this.time = h("strong.time");
    this.day = h("span.day");
    this.tag = h("span.tag", { role: "status" });
    this.window = h("p.window");
    this.freeze = h("button.plain", { type: "button", onclick: () => this.move(state.clock.frozenAt ? { resume: true } : { freeze: true }) });
    this.real = h("button.plain", { type: "button", onclick: () => this.move({ set: new Date().toISOString() }) }, "Real time");
    const later = (label, seconds) => h("button.plain", { type: "button", onclick: () => this.move({ advance_s: seconds }) }, label);
    panel.append(h("div.clock-face", {}, h("p.now", {}, this.time, this.day), this.tag),
      h("div.deeds", { role: "group", "aria-label": "Move the clock" }, later("+1 h", 3600), later("+24 h", 86_400), this.freeze, this.real), this.window,
      h("details.more", {}, h("summary", {}, "More"), h("button.plain.grave", { type: "button", onclick: () => this.startOver() }, icon("again"), "Begin the first day again")));
    setInterval(() => this.tick(), 1000);
  }

  async load() {
    const asked = Date.now();
    const { now: moment, frozen } = await get("/clock");
    const at = new Date(moment);
    const ahead = at - (asked + Date.now()) / 2;
    state.clock = { ahead: Math.abs(ahead) < REAL_WITHIN_MS ? 0 : ahead, frozenAt: frozen ? at : null };
    this.tick();
  }

  async move(wish) {
    try {
      await post("/clock", wish);
    } catch (why) {
      toast(why.message, { isBad: true });
    }
  }

  tick() {
    const moment = now();
    const { frozenAt } = state.clock;
    const ahead = moment - Date.now();
    const isReal = !frozenAt && Math.abs(ahead) < REAL_WITHIN_MS;
    this.time.textContent = exactTimeOf(moment);
    this.day.textContent = dayOf(moment);
    const apart = Math.abs(ahead) < REAL_WITHIN_MS ? "" : `${span(Math.round(ahead / 60_000) * 60_000)} ${ahead > 0 ? "ahead" : "behind"}`;
    const tag = frozenAt ? "frozen" : isReal ? "real time" : apart;
    if (this.tag.textContent !== tag) this.tag.textContent = tag;
    this.tag.dataset.kind = frozenAt ? "frozen" : isReal ? "real" : "moved";
    this.freeze.textContent = frozenAt ? "Resume" : "Freeze";
    this.real.disabled = isReal;
    document.getElementById("phone-time").textContent = timeOf(moment);
    this.tellWindow(moment);
    if (this.today === dayKey(moment)) return;
    this.today = dayKey(moment);
    this.onNewDay();
  }

  tellWindow(moment) {
    const closes = state.look?.window_closes_at && new Date(state.look.window_closes_at);
    const who = state.person ? nameOf(state.person) : "";
    let words = `${who} has not written yet, so the business may not write freely.`;
    let kind = "shut";
    if (closes && closes > moment) {
      kind = closes - moment < 3_600_000 ? "soon" : "open";
      words = `The business may write to ${who} for another ${span(closes - moment)}.`;
    } else if (closes) {
      words = `The window of ${who} shut ${span(moment - closes)} ago: only templates go through until they write.`;
    }
    if (this.window.textContent !== words) this.window.textContent = words;
    this.window.dataset.kind = kind;
  }

  startOver() {
    dialog("Begin the first day again?", (close) => h("div.fields", {}, h("p", {}, "Everybody's messages, the ledger and the clock start anew. Credentials and webhook addresses stay."),
      h("div.deeds", {}, h("button.plain", { type: "button", onclick: close }, "Keep everything"), h("button.main.grave", { type: "button", onclick: async () => {
        close();
        await post("/reset").then(() => toast("The first day begins"), (why) => toast(why.message, { isBad: true }));
      } }, "Begin again"))));
  }
}
