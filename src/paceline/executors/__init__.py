"""Where jobs run: one file for each executor, the protocol in `protocol`."""
