// Something said in passing, at the edge of the page.

const SHOWN_MS = 5000;

/** Say `text` for some seconds; `kind` is "bad" for what went wrong. */
export function toast(text, kind = "") {
  const one = document.createElement("p");
  one.className = kind ? `toast toast-${kind}` : "toast";
  one.textContent = text;
  document.getElementById("toasts").append(one);
  setTimeout(() => one.remove(), SHOWN_MS);
}
