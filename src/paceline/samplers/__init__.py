"""Where new configs come from: one file for each sampler, the protocol in `base`.

Those with a model share `model` (when it is asked), `results` and `encoded` (what it learns from), `points` (what it
chooses among) and `known` (what was tried).
"""
