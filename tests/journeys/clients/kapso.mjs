import { readFileSync } from "node:fs";
import { GraphApiError, WhatsAppClient } from "@kapso/whatsapp-cloud-api";
import { normalizeWebhook, verifySignature } from "@kapso/whatsapp-cloud-api/server";

const given = JSON.parse(readFileSync("given.json", "utf8"));
const client = new WhatsAppClient({ baseUrl: given.base_url, accessToken: given.access_token });
const phoneNumberId = given.phone_number_id;
const picture = readFileSync("picture.jpg");
const body = readFileSync("hook.body");
const ofHook = (rawBody) =>
  verifySignature({ appSecret: given.app_secret, rawBody, signatureHeader: given.signature });

const send = (image) => client.messages.sendImage({ phoneNumberId, to: given.to, image });
const file = new Blob([picture], { type: "image/jpeg" });
const { id } = await client.media.upload({ phoneNumberId, type: "image/jpeg", file, fileName: "receipt.jpg" });
const described = await client.media.get({ mediaId: id, phoneNumberId });
const bytes = await client.media.download({ mediaId: id, phoneNumberId, auth: "always" });
const byId = await send({ id, caption: "by id" });
const byLink = await send({ link: given.photo_url, caption: "by link" });
const bare = await client.media
  .upload({ phoneNumberId, type: "image/jpeg", file: picture })
  .catch((error) => (error instanceof GraphApiError ? error.code : String(error)));
const refused = await send({ id: "1" }).catch((error) => (error instanceof GraphApiError ? error.code : String(error)));
const throttled = await client.messages
  .sendImage({ phoneNumberId, to: given.throttled, image: { id } })
  .catch((error) => (error instanceof GraphApiError ? error.category : String(error)));
const heard = normalizeWebhook(JSON.parse(body)).messages[0];
const marked = await client.messages.markRead({ phoneNumberId, messageId: heard.id, typingIndicator: { type: "text" } });
const deleted = await client.media.delete({ mediaId: id, phoneNumberId });

console.log(
  JSON.stringify({
    id,
    mime_type: described.mimeType,
    file_size: described.fileSize,
    bytes: Buffer.from(bytes).toString("base64"),
    by_id: byId.messages[0].id,
    by_link: byLink.messages[0].id,
    refused,
    marked: marked.success,
    deleted: deleted.success,
    caption: heard.image.caption,
    verified: [ofHook(body), ofHook(Buffer.concat([body, Buffer.from(" ")]))],
    extra: { bare, throttled },
  }),
);
