// A template for somebody whose window is shut: chosen, filled in before one's eyes, and sent.

import { fetched } from "./live.js";
import { send } from "./sending.js";
import { freshKey, upload } from "./upload.js";

const SEARCH_FROM = 6;
const PLACE = /\{\{\s*(\w+)\s*\}\}/g;
const AWAY = "The templates could not be fetched. Close this, and try again.";
const NONE = "No template is approved for this number yet. Templates are made in WhatsApp Manager; a new one is here within ten minutes.";

/** Return what opens the dialog in which a template is chosen. */
export function choosing({ thread, dialog, limits }) {
  const part = (name) => document.getElementById(`choice-${name}`);
  const [list, items, none, search, form, places] = ["list", "items", "none", "search", "form", "places"].map(part);
  let [all, chosen, picture, key, stop, isSending] = [[], null, null, freshKey(), null, false];

  async function open() {
    back();
    dialog.showModal();
    const answer = await fetched(`/inbox/conversations/${thread}/templates`).catch(() => null);
    all = answer?.ok ? (await answer.json()).templates : [];
    part("search").closest("label").hidden = all.length < SEARCH_FROM;
    search.value = "";
    show(answer?.ok ? NONE : AWAY);
    (all.length < SEARCH_FROM ? items.querySelector("button") : search)?.focus();
  }

  function show(otherwise = "No template has that in its name or text.") {
    const wanted = search.value.trim().toLowerCase();
    const found = all.filter((one) => `${one.name.replaceAll("_", " ")} ${one.name} ${one.body}`.toLowerCase().includes(wanted));
    items.replaceChildren(...found.map(row));
    [none.hidden, none.textContent] = [found.length > 0, found.length ? "" : otherwise];
  }

  function row(one) {
    const [item, button, name, about, body] = ["li", "button", "strong", "span", "p"].map((tag) => document.createElement(tag));
    [button.type, button.className, button.disabled] = ["button", "choice-item", !one.is_fillable];
    name.textContent = titled(one.name);
    about.textContent = [one.language, one.category, one.has_picture ? "with a picture" : ""].filter(Boolean).join(" · ");
    body.textContent = one.is_fillable ? one.body : "This one has parts that cannot be filled in here.";
    button.append(name, about, body);
    button.addEventListener("click", () => choose(one));
    item.append(button);
    return item;
  }

  const titled = (name) => name.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());

  function back() {
    stop?.abort();
    [chosen, picture, key] = [null, null, freshKey()];
    [list.hidden, form.hidden, part("back").hidden] = [false, true, true];
    part("title").textContent = "Send a template";
    complain("");
  }

  function choose(one) {
    back();
    chosen = one;
    [list.hidden, form.hidden, part("back").hidden] = [true, false, false];
    part("title").textContent = titled(one.name);
    part("picture").hidden = !one.has_picture;
    part("image").hidden = !one.has_picture;
    part("picture-words").textContent = "";
    part("image").querySelector("img").hidden = true;
    places.replaceChildren(...one.places.map(fieldOf));
    for (const [name, words] of [["heading", one.heading], ["footer", one.footer]]) {
      [part(name).textContent, part(name).hidden] = [words, !words];
    }
    part("buttons").hidden = !one.buttons.length;
    part("buttons").replaceChildren(...one.buttons.map((words) => Object.assign(document.createElement("li"), { textContent: words })));
    draw();
    (one.has_picture ? part("pick") : places.querySelector("input") ?? part("send")).focus();
  }

  function fieldOf(place) {
    const [label, words, input] = ["label", "span", "input"].map((tag) => document.createElement(tag));
    label.className = "field";
    words.textContent = /^\d+$/.test(place) ? `Field ${place}` : titled(place);
    Object.assign(input, { name: place, required: true, autocomplete: "off", maxLength: limits.caption });
    label.append(words, input);
    return label;
  }

  const values = () => Object.fromEntries([...places.querySelectorAll("input")].map((one) => [one.name, one.value.trim()]));

  /** Draw what will be read, with what is filled in marked, and what is not yet, too. */
  function draw() {
    const [filled, pieces] = [values(), []];
    let from = 0;
    for (const found of chosen.body.matchAll(PLACE)) {
      const mark = document.createElement("mark");
      const value = filled[found[1]];
      mark.textContent = value || found[0];
      mark.className = value ? "is-filled" : "";
      pieces.push(chosen.body.slice(from, found.index), mark);
      from = found.index + found[0].length;
    }
    part("body").replaceChildren(...pieces, chosen.body.slice(from));
  }

  async function pick(file) {
    stop?.abort();
    const mine = new AbortController();
    [stop, picture] = [mine, null];
    const [bar, words, image] = [part("progress"), part("picture-words"), part("image").querySelector("img")];
    [bar.hidden, words.textContent, image.hidden] = [false, "Uploading", true];
    complain("");
    const told = await upload(file, {
      signal: mine.signal,
      progress(percent) {
        bar.value = percent;
        if (percent === 100) words.textContent = "Looking at it";
      },
    });
    if (mine.signal.aborted) return;
    bar.hidden = true;
    words.textContent = told.picture ? [told.picture.facts, ...told.picture.changes].join("; ") : told.words;
    words.classList.toggle("is-bad", !told.picture);
    if (!told.picture) return;
    [picture, key] = [told.picture, freshKey()];
    image.addEventListener("load", () => { image.hidden = false; }, { once: true });
    image.src = told.picture.thumb;
  }

  function complain(words) {
    [part("problem").textContent, part("problem").hidden] = [words, !words];
  }

  async function go() {
    const filled = values();
    const missing = [...places.querySelectorAll("input")].find((one) => !one.value.trim());
    if (chosen.has_picture && !picture) {
      complain("This template has a picture on top: pick one first.");
      part("pick").focus();
      return;
    }
    if (missing) {
      complain("Fill in every field first.");
      missing.focus();
      return;
    }
    isSending = true;
    complain("");
    const fields = Object.fromEntries(Object.entries(filled).map(([name, value]) => [`value.${name}`, value]));
    const told = await send(thread, {
      key, template: chosen.name, language: chosen.language, file_id: picture?.file_id ?? "", ...fields,
    });
    isSending = false;
    if (told.id) dialog.close();
    else complain(told.words);
  }

  search.addEventListener("input", () => show());
  part("back").addEventListener("click", () => {
    back();
    items.querySelector("button")?.focus();
  });
  part("pick").addEventListener("click", () => part("file").click());
  part("file").addEventListener("change", (event) => {
    if (event.target.files.length) pick(event.target.files[0]);
    event.target.value = "";
  });
  places.addEventListener("input", () => {
    key = freshKey();
    complain("");
    draw();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!isSending) go();
  });
  dialog.addEventListener("close", back);
  return { open };
}
