// What the page knows: whose phone it is, which conversation is open, and what time it is there.

export const facts = JSON.parse(document.body.dataset.facts);

const KEPT_AS = "picha-new-people";
const made = JSON.parse(sessionStorage.getItem(KEPT_AS) ?? "{}");

export const state = {
  person: null, // { with, name, hides }
  number: facts.numbers[0], // of the business
  screen: "chat",
  messages: [],
  hasMore: false,
  look: null, // what the control API tells of the person
  pending: [],
  reply: null,
  ad: null,
  staged: [],
  blockedHere: false,
  clock: { ahead: 0, frozenAt: null },
};

export const now = () => state.clock.frozenAt ?? new Date(Date.now() + state.clock.ahead);
export const nameOf = (person) => person.name || (person.hides ? "Somebody" : `+${person.with}`);
export const placeOf = () => `${state.person.with} ${state.number.phone_number_id}`;

// Somebody who has not written yet is known to this page alone.
export function remember(person) {
  made[person.with] = person;
  sessionStorage.setItem(KEPT_AS, JSON.stringify(made));
}

export const remembered = (key) => made[key];
export const isUserId = (key) => /^[A-Z]{2}\./.test(key);

export function personFrom(key, name) {
  return { with: key, name: name ?? made[key]?.name ?? null, hides: isUserId(key) };
}

export function fromAddress() {
  const [key, number] = decodeURIComponent(location.hash.slice(1)).split("/");
  const person = /^(\d{7,15}|[A-Z]{2}\.[\w.]+)$/.test(key ?? "") ? personFrom(key) : null;
  return { person, number: facts.numbers.find((one) => one.phone_number_id === number) };
}

export function toAddress() {
  history.replaceState(null, "", `#${encodeURIComponent(state.person.with)}/${state.number.phone_number_id}`);
}
