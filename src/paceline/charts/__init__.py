"""The pictures of a study for a page, with plotly: one file for each, over the series of `paceline.series`."""
