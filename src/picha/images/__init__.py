"""Bytes in, facts or compliant bytes out: what a picture is, and whether WhatsApp takes it."""
