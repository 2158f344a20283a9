import { readFileSync } from "node:fs";
import Client from "@great-detail/whatsapp";

const given = JSON.parse(readFileSync("given.json", "utf8"));
const headers = { Authorization: `Bearer ${given.access_token}` };
const client = new Client({ baseUrl: given.base_url, request: { headers } });
const phoneNumberID = given.phone_number_id;
const body = readFileSync("hook.body", "utf8");

const send = (image) => client.message.createMessage({ phoneNumberID, to: given.to, type: "image", image }).json();
const hook = async (text) => {
  const request = { method: "POST", query: {}, headers: { "x-hub-signature-256": given.signature }, body: text };
  const notification = await client.webhook.eventNotification(request);
  return [notification.eventNotification, await notification.checkSignature(given.app_secret)];
};

const file = new Blob([readFileSync("picture.jpg")], { type: "image/jpeg" });
const upload = { phoneNumberID, mimeType: "image/jpeg", file, filename: "receipt.jpg" };
const { id } = await client.media.upload(upload).json();
const described = await client.media.getURL({ mediaID: id, phoneNumberID }).json();
const bytes = await client.media.download({ mediaURL: described.url, request: { headers } }).arrayBuffer();
const byId = await send({ id, caption: "by id" });
const byLink = await send({ link: given.photo_url, caption: "by link" });
const refused = await send({ id: "1" }).catch((error) => error.data.error.code);
const [event, isGood] = await hook(body);
const [, isForged] = await hook(`${body} `);
const heard = event.entry[0].changes[0].value.messages[0];
const mark = { phoneNumberID, status: "read", message_id: heard.id, typing_indicator: { type: "text" } };
const marked = await client.message.createStatus(mark).json();
const deleted = await client.media.delete({ mediaID: id, phoneNumberID }).json();

console.log(
  JSON.stringify({
    id,
    mime_type: described.mime_type,
    file_size: described.file_size,
    bytes: Buffer.from(bytes).toString("base64"),
    by_id: byId.messages[0].id,
    by_link: byLink.messages[0].id,
    refused,
    marked: marked.success,
    deleted: deleted.success,
    caption: heard.image.caption,
    verified: [isGood, isForged],
    extra: {},
  }),
);
