"""PostgreSQL and nothing else: no row shape leaves this room, and message state changes only through its ledger."""
