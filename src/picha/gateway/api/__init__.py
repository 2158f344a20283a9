"""The REST face: Karibu's routes and ours, from one table."""
