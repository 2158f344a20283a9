"""The one door through which message state changes.

One deed a module: `admit` takes sends in, `equip` gives a message its picture, `begin` commits an attempt before the
socket opens, `settle` records what became of it, `witness` takes in what Meta says, `decide` is what we conclude by
ourselves, and `note` writes down such a decision. Each appends facts, folds, and queues what follows in one
transaction. Rows are locked in id order.
"""
