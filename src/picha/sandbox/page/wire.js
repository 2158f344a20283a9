// Talks to the control API, with the control token where it wants one, and hears what changes there.

const BASE = "/_sandbox";
const KEPT_AS = "picha-control-token";
const held = new Map();
let token = sessionStorage.getItem(KEPT_AS) ?? "";
let asking = null;
let askForToken = async () => "";

export class Refused extends Error {}

// `ask` shows a field for the token and returns what was typed; it is told whether an earlier one was wrong.
export function askWith(ask) {
  askForToken = ask;
}

async function renewToken(wrong) {
  // Many calls may be refused at once; a person is asked once.
  if (wrong !== token) return;
  asking ??= askForToken({ wasWrong: wrong !== "" }).then((given) => {
    token = given;
    sessionStorage.setItem(KEPT_AS, token);
    asking = null;
  });
  await asking;
}

export async function request(path, options = {}) {
  for (;;) {
    if (asking) await asking;
    const used = token;
    const headers = { ...options.headers, ...(used && { Authorization: `Bearer ${used}` }) };
    const answer = await fetch(path, { ...options, headers });
    if (answer.status !== 401) return answer;
    await answer.body?.cancel();
    await renewToken(used);
  }
}

async function said(answer) {
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  let why = `The sandbox answered ${answer.status}`;
  try {
    why = (await answer.json()).error ?? why;
  } catch {
    // What is no JSON says nothing to a person.
  }
  throw new Refused(why[0].toUpperCase() + why.slice(1));
}

export async function get(path, query = {}) {
  const words = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const search = words.length ? `?${new URLSearchParams(words)}` : "";
  return said(await request(`${BASE}${path}${search}`));
}

export async function post(path, body) {
  const isForm = body instanceof FormData;
  const options = { method: "POST" };
  if (body !== undefined) options.body = isForm ? body : JSON.stringify(body);
  if (body !== undefined && !isForm) options.headers = { "Content-Type": "application/json" };
  return said(await request(BASE + path, options));
}

export async function remove(path) {
  return said(await request(BASE + path, { method: "DELETE" }));
}

export async function blobOf(path) {
  const answer = await request(path);
  if (!answer.ok) throw new Refused("The picture is not kept any more");
  return answer.blob();
}

// Lets an <img> show a picture: by its address, or by its bytes where they want the token.
export function show(image, path) {
  if (!token) {
    image.src = path;
    return;
  }
  if (!held.has(path)) held.set(path, blobOf(path).then((blob) => URL.createObjectURL(blob)));
  held.get(path).then(
    (url) => { image.src = url; },
    () => held.delete(path),
  );
}

const sleep = (ms, signal) => new Promise((done) => {
  const timer = setTimeout(done, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
});

async function* eventsOf(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) if (block.startsWith("data: ")) yield JSON.parse(block.slice(6));
  }
}

// Follows what changes for as long as a person's phone is shown; returns a function that ends it.
export function follow(person, { onChange, onState }) {
  const ending = new AbortController();
  const { signal } = ending;
  (async () => {
    let pause = 300;
    while (!signal.aborted) {
      let why = "";
      try {
        const query = new URLSearchParams({ person });
        const answer = await request(`${BASE}/live?${query}`, { signal });
        if (answer.ok) {
          pause = 300;
          onState({ isLive: true });
          for await (const { changed } of eventsOf(answer)) onChange(changed);
        } else {
          why = (await answer.json()).error;
        }
      } catch {
        // The sandbox is away: it is asked again below.
      }
      if (signal.aborted) return;
      onState({ isLive: false, why });
      await sleep(pause, signal);
      pause = Math.min(pause * 2, 4000);
    }
  })();
  return () => ending.abort();
}
