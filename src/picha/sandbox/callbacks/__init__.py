"""How the business is told: the documents, their signed delivery until taken, and the handshake of a new address."""
