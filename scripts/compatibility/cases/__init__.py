"""Small repositories, each with one thing that is easily got wrong, and what DVC and `rain` do with it.

A case is a function with a sentence for its name's sake. It gets a `Case`: that makes the repository, runs commands
in both copies, and compares. Where `rain` is to do better than DVC, the case says what each does.
"""

import re

from ..compare import STATE, Comparisons, exit_states, read_json
from ..sandbox import TOOLS, Pair, Repository

ALL = []


def case(function):
    ALL.append(function)
    return function


class Case:
    """One case, in a folder of its own."""

    def __init__(self, function, home):
        self.home, self.pair, self.count = home, None, 0
        self.found = Comparisons(function.__name__.replace("_", " "))

    def begin(self, make):
        """Makes a repository with the real DVC, in two copies: by calling `make`, or of the files that it lists."""
        self.count += 1
        repository = Repository.new(self.home / f"made {self.count}")
        if callable(make):
            make(repository)
        else:
            for name, content in make.items():
                repository.put(name, content)
            repository.commit("one")
        self.pair = Pair.of(repository, self.home / f"pair {self.count}")
        return self.pair

    def run(self, *words):
        return self.pair.run(*words)

    def compare_exit(self, *words, well=None):
        """The command ends well in both, or in neither; `well` says which it must be."""
        done = self.run(*words)
        self.found.compare(" ".join(words), exit_states(done))
        if well is not None:
            self.expect(f"{' '.join(words)} ends well", done["rain"].code == 0, well, done["rain"].text)
        return done

    def compare_json(self, *words):
        done = self.run(*words, "--json")
        self.found.compare(" ".join(words), {tool: read_json(done[tool]) for tool in TOOLS})

    def compare_state(self, *parts):
        for part in parts:
            self.found.compare(part, self.pair.map(STATE[part]))

    def expect(self, what, got, wanted, why=""):
        """What `rain` is to do, whatever DVC does."""
        if got == wanted:
            self.found.held += 1
        else:
            self.found.add_difference(what, wanted, f"{got}. {why}")

    def expect_message(self, done, *patterns):
        """The message of `rain` has all of this."""
        for pattern in patterns:
            found = re.search(pattern, done["rain"].text, re.IGNORECASE)
            self.expect(f"says {pattern!r}", bool(found), True, done["rain"].text.strip())

    def expect_no_message(self, done, *patterns):
        """The message of `rain` has none of this."""
        for pattern in patterns:
            found = re.search(pattern, done["rain"].text, re.IGNORECASE)
            self.expect(f"doesn't say {pattern!r}", bool(found), False, done["rain"].text.strip())

    @property
    def rain(self):
        return self.pair.sides["rain"]


from . import kept, messages, refused, results, s3  # noqa: E402, F401  (each adds its cases)
