// A menu that opens where its button is: arrows move, Escape leads back, and whatever else is touched closes it.

import { h, icon } from "./dom.js";

let closeOpen = null;

// `quick` holds short entries that stand in a row above the others, each a text and what it does.
export function openMenu(anchor, label, entries, quick = []) {
  const wasOpen = anchor.getAttribute("aria-expanded") === "true";
  closeOpen?.();
  if (wasOpen) return;
  const box = h("div.menu", { role: "menu", "aria-label": label });
  const close = ({ back = false } = {}) => {
    box.remove();
    anchor.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    closeOpen = null;
    if (back) anchor.focus();
  };
  const outside = (event) => !box.contains(event.target) && !anchor.contains(event.target) && close();
  const entry = (text, act, props, ...inside) => {
    const made = h("button", { type: "button", role: "menuitem", tabindex: "-1", ...props }, inside);
    made.addEventListener("click", () => {
      close({ back: true });
      act();
    });
    return made;
  };
  if (quick.length) box.append(h("div.quick", { role: "group", "aria-label": "React" }, quick.map(({ text, act }) => entry(text, act, { "aria-label": `React ${text}` }, text))));
  for (const { text, icon: name, act, isGrave } of entries) {
    const made = entry(text, act, {}, icon(name), h("span", {}, text));
    if (isGrave) made.classList.add("grave");
    box.append(made);
  }
  box.addEventListener("keydown", (event) => {
    const all = [...box.querySelectorAll("[role=menuitem]")];
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (step) all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
    else if (event.key === "Home") all[0].focus();
    else if (event.key === "End") all.at(-1).focus();
    else if (event.key === "Escape") close({ back: true });
    else if (event.key === "Tab") close();
    else return;
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  });
  document.addEventListener("pointerdown", outside, true);
  anchor.setAttribute("aria-expanded", "true");
  // Beside a message it lines up with its bubble, so that it stays on the screen.
  (anchor.closest(".bubble") ?? anchor.parentElement).append(box);
  const room = anchor.closest("[data-room]")?.getBoundingClientRect();
  if (room && anchor.getBoundingClientRect().bottom + box.offsetHeight + 8 > room.bottom) box.classList.add("up");
  closeOpen = close;
  box.querySelector("[role=menuitem]").focus();
}
