// Whose phone it is: the people of the sandbox, and somebody new.

import { avatar, dialog, h, icon } from "./dom.js";
import { isUserId, nameOf, now, personFrom, remembered } from "./state.js";
import { phoneOf, whenShort } from "./words.js";
import { get } from "./wire.js";

const SHOWN_MAX = 200;

export async function peopleKnown() {
  const { items } = await get("/conversations", { limit: 1000 });
  const known = new Map();
  for (const one of items) {
    if (one.group_id === null && !known.has(one.with)) known.set(one.with, { ...personFrom(one.with, one.name), last: new Date(one.last_at) });
  }
  return [...known.values()];
}

export function openPeople(onChoose) {
  let people = [];
  const rows = h("div.rows", { role: "group", "aria-label": "People" }, h("p.hint", {}, "Looking…"));
  const search = h("input", { type: "search", placeholder: "Name or number", "aria-label": "Find a person", oninput: () => list() });
  const choose = (person) => {
    box.close();
    onChoose(person);
  };
  const list = () => {
    const wanted = search.value.trim().toLowerCase().replace(/^\+/, "");
    const found = people.filter((one) => !wanted || (one.name ?? "").toLowerCase().includes(wanted) || one.with.toLowerCase().includes(wanted));
    rows.replaceChildren(...found.slice(0, SHOWN_MAX).map((one) => personRow(one, choose)));
    if (!found.length) rows.append(h("p.hint", {}, people.length ? "Nobody by that name or number." : "Nobody has written yet."));
  };
  const box = dialog("Whose phone is it?", () => [h("div.fields", {}, search, rows), newPerson(choose)], { kind: "people" });
  peopleKnown().then((known) => {
    people = known;
    list();
  }, (why) => rows.replaceChildren(h("p.hint.bad", {}, why.message)));
}

function personRow(one, choose) {
  return h("button.row", { type: "button", onclick: () => choose(one) }, avatar(one.name ?? "", one.with),
    h("span.who", {}, h("strong", { dir: "auto" }, nameOf(one)), h("span", {}, one.hides ? "Hides their number" : phoneOf(one.with))),
    h("span.when", {}, whenShort(one.last, now())));
}

function newPerson(choose) {
  const number = h("input", { name: "number", inputmode: "tel", autocomplete: "off", placeholder: "+255 712 345 678", required: true });
  const hides = h("input", { type: "checkbox", name: "hides", onchange: () => {
    number.disabled = hides.checked;
    number.required = !hides.checked;
  } });
  const why = h("p.hint.bad", { role: "alert", hidden: true });
  return h("form.fields.new", { onsubmit: (event) => {
    event.preventDefault();
    const name = event.target.elements.name.value.trim() || null;
    const key = hides.checked ? userId() : number.value.replace(/\D/g, "");
    const isNumber = isUserId(key) || /^\d{7,15}$/.test(key);
    why.hidden = isNumber;
    why.textContent = "A phone number has 7 to 15 digits, with the country code.";
    if (isNumber) choose({ ...personFrom(key, name ?? remembered(key)?.name), isNew: true });
  } }, h("h3", {}, "Somebody new"), h("label.field", {}, h("span", {}, "Number"), number), h("label.field", {}, h("span", {}, "Name"), h("input", { name: "name", autocomplete: "off", placeholder: "Asha", maxlength: 100 })),
    h("label.check", {}, hides, h("span", {}, "Hides their number from businesses")), why, h("div.deeds", {}, h("button.main", { type: "submit" }, "Take their phone")));
}

// A business-scoped user id, as Meta's pages show them.
function userId() {
  const digits = crypto.getRandomValues(new Uint8Array(17));
  return `US.1${[...digits].map((one) => one % 10).join("")}`;
}

export function personButton(button, person) {
  button.replaceChildren(avatar(person.name ?? "", person.with), h("span.who", {}, h("strong", { dir: "auto" }, nameOf(person)), h("span", {}, person.hides ? "Hides their number" : phoneOf(person.with))), icon("more"));
  button.setAttribute("aria-label", `${nameOf(person)}: choose whose phone it is`);
}
