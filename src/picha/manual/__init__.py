"""How a program tells of its own HTTP calls: schemas from structs, and the page on which a person reads them."""
