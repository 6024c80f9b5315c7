"""Tables of series: read, understood, written."""
