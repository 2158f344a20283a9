// One picture over everything: arrows and fingers go on, a click looks closer, Escape leads back.

import { button, h, linked } from "./dom.js";
import { state } from "./state.js";
import { wholeOf } from "./words.js";
import { show } from "./wire.js";

const SWIPE_PX = 60;

export function openLightbox(rows, start, { onForward, onReply }) {
  let at = start;
  const image = h("img", { alt: "", draggable: "false" });
  const stage = h("div.stage", { tabindex: "0", "aria-label": "Picture; Enter looks closer", role: "button" }, image);
  const who = h("div.who", {}, h("strong", {}), h("span", {}));
  const caption = h("p.words", { dir: "auto" });
  const count = h("span.count", { role: "status" });
  const box = h("dialog.lightbox", { "aria-label": "Picture" });
  const back = button("Previous picture", "left", () => go(-1));
  const on = button("Next picture", "right", () => go(1));
  const after = (act) => () => {
    const row = rows[at];
    box.close();
    act(row);
  };
  const reply = button("Reply", "reply", after(onReply));
  const forward = button("Forward", "forward", after(onForward));
  box.append(h("div.lightbox-head", {}, who, count, reply, forward, button("Close", "close", () => box.close())), stage, caption, back, on);
  back.classList.add("back");
  on.classList.add("on");

  function go(step) {
    at = Math.min(Math.max(at + step, 0), rows.length - 1);
    const row = rows[at];
    stage.classList.remove("close");
    image.alt = row.caption || "Photo";
    if (row.url) image.src = row.url;
    else show(image, row.picture);
    who.firstChild.textContent = row.by === "person" ? "You" : state.number.name;
    who.lastChild.textContent = wholeOf(new Date(row.at));
    caption.replaceChildren(...linked(row.caption ?? ""));
    caption.hidden = !row.caption;
    count.textContent = rows.length > 1 ? `${at + 1} of ${rows.length}` : "";
    [back.disabled, on.disabled] = [at === 0, at === rows.length - 1];
    for (const deed of [reply, forward]) deed.hidden = Boolean(row.pending);
  }

  const closer = (event) => {
    const isClose = stage.classList.toggle("close");
    if (!isClose) return;
    const [x, y] = [(event.offsetX ?? 0) / image.clientWidth || 0.5, (event.offsetY ?? 0) / image.clientHeight || 0.5];
    stage.scrollTo((stage.scrollWidth - stage.clientWidth) * x, (stage.scrollHeight - stage.clientHeight) * y);
  };
  stage.addEventListener("click", closer);
  let finger = null;
  stage.addEventListener("pointerdown", (event) => {
    finger = event.pointerType === "touch" && event.isPrimary ? event : null;
  });
  stage.addEventListener("pointerup", (event) => {
    const across = event.pointerId === finger?.pointerId ? event.clientX - finger.clientX : 0;
    finger = null;
    const isClose = stage.classList.contains("close") || visualViewport.scale > 1;
    if (Math.abs(across) > SWIPE_PX && !isClose) go(Math.sign(-across));
  });
  stage.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    closer({});
  });
  box.addEventListener("keydown", (event) => {
    if (stage.classList.contains("close")) return;
    if (event.key === "ArrowLeft") go(-1);
    if (event.key === "ArrowRight") go(1);
  });
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  go(0);
  box.showModal();
  stage.focus();
}
