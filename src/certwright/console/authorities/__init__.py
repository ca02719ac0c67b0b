"""Pages on authorities: their tree and health, and what is done to them."""
