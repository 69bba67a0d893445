"""The demo that ``make run`` seeds once: a small Swedish network with people, prices and some history."""
