// Puts the page together: what changes in the sandbox is looked at again, part by part.

import { Chat } from "./chat.js";
import { Composer, looksLikePictures, picturesOf } from "./composer.js";
import { dialog, h, icon, toast } from "./dom.js";
import { LedgerPanel, WebhookPanel } from "./log_panels.js";
import { openPeople, peopleKnown, personButton } from "./people.js";
import { Phone } from "./phone.js";
import { facts, fromAddress, personFrom, remember, state, toAddress } from "./state.js";
import { TimePanel } from "./time_panel.js";
import { TroublePanel } from "./trouble_panel.js";
import { askWith, follow, get, Refused } from "./wire.js";

const TYPING_AGAIN_MS = 4000;
const VIEWS = [
  { name: "phone", label: "Phone", icon: "phone" },
  { name: "clock", label: "Time", icon: "clock" },
  { name: "trouble", label: "Break", icon: "bolt" },
  { name: "webhooks", label: "Webhooks", icon: "hook" },
  { name: "ledger", label: "Ledger", icon: "book" },
];
const byId = (id) => document.getElementById(id);

askWith(({ wasWrong }) => new Promise((done) => {
  const field = h("input", { type: "password", name: "token", required: true, autocomplete: "off", "aria-label": "Control token" });
  const box = dialog("Control token", () => h("form.fields", { onsubmit: (event) => {
    event.preventDefault();
    const given = field.value.trim();
    box.close();
    done(given);
  } }, wasWrong && h("p.hint.bad", { role: "alert" }, "That was not the control token."), h("p", {}, "This sandbox can be reached by others, so it asks for the control token that it printed when it started. This tab keeps it until you close it."),
    field, h("div.deeds", {}, h("button.main", { type: "submit" }, "Open"))), { isFirm: true });
}));

const composer = new Composer({
  onPending: ({ isNew = false } = {}) => {
    chat.render();
    if (isNew) chat.toEnd();
  },
  onUnblock: () => phone.block(false),
});
const chat = new Chat({
  onReply: (row) => composer.answer(row),
  onForward: (row) => composer.forward(row),
  onReact: (row, emoji) => composer.react(row, emoji),
});
const phone = new Phone({ chat, composer, onOpen: (number) => openChat(number), onBack: () => phone.screen("chats") });
const clock = new TimePanel(byId("clock"), () => refresh("messages"));
const trouble = new TroublePanel(byId("trouble"));
const ledger = new LedgerPanel(byId("ledger"), async (key, numberId, wamid) => {
  show("phone");
  const people = state.person.with === key ? [] : await peopleKnown();
  const number = facts.numbers.find((one) => one.phone_number_id === numberId) ?? state.number;
  if (state.person.with !== key || state.number !== number) await choose(people.find((one) => one.with === key) ?? personFrom(key), number);
  else phone.screen("chat");
  chat.goTo(wamid);
});
const webhooks = new WebhookPanel(byId("webhooks"), () => ledger.render());

let typingTimer = 0;
async function loadLook() {
  const person = state.person.with;
  const told = await get(`/people/${encodeURIComponent(person)}`, { phone_number_id: state.number.phone_number_id });
  if (person !== state.person.with || told.conversations[0].phone_number_id !== state.number.phone_number_id) return;
  state.look = told.conversations[0];
  if (told.name && told.name !== state.person.name) {
    state.person = { ...state.person, name: told.name };
    personButton(byId("person"), state.person);
  }
  phone.head();
  clock.tick();
  clearTimeout(typingTimer);
  if (state.look.typing) typingTimer = setTimeout(() => refresh("messages"), TYPING_AGAIN_MS);
}

async function loadMessages() {
  await loadLook();
  await chat.load();
  ledger.render();
  await phone.loadChats();
}

// Each loader runs once at a time, and once more when its part has changed meanwhile.
const LOADERS = new Map([
  [loadMessages, ["messages", "people"]],
  [() => ledger.load(), ["ledger"]],
  [() => webhooks.load(), ["webhooks"]],
  [() => clock.load(), ["clock"]],
  [() => trouble.load(), ["rules"]],
].map(([load, parts]) => [load, { parts, isRunning: false, isStale: false }]));

async function run(load, entry) {
  if (entry.isRunning) {
    entry.isStale = true;
    return;
  }
  entry.isRunning = true;
  do {
    entry.isStale = false;
    try {
      await load();
    } catch (why) {
      // A sandbox that is away says so by itself, where the page is live or not.
      if (why instanceof Refused) toast(why.message, { isBad: true });
      else if (!(why instanceof TypeError)) throw why;
    }
  } while (entry.isStale);
  entry.isRunning = false;
}

function refresh(...changed) {
  const all = changed.includes("world");
  return Promise.all([...LOADERS].filter(([, { parts }]) => all || parts.some((part) => changed.includes(part))).map(([load, entry]) => run(load, entry)));
}

const live = byId("live");
function tellLive({ isLive, why = "" }) {
  live.dataset.state = isLive ? "on" : "off";
  live.textContent = isLive ? "Live" : why || "Reconnecting…";
}

let unfollow = () => {};
async function choose(person, number = state.number) {
  if (person.isNew) remember({ with: person.with, name: person.name, hides: person.hides });
  unfollow();
  Object.assign(state, { person, number, look: null, reply: null, ad: null });
  composer.unstage();
  personButton(byId("person"), person);
  toAddress();
  chat.begin();
  phone.head();
  phone.screen("chat");
  unfollow = follow(person.with, { onChange: (changed) => refresh(...changed), onState: tellLive });
  await refresh("messages");
}

async function openChat(number) {
  Object.assign(state, { number, look: null, reply: null });
  toAddress();
  chat.begin();
  phone.head();
  phone.screen("chat");
  await refresh("messages");
}

const besidePhone = matchMedia("(min-width: 860px)");
function show(view) {
  // Where there is room, the phone is always there.
  if (view === "phone" && besidePhone.matches) return;
  document.body.dataset.view = view;
  for (const one of byId("views").children) {
    if (one.dataset.view === view) one.setAttribute("aria-current", "true");
    else one.removeAttribute("aria-current");
  }
}

byId("views").append(...VIEWS.map(({ name, label, icon: sign }) => h("button", { type: "button", "data-view": name, onclick: () => show(name) }, icon(sign), h("span", {}, label))));
// Where the phone stands beside them, one of the others is open at first.
show(besidePhone.matches ? "webhooks" : "phone");
besidePhone.addEventListener("change", ({ matches }) => show(matches ? "webhooks" : "phone"));

byId("person").addEventListener("click", () => openPeople(choose));

const screen = byId("screen");
const drop = byId("drop");
let inside = 0;
screen.addEventListener("dragenter", (event) => {
  if (!looksLikePictures(event.dataTransfer)) return;
  event.preventDefault();
  inside += 1;
  drop.hidden = false;
});
screen.addEventListener("dragover", (event) => looksLikePictures(event.dataTransfer) && event.preventDefault());
screen.addEventListener("dragleave", () => {
  inside = Math.max(0, inside - 1);
  drop.hidden = inside === 0;
});
screen.addEventListener("drop", (event) => {
  [inside, drop.hidden] = [0, true];
  if (!looksLikePictures(event.dataTransfer)) return;
  event.preventDefault();
  composer.stage(picturesOf(event.dataTransfer));
});
document.addEventListener("paste", (event) => {
  const pictures = picturesOf(event.clipboardData);
  if (!pictures.length || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  composer.stage(pictures);
});

const { person, number } = fromAddress();
window.addEventListener("hashchange", () => {
  const wanted = fromAddress();
  if (wanted.person && wanted.person.with !== state.person.with) choose(wanted.person, wanted.number ?? state.number);
});
choose(person ?? personFrom(facts.person.with, facts.person.name), number ?? state.number);
