"""Meta's WhatsApp Cloud API as wire types, without I/O: one definition for the client and for the local stand-in."""
