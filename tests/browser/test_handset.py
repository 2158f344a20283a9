"""The customer's phone in a browser: what comes, what goes, and what is told of both without a refresh."""

import base64
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect
from tests.browser.conftest import Window
from tests.browser.handsets import Handset, drawn, sent, stranger, written
from tests.browser.speaking import until
from tests.browser.touching import drag
from tests.journeys.running import House

from picha.sandbox.photo import built_in
from picha.testing import Sandbox


def test_the_household_has_a_handset_that_leads_to_the_inbox(window: Window, house: House) -> None:
    window.page.goto(house.ready.handset_url)

    expect(window.page.get_by_role("button", name="Sheena Nelson")).to_be_visible()
    expect(window.page.locator(".message").filter(has_text="Taj Mahal")).to_be_visible()
    inbox = window.page.get_by_role("link", name="Open the inbox")
    expect(inbox).to_have_attribute("href", house.ready.inbox_url)


def test_a_sandbox_that_knows_no_inbox_leads_to_none(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())

    expect(phone.page.locator("#inbox")).to_be_hidden()


def test_a_picture_of_the_business_is_there_without_a_refresh(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())
    phone.say("Have you got this?")
    # The bubble stands there before the sandbox has heard it; only then may the business answer.
    expect(phone.bubble("Have you got this?").get_by_role("img", name="arrived")).to_be_visible()

    sent(shop, phone.person)

    expect(phone.bubble("This one?").locator("img")).to_have_js_property("naturalWidth", 1024)


def test_a_text_arrives_once_and_shows_when_the_business_has_read_it(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())

    phone.say("Mambo!")

    expect(phone.bubble("Mambo!").get_by_role("img", name="arrived")).to_be_visible()
    (message,) = phone.conversation()
    assert (message.by, message.text) == ("person", "Mambo!")
    phone.window.page.request.post(
        f"{shop.base_url}/v24.0/{shop.phone_number_id}/messages",
        headers={"Authorization": f"Bearer {shop.access_token}"},
        data={"messaging_product": "whatsapp", "status": "read", "message_id": message.message_id},
    )
    expect(phone.bubble("Mambo!").get_by_role("img", name="read by the business")).to_be_visible()


def test_pictures_from_the_disk_go_one_by_one_each_with_its_caption(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())

    phone.pick(drawn(shade=10), drawn("PNG", shade=20), kind="image/jpeg")
    phone.page.get_by_label("Caption").fill("The second")
    phone.page.get_by_role("button", name="Picture 1 of 2").click()
    phone.page.get_by_label("Caption").fill("The first")
    phone.page.get_by_role("button", name="Send 2 pictures").click()
    expect(phone.bubbles).to_have_count(2)
    expect(phone.page.locator(".ticks.arrived")).to_have_count(2)

    one, other = phone.conversation()
    assert (one.caption, other.caption) == ("The first", "The second")
    assert shop.picture(one) == drawn(shade=10)
    assert shop.picture(other) == drawn("PNG", shade=20)


def test_a_picture_that_whatsapp_does_not_take_goes_as_a_jpeg_as_from_a_phone(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())

    phone.pick(drawn("WEBP"), kind="image/webp")
    phone.page.get_by_role("button", name="Send picture").click()
    expect(phone.page.locator(".ticks.arrived")).to_have_count(1)

    (message,) = phone.conversation()
    assert shop.picture(message).startswith(b"\xff\xd8\xff")


def test_what_is_no_picture_is_refused_before_it_goes(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())

    phone.pick(b"no picture at all", kind="image/heic")

    expect(phone.page.get_by_text("no picture that this browser can read")).to_be_visible()
    assert phone.conversation() == []


def test_a_sample_photo_is_at_hand(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())

    phone.choose("Attach", "Sample photo: a plant")
    phone.page.get_by_label("Caption").fill("Is it well?")
    phone.page.keyboard.press("Enter")
    expect(phone.bubble("Is it well?").locator(".ticks.arrived")).to_be_visible()

    (message,) = phone.conversation()
    assert shop.picture(message) == built_in()


def test_a_picture_is_pasted_or_dropped(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())
    bring = """([kind, name, bytes]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "a.jpg", { type: "image/jpeg" }));
        const target = document.getElementById("screen");
        if (kind === "paste") target.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        else for (const type of ["dragenter", "dragover", "drop"])
            target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    }"""

    for kind, shade in (("paste", 30), ("drop", 40)):
        phone.page.evaluate(bring, [kind, "a.jpg", list(drawn(shade=shade))])
        phone.page.get_by_label("Caption").fill(f"By {kind}")
        phone.page.keyboard.press("Enter")
        expect(phone.bubble(f"By {kind}").locator(".ticks.arrived")).to_be_visible()

    pasted, dropped = phone.conversation()
    assert (shop.picture(pasted), shop.picture(dropped)) == (drawn(shade=30), drawn(shade=40))


def test_a_caption_has_at_most_1024_characters(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())
    phone.pick(drawn())
    caption, go = phone.page.get_by_label("Caption"), phone.page.get_by_role("button", name="Send picture")

    caption.fill("\U0001f331" * 1025)
    expect(go).to_be_disabled()
    expect(phone.page.get_by_text("1,025 / 1,024")).to_be_visible()
    caption.fill("\U0001f331" * 1024)
    go.click()
    expect(phone.page.locator(".ticks.arrived")).to_have_count(1)

    assert phone.conversation()[0].caption == "\U0001f331" * 1024


def test_a_reply_shows_what_it_answers(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())
    asked = written(shop, phone.person, text="Which one?")
    offered = sent(shop, phone.person)

    phone.choose("Message options", "Reply", within=phone.bubble("This one?"))
    phone.say("Yes, that one")

    quote = phone.bubble("Yes, that one").get_by_role("button", name=re.compile("^Answers Lucky Shrub"))
    expect(quote).to_contain_text("This one?")
    expect(phone.bubble("Yes, that one").locator(".ticks.arrived")).to_be_visible()
    assert [(one.message_id, one.about) for one in phone.conversation()][:2] == [(asked, None), (offered, None)]
    assert phone.conversation()[-1].about == offered


def test_a_picture_of_the_business_is_forwarded_to_another_number_of_it(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())
    written(shop, phone.person)
    sent(shop, phone.person)

    phone.choose("Message options", "Forward", within=phone.bubble("This one?"))
    phone.page.get_by_role("button", name="Lucky Shrub Support").click()
    expect(phone.page.get_by_text("Forwarded", exact=True)).to_be_visible()

    other = shop.numbers[1].phone_number_id
    (forwarded,) = shop.conversation(phone.person, phone_number_id=other)
    assert (forwarded.forwarded, forwarded.caption, forwarded.by) == (True, "This one?", "person")
    assert shop.picture(forwarded) == built_in()


def test_what_was_forwarded_many_times_says_so(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())
    phone.say("Pass it on")

    expect(phone.bubble("Pass it on").locator(".ticks.arrived")).to_be_visible()
    phone.choose("Message options", "Forward", within=phone.bubble("Pass it on"))
    phone.page.get_by_label("forwarded many times").check()
    phone.page.get_by_role("button", name=re.compile(r"^Lucky Shrub\s*\+")).click()

    expect(phone.bubble("Forwarded many times").locator(".ticks.arrived")).to_be_visible()
    assert phone.conversation()[-1].frequently_forwarded is True


def test_a_message_comes_from_an_ad(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())

    phone.choose("Chat options", "Come from an ad")
    phone.page.get_by_label("Headline").fill("Green windows")
    phone.page.get_by_role("button", name="Tap the ad").click()
    phone.say("I saw your ad")

    expect(phone.bubble("I saw your ad").get_by_text("Green windows")).to_be_visible()
    expect(phone.bubble("I saw your ad").locator(".ticks.arrived")).to_be_visible()
    (message,) = phone.conversation()
    assert message.referral is not None
    assert (message.referral.source_type, message.referral.headline) == ("ad", "Green windows")
    # One message comes from it, not all that follow.
    phone.say("And more")
    expect(phone.bubble("And more").locator(".ticks.arrived")).to_be_visible()
    assert phone.conversation()[-1].referral is None


def test_a_reaction_stands_below_what_it_is_about(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())
    written(shop, phone.person)
    sent(shop, phone.person)

    phone.choose("Message options", "React \U0001f64f", within=phone.bubble("This one?"))

    expect(phone.bubble("This one?").locator(".reactions")).to_have_text("\U0001f64f")
    assert phone.conversation()[-1].type == "reaction"


def test_who_blocks_the_business_gets_nothing_until_they_unblock_it(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())
    written(shop, phone.person)

    phone.choose("Chat options", "Block the business")
    expect(phone.page.get_by_text("You block this business")).to_be_visible()
    wamid = sent(shop, phone.person)
    expect(phone.page.get_by_text("1 message held back")).to_be_visible()
    assert phone.status(wamid) == "sent"
    phone.page.get_by_role("button", name="Unblock").click()
    phone.say("I am back")

    expect(phone.bubble("I am back")).to_be_visible()
    expect(phone.bubble("This one?")).to_have_count(0)


def test_what_the_business_refuses_says_why_and_is_tried_again(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())
    phone.say("Hello")
    expect(phone.bubble("Hello").locator(".ticks.arrived")).to_be_visible()
    body = {"messaging_product": "whatsapp", "block_users": [{"user": phone.person}]}
    url = f"{shop.base_url}/v24.0/{shop.phone_number_id}/block_users"
    headers = {"Authorization": f"Bearer {shop.access_token}"}
    phone.page.request.post(url, headers=headers, data=body)

    phone.say("Are you there?")
    expect(phone.page.get_by_text("Not sent. The business has blocked this person")).to_be_visible()
    # The browser notes the refusal, as it does every answer of 400.
    window.complaints[:] = [said for said in window.complaints if "400" not in said]
    phone.page.request.delete(url, headers=headers, data=body)
    phone.page.get_by_role("button", name="Try again").click()

    expect(phone.bubble("Are you there?").locator(".ticks.arrived")).to_be_visible()
    assert [one.text for one in phone.conversation()] == ["Hello", "Are you there?"]


def test_somebody_new_takes_the_phone_by_name_and_number(window: Window, shop: Sandbox) -> None:
    phone, number = Handset(window, shop).hold(stranger()), stranger()

    phone.page.locator("#person").click()
    phone.page.get_by_label("Number", exact=True).fill(f"+{number[:3]} {number[3:6]} {number[6:]}")
    phone.page.get_by_label("Name", exact=True).fill("Asha")
    phone.page.get_by_role("button", name="Take their phone").click()
    phone.say("Habari")
    expect(phone.bubble("Habari").locator(".ticks.arrived")).to_be_visible()

    assert shop.control("GET", f"/people/{number}")["name"] == "Asha"
    phone.page.reload()
    expect(phone.page.get_by_role("button", name="Asha")).to_be_visible()
    expect(phone.bubble("Habari")).to_be_visible()


def test_somebody_who_hides_their_number_takes_the_phone(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())

    phone.page.locator("#person").click()
    phone.page.get_by_label("Name", exact=True).fill("Quiet Customer")
    phone.page.get_by_label("Hides their number").check()
    phone.page.get_by_role("button", name="Take their phone").click()
    phone.say("Guess who")
    expect(phone.bubble("Guess who").locator(".ticks.arrived")).to_be_visible()

    newest = shop.control("GET", "/conversations")["items"][0]
    assert (newest["name"], newest["wa_id"]) == ("Quiet Customer", None)


def test_people_are_found_by_name_and_what_is_no_number_is_refused(window: Window, shop: Sandbox) -> None:
    person = stranger()
    written(shop, person, name="Zawadi Njeri")
    phone = Handset(window, shop).hold(stranger())

    phone.page.locator("#person").click()
    phone.page.get_by_label("Number", exact=True).fill("12")
    phone.page.get_by_role("button", name="Take their phone").click()
    expect(phone.page.get_by_text("7 to 15 digits")).to_be_visible()
    phone.page.get_by_label("Find a person").fill("zawadi")
    phone.page.get_by_role("button", name="Zawadi Njeri").click()

    expect(phone.bubble("Hello")).to_be_visible()
    assert person in phone.page.url


def test_the_list_of_chats_shows_what_is_new_from_each_number(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())
    other = shop.numbers[1].phone_number_id
    written(shop, phone.person, phone_number_id=other)
    sent(shop, phone.person, number=1, text={"body": "Support here"})

    expect(phone.page.locator(".to-chats .badge")).to_have_text("1")
    phone.page.get_by_role("button", name="All chats").click()
    row = phone.page.get_by_role("button", name=re.compile("Lucky Shrub Support"))
    expect(row).to_contain_text("Support here")
    expect(row.get_by_label("1 new message")).to_be_visible()
    row.click()

    expect(phone.bubble("Support here")).to_be_visible()
    expect(phone.page.locator(".to-chats .badge")).to_be_hidden()


def test_older_messages_come_when_somebody_scrolls_up(window: Window, shop: Sandbox) -> None:
    person = stranger()
    for count in range(130):
        written(shop, person, text=f"Number {count}.")
    phone = Handset(window, shop).hold(person)
    expect(phone.bubble("Number 129.")).to_be_in_viewport()
    expect(phone.bubbles).to_have_count(60)

    for _ in range(2):
        before = phone.bubbles.count()
        phone.page.locator(".scroller").evaluate("(room) => room.scrollTo(0, 0)")
        expect(phone.bubbles).not_to_have_count(before)

    expect(phone.bubbles).to_have_count(130)
    expect(phone.bubbles.first).to_contain_text("Number 0.")
    phone.say("The end")
    expect(phone.bubble("The end")).to_be_in_viewport()
    expect(phone.bubbles).to_have_count(131)


def test_the_newest_stays_in_sight_while_pictures_above_it_take_their_room(window: Window, shop: Sandbox) -> None:
    person = stranger()
    for shade in range(8):
        picture = base64.b64encode(drawn(shade=shade, size=(300, 500))).decode()
        written(shop, person, type="image", image_base64=picture)
    written(shop, person, text="The last")
    held: list[Route] = []
    window.page.route("**/pictures/*", lambda route: route.continue_() if len(held) > 3 else held.append(route))
    phone = Handset(window, shop).hold(person)
    expect(phone.bubble("The last")).to_be_in_viewport()
    until(lambda: (phone.bubbles.count() == 9 and len(held) > 3) or None)

    for route in held:
        route.continue_()

    tall = "[...document.querySelectorAll('.picture img')].every(one => one.complete && one.clientHeight > 350)"
    until(lambda: phone.page.evaluate(tall) or None)
    phone.page.evaluate("new Promise(requestAnimationFrame)")
    expect(phone.bubble("The last")).to_be_in_viewport()
    expect(phone.page.get_by_role("button", name="To the newest message")).to_be_hidden()


def test_fingers_swipe_from_picture_to_picture_and_pinch_one(open_window: Callable[..., Window], shop: Sandbox) -> None:
    person = stranger()
    for caption in ("First", "Second"):
        written(shop, person, type="image", caption=caption)
    phone = Handset(open_window(width=360, height=740, has_touch=True, is_mobile=True), shop).hold(person)
    phone.bubble("First").get_by_role("button", name="Open the picture").tap()
    box = phone.page.get_by_role("dialog", name="Picture")
    expect(box).to_contain_text("1 of 2")

    drag(phone.page, ((250, 360), (150, 370)))
    expect(box).to_contain_text("2 of 2")
    drag(phone.page, ((150, 360), (180, 360)))
    expect(box).to_contain_text("2 of 2")
    drag(phone.page, ((150, 360), (250, 350)))
    expect(box).to_contain_text("1 of 2")

    drag(phone.page, ((160, 360), (60, 360)), ((200, 360), (300, 360)))
    until(lambda: phone.page.evaluate("visualViewport.scale > 2") or None)
    drag(phone.page, ((250, 360), (150, 370)))
    expect(box).to_contain_text("1 of 2")


def test_the_lightbox_goes_from_picture_to_picture_by_arrows(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())
    written(shop, phone.person, type="image", caption="Mine")
    sent(shop, phone.person)
    phone.bubble("This one?").get_by_role("button", name="Open the picture").click()
    box = phone.page.get_by_role("dialog", name="Picture")

    expect(box).to_contain_text("This one?")
    expect(box).to_contain_text("2 of 2")
    phone.page.keyboard.press("ArrowLeft")
    expect(box).to_contain_text("Mine")
    phone.page.keyboard.press("Enter")
    expect(box.locator(".stage")).to_have_class("stage close")
    assert window.audit() == []
    phone.page.keyboard.press("Escape")
    expect(box).to_have_count(0)


def test_two_phones_show_the_same_conversation(open_window: Callable[..., Window], shop: Sandbox) -> None:
    person = stranger()
    one, other = (Handset(open_window(), shop).hold(person) for _ in range(2))

    one.say("From the one")
    expect(other.bubble("From the one")).to_be_visible()
    other.say("From the other")

    expect(one.bubble("From the other")).to_be_visible()
    expect(one.bubbles).to_have_count(2)


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_is_enough_to_reply(window: Window, shop: Sandbox, key: str) -> None:
    phone = Handset(window, shop).hold(stranger())
    written(shop, phone.person)
    sent(shop, phone.person, text={"body": "By keyboard?"})

    phone.bubble("By keyboard?").get_by_role("button", name="Message options").focus()
    phone.page.keyboard.press(key)
    phone.page.keyboard.press("End")
    phone.page.keyboard.press("Escape")
    phone.page.keyboard.press(key)
    while phone.page.evaluate("document.activeElement.textContent") != "Reply":
        phone.page.keyboard.press("ArrowDown")
    phone.page.keyboard.press(key)
    phone.page.keyboard.type("Yes")
    phone.page.keyboard.press("Enter")

    expect(phone.bubble("Yes").get_by_role("button", name=re.compile("^Answers"))).to_be_visible()
