"""A faithful local Cloud API for image messages: point a program's Graph base URL here.

It keeps the world in memory and a journal on disk, looks at the bytes of every picture, fetches links for real,
enforces the 24-hour window and delivers signed webhooks until they are taken.
"""
