"""Lease, fence, drain: the loop that every kind of work shares."""
