"""Pages that look at the whole business: the network now, one station, one session."""
