"""Pure decisions of the gateway: no input, no output, no clock. Time, chance and identity are arguments."""
