"""The product: takes image messages in, sends them once, and tells the truth about what happened."""
