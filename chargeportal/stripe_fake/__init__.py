"""A small Stripe that speaks HTTP on loopback, for the demo and the tests. It moves no money."""
