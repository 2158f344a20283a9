"""`picha doctor`: looks at everything a gateway stands on, and says of each trouble what to do about it."""
