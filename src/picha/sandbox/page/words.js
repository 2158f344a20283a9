// How moments, numbers and the business's words are shown.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export const timeOf = (moment) => clock.format(moment);
export const exactTimeOf = (moment) => exact.format(moment);
export const wholeOf = (moment) => whole.format(moment);
export const dayOf = (moment) => day.format(moment);
export const dayKey = (moment) => `${moment.getFullYear()}-${moment.getMonth()}-${moment.getDate()}`;

export function dayName(moment, now) {
  if (dayKey(moment) === dayKey(now)) return "Today";
  const before = new Date(now);
  before.setDate(before.getDate() - 1);
  if (dayKey(moment) === dayKey(before)) return "Yesterday";
  const isNear = Math.abs(now - moment) < 6 * 86_400_000;
  return isNear ? day.format(moment) : dayOfYear.format(moment);
}

export const whenShort = (moment, now) => (dayKey(moment) === dayKey(now) ? timeOf(moment) : short.format(moment));

export function span(ms) {
  const minutes = Math.floor(Math.abs(ms) / 60_000);
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  if (days > 2) return `${days} days`;
  if (days) return `${days * 24 + hours} h`;
  if (hours) return rest ? `${hours} h ${rest} min` : `${hours} h`;
  return minutes ? `${rest} min` : `${Math.ceil(Math.abs(ms) / 1000)} s`;
}

export const phoneOf = (key) => (/^\d+$/.test(key) ? `+${key}` : key);
export const countOf = (text) => [...text].length;
export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : many}`;

// What a quote, a chat's line or a picture's alternative text says of a message.
export function gist(message) {
  if (message.revoked) return "This message was deleted";
  if (message.type === "image" && (message.picture || message.sha256)) return message.caption || "Photo";
  if (message.type === "image") return message.caption || "Photo that could not be loaded";
  if (message.type === "reaction") return message.text ? `Reacted ${message.text}` : "Took a reaction away";
  return message.text || message.caption || `A message of type ${message.type}`;
}
