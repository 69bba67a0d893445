"""Day-ahead prices: where they come from, and which held when."""
