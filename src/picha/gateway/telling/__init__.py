"""Tell customers, in Karibu's language, what happened: what is shown of it, and webhooks to their programs."""
