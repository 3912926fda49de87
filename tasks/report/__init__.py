"""A finished run as one HTML page: what is read from the lake, the breakdowns, the plots, the page."""
