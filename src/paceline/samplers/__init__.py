"""Where new configs come from: one file for each sampler, the protocol in `base`."""
