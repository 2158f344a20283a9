"""Sends: accepted durably, then handed to Meta once."""
