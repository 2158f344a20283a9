import { readFileSync } from "node:fs";
import { WhatsAppAPI } from "whatsapp-api-js";
import { Image } from "whatsapp-api-js/messages";

const given = JSON.parse(readFileSync("given.json", "utf8"));
const whatsapp = new WhatsAppAPI({
  v: "v24.0",
  token: given.access_token,
  appSecret: given.app_secret,
  webhookVerifyToken: given.verify_token,
  ponyfill: {
    fetch: (url, options) => fetch(String(url).replace("https://graph.facebook.com", given.base_url), options),
  },
});
const number = given.phone_number_id;
const picture = readFileSync("picture.jpg");
const body = readFileSync("hook.body", "utf8");

let heard;
whatsapp.on.message = ({ message }) => {
  heard = message;
};
const post = (text) =>
  whatsapp.post(JSON.parse(body), text, given.signature).then(
    () => true,
    () => false,
  );

const form = new FormData();
form.set("file", new Blob([picture], { type: "image/jpeg" }), "receipt.jpg");
const { id } = await whatsapp.uploadMedia(number, form);
const described = await whatsapp.retrieveMedia(id, number);
const bytes = await (await whatsapp.fetchMedia(described.url)).arrayBuffer();
const byId = await whatsapp.sendMessage(number, given.to, new Image(id, true, "by id"));
const byLink = await whatsapp.sendMessage(number, given.to, new Image(given.photo_url, false, "by link"));
const refused = await whatsapp.sendMessage(number, given.to, new Image("1", true));
const verified = [await post(body), await post(`${body} `)];
while (heard === undefined) await new Promise(setImmediate);
const marked = await whatsapp.markAsRead(number, heard.id, "text");
const deleted = await whatsapp.deleteMedia(id, number);

console.log(
  JSON.stringify({
    id,
    mime_type: described.mime_type,
    file_size: described.file_size,
    bytes: Buffer.from(bytes).toString("base64"),
    by_id: byId.messages[0].id,
    by_link: byLink.messages[0].id,
    refused: refused.error.code,
    marked: marked.success,
    deleted: deleted.success,
    caption: heard.image.caption,
    verified,
    extra: {},
  }),
);
