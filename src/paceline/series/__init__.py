"""A study as plain series: what its pictures show is decided here, once for the static and the interactive ones.

In reading order: `record` (the journal, folded once more), `thinning` (which trials of many are drawn), `outcomes` (what
became of a trial), `axes` and `value_axis` (where things lie), then one file for each picture. Nothing here draws.
Values are in the user's own sign.
"""
