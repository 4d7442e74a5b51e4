"""For those who write a scheduler, a journal or an executor of their own: the suites that ours are held to.

`schedulers`   a hostile world that drives any scheduler, as a Hypothesis state machine
`journals`     what every journal keeps, as tests to inherit
`faults`       crashes at a chosen write
`killing`      a real study whose processes are killed: `victim` is its program, `audit` looks at what is left
`studies`      studies driven by hand, or in virtual time across crashes
`browser`      pages opened in a headless Chromium
`snapshots`    the whole state of an object, to compare

They need the extra `test` (pytest and Hypothesis), and nothing else in Paceline imports them.
"""
