"""Picha sends and receives WhatsApp image messages, once, and tells the truth about them."""

from importlib.metadata import version

__version__ = version("picha")
