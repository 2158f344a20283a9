import base64
import json
import sys
from pathlib import Path

from heyoo import WhatsApp

given = json.loads(Path("given.json").read_text())
wa = WhatsApp(given["access_token"], given["phone_number_id"])
wa.base_url = wa.v15_base_url = f"{given['base_url']}/v14.0"
wa.url = f"{wa.base_url}/{given['phone_number_id']}/messages"
hook = json.loads(Path("hook.body").read_bytes())

media_id = wa.upload_media("picture.jpg")["id"]
url = wa.query_media_url(media_id)
path = wa.download_media(url, "image/jpeg", "downloaded")
by_id = wa.send_image(media_id, given["to"], link=False, caption="by id")
# Its README sends without a caption, which it writes as null.
by_link = wa.send_image(given["photo_url"], given["to"])
refused = wa.send_image("1", given["to"], link=False)
marked = wa.mark_as_read(wa.get_message_id(hook))
deleted = wa.delete_media(media_id)

told = {
    "id": media_id,
    "bytes": base64.b64encode(Path(path).read_bytes()).decode(),
    "by_id": by_id["messages"][0]["id"],
    "by_link": by_link["messages"][0]["id"],
    "refused": refused["error"]["code"],
    "marked": marked["success"],
    "deleted": deleted["success"],
    "caption": wa.get_image(hook)["caption"],
    "extra": {"name": wa.get_name(hook), "mobile": wa.get_mobile(hook), "gone": wa.query_media_url(media_id)},
}
sys.stdout.write(json.dumps(told))
