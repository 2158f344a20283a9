"""What every room may use and that knows nothing of messages: time, identity, secrets, logs, addresses."""
