"""The stations, by the way of the data. They meet on the bus only."""
