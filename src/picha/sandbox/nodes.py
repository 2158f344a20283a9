"""What `fields` may ask of Graph's nodes, and how one that no node has is refused. Pure.

Sources: Meta's phone number, business account, message template and media references, for the names; the refusal as
observed, but for the name of media in it, which is ours.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from picha.sandbox import refusals

Document = dict[str, Any]


class Node(NamedTuple):
    """A kind of node: its name in refusals, the fields told unasked, and those that hold nothing here.

    What holds nothing is left out of the answer, as Graph does.
    """

    type: str
    usual: tuple[str, ...]
    empty: frozenset[str]


NUMBER = Node(
    "WhatsAppBusinessPhoneNumber",
    ("id", "display_phone_number", "verified_name", "quality_rating"),
    frozenset(
        {
            "account_mode", "certificate", "conversational_automation", "country_code", "country_dial_code",
            "eligibility_for_api_business_global_search", "is_official_business_account", "is_pin_enabled",
            "is_preverified_number", "last_onboarded_time", "messaging_limit_tier", "new_certificate",
            "new_display_name", "new_name_status", "official_business_account", "quality_score", "search_visibility",
            "username", "whatsapp_business_profile",
        }
    ),
)  # fmt: skip
ACCOUNT = Node(
    "WhatsAppBusinessAccount",
    ("id", "name", "timezone_id", "message_template_namespace"),
    frozenset(
        {
            "account_review_status", "analytics", "auth_international_rate_eligibility",
            "business_verification_status", "conversation_analytics", "country", "creation_time", "currency",
            "disable_marketing_messages_on_cloud_api", "is_enabled_for_insights", "is_shared_with_partners",
            "linked_commerce_account", "marketing_messages_lite_api_status", "marketing_messages_onboarding_status",
            "message_templates", "on_behalf_of_business_info", "owner_business",
            "owner_business_info", "ownership_type", "phone_numbers", "pricing_analytics", "primary_business_location",
            "primary_funding_id", "purchase_order_number", "status", "subscribed_apps", "template_analytics",
            "whatsapp_business_manager_messaging_limit",
        }
    ),
)  # fmt: skip
TEMPLATE = Node(
    "WhatsAppMessageTemplate",
    ("name", "parameter_format", "components", "language", "status", "category", "id"),
    frozenset(
        {
            "correct_category", "cta_url_link_tracking_opted_out", "degrees_of_freedom_spec",
            "is_primary_device_delivery_only", "last_updated_time", "library_template_name",
            "message_send_ttl_seconds", "previous_category", "quality_score", "rejected_reason", "sub_category",
        }
    ),
)  # fmt: skip
MEDIA = Node(
    "WhatsAppBusinessMedia",
    ("messaging_product", "url", "mime_type", "sha256", "file_size", "id"),
    frozenset(),
)


def chosen(node: Node, everything: Document, fields: object) -> Document:
    """Return of `everything` that there is to tell of a node what `fields` asks for, and always its id.

    Raises:
        Refusal: it asks for a field that such a node does not have.
    """
    if not isinstance(fields, str):
        return {name: everything[name] for name in node.usual}
    names = ("id", *_names(fields))
    for name in names:
        if name not in everything and name not in node.empty:
            raise refusals.no_such_field(name, node.type)
    return {name: everything[name] for name in names if name in everything}


def _names(fields: str) -> Iterator[str]:
    """Yield the fields that are asked for, without what is asked within them: `a,b{c,d},e.limit(1)` has a, b and e."""
    name, depth = "", 0
    for sign in fields + ",":
        depth += (sign in "{(") - (sign in ")}")
        if depth == 0 and sign == ",":
            if name.strip():
                yield name.partition(".")[0].strip()
            name = ""
        elif depth == 0 and sign not in ")}":
            name += sign
