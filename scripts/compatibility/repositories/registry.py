"""A registry of data: `.dvc` files and nothing else, with tags, branches, and folders that DVC is to ignore."""

TARGETS = ["images", "tables/2016.csv.dvc", "images/train", "tables", "described/words.txt"]


def make(repository):
    """A first release; a second one that changes, moves and removes; a branch with a file of its own."""
    repository.dvc("remote", "add", "--default", "storage", "../remote")
    repository.dvc("remote", "add", "archive", "../archive-remote")
    repository.put(".dvcignore", "# rubbish of editors\n*.swp\n.DS_Store\n/images/cache\nscratch/\n")
    for part in "train", "test":
        for n in range(6):
            repository.put(f"images/{part}/{n}.png", f"{part} {n}".encode() * 9)
    repository.put("images/.DS_Store", "of nobody")
    repository.put("images/cache/thumbs", "made again at will")
    repository.put("tables/2016.csv", "day,rain\n1,0.4\n")
    repository.put("tables/2017.csv", "day,rain\n1,0.0\n")
    repository.put("tools/run.sh", "#!/bin/sh\necho run\n", 0o755)
    repository.put("scratch/own.txt", "not for the registry")
    repository.dvc("add", "images", "tables/2016.csv", "tables/2017.csv", "tools/run.sh")
    described(repository, "one two three\n")
    repository.put("pins/.gitkeep", "")
    repository.put("elsewhere/deep/notes.txt", "pinned from another folder\n")
    repository.dvc("add", "elsewhere/deep/notes.txt")
    pinned_from_elsewhere(repository)
    repository.dvc("push")
    repository.commit("First release")
    repository.git("tag", "-a", "v1.0", "-m", "First release")
    repository.put("images/train/0.png", "drawn again")
    repository.put("images/train/6.png", "more")
    repository.remove("images/test/5.png")
    repository.dvc("add", "images")
    repository.dvc("move", "tables/2017.csv", "tables/2017-01.csv")
    repository.dvc("remove", "tables/2016.csv.dvc")
    repository.put("tables/2016.csv", "day,rain\n1,0.4\n2,0.2\n")
    repository.dvc("add", "tables/2016.csv")
    repository.dvc("push")
    repository.commit("Second release")
    repository.git("tag", "v2.0")
    repository.git("switch", "--quiet", "--create", "candidates")
    repository.put("candidates/a", "on a branch\n")
    repository.dvc("add", "candidates")
    repository.dvc("push")
    repository.commit("Candidates")
    repository.git("switch", "--quiet", "main")
    repository.dvc("checkout")


def described(repository, text):
    """A pin with all that people write beside the hash: what it is, whose, for whom, and where it goes."""
    repository.put("described/words.txt", text)
    repository.dvc("add", "described/words.txt")
    pin = (repository.project / "described/words.txt.dvc").read_text()
    pin = pin.replace("  path: words.txt", "  path: words.txt\n  desc: Three words\n  type: text\n  labels:\n  - words\n"
                      "  meta:\n    owner: nobody\n  remote: archive")
    repository.put("described/words.txt.dvc", "# a comment that stays\n" + pin + "meta:\n  licence: none # so far\ndesc: Words\n")


def pinned_from_elsewhere(repository):
    """A `.dvc` file with `wdir`: it lies in one folder and pins in another."""
    pin = repository.project / "elsewhere/deep/notes.txt.dvc"
    repository.put("pins/notes.dvc", pin.read_text() + "wdir: ../elsewhere/deep\n")
    pin.unlink()


def edit(repository):
    """A file changes, one is new, one goes, one moves; rubbish comes along."""
    repository.put("images/test/1.png", "another")
    repository.put("images/test/new.png", "new")
    repository.remove("images/train/3.png")
    repository.put("images/train/moved.png", (repository.project / "images/train/4.png").read_bytes())
    repository.remove("images/train/4.png")
    repository.put("images/train/x.swp", "rubbish")
    repository.put("described/words.txt", "one two\n")


def lose(repository):
    """What somebody has removed by mistake."""
    repository.remove("tools/run.sh", "images/train")
