import { readFileSync } from "node:fs";
import { markMessageRead, sendImageMessage, uploadMedia } from "@whatsapp-cloudapi/client";

const given = JSON.parse(readFileSync("given.json", "utf8"));
const ours = { accessToken: given.access_token, from: given.phone_number_id, baseUrl: given.base_url };
const heard = JSON.parse(readFileSync("hook.body", "utf8")).entry[0].changes[0].value.messages[0];

const file = new File([readFileSync("picture.jpg")], "receipt.jpg", { type: "image/jpeg" });
const { id } = await uploadMedia({ ...ours, file });
const byId = await sendImageMessage({ ...ours, to: given.to, mediaId: id, caption: "by id" });
const refused = await sendImageMessage({ ...ours, to: given.to, mediaId: "1" }).catch((error) =>
  Number(/"code":(\d+)/.exec(error.message)[1]),
);
const marked = await markMessageRead({ ...ours, messageId: heard.id, showTypingIndicator: true });

// It neither describes, downloads, deletes, sends by link nor verifies.
console.log(JSON.stringify({ id, by_id: byId.messages[0].id, refused, marked: marked.success }));
