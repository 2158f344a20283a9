"""Pictures: taken in, looked at, uploaded to Meta once."""
