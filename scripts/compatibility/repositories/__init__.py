"""Five repositories in the manner of public ones, made from nothing with contents of our own.

Each module says what its kind is like, makes it (`make`), edits it as its owner would (`edit`), and names what
the comparisons need: a target, a file of parameters, and the like.
"""

from . import experiments, get_started, monorepo, registry, vineyard

ALL = {
    "get-started": get_started,
    "experiments": experiments,
    "monorepo": monorepo,
    "registry": registry,
    "vineyard": vineyard,
}
