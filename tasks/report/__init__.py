"""Report a finished run as one HTML page: the data from the lake, breakdowns, plots and the page itself."""
