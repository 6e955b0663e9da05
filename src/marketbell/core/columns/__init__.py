"""The column kit: packed frames of columns that travel on the bus."""
