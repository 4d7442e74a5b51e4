"""What another method, another η, more workers would have done on a recorded study.

In reading order: `record` (the curves of a journal), `rules` (how they go on where they end), `training` (both as a
training for `simulate`), `answers` (what is read off a journal), `compare` (the question).
"""

from paceline.whatif.answers import Answer, Outcome, Range, WhatIf
from paceline.whatif.compare import whatif

__all__ = ["Answer", "Outcome", "Range", "WhatIf", "whatif"]
