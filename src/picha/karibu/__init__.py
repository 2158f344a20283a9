"""Our language, compatible with the Karibu WhatsApp API: one definition for the server and for the SDK, without I/O."""
