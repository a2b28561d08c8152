"""What a plot shows, read from DVC's Vega specifications and from the page that `rain` draws.

Both become the same: by the plot's name its title and kind, and the points of each series. A drawing gives its
points back to a third of a pixel; `snap` takes them for DVC's where they are no further away than that.
"""

import base64
import hashlib
import html
import json
import re
from collections import Counter
from pathlib import Path

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
STEP = re.compile(r"([MLHVmlhv])([^MLHVmlhv]*)")


def digest(content):
    return hashlib.md5(content).hexdigest()


def read_plots(done, folder):
    """The plots of `plots show --json`, or of `plots diff --json`, by their names."""
    printed = done.json()
    if "data" in printed:
        return {name: of_vega(renders) for name, renders in printed["data"].items()}
    if "page" in printed:
        return of_page((Path(folder) / printed["page"]).read_text())
    return printed


def of_vega(renders):
    pictures = [render for render in renders if render["type"] == "image"]
    if pictures:
        return {"kind": "picture", "series": sorted(
            (revision, digest(Path(render["url"]).read_bytes())) for render in pictures for revision in render["revisions"])}
    content = renders[0]["content"]
    if not isinstance(content, dict):
        content = json.loads(content)
    kind, values = kind_of(content), content["data"]["values"]
    x, y = field(content, "x"), field(content, "y")
    plot = {"title": title_of(content), "kind": kind}
    if kind in ("confusion", "confusion, normalised"):
        plot["series"] = sorted((revision, cells(rows, x, y, kind)) for revision, rows in by_revision(values).items())
    elif kind == "bars":
        plot["series"] = sorted((str(row[y]), number(row[x])) for row in values)
    else:
        plot["series"] = sorted((line[0], tuple(sorted((number(row[x]), number(row[y])) for row in rows if y in row)))
                                for line, rows in lines(values).items())
    return plot


def title_of(content):
    title = content.get("title", "")
    return title.get("text", "") if isinstance(title, dict) else title


def kind_of(content):
    text = json.dumps(content)
    for word, kind in ("percent_of_y", "confusion, normalised"), ("xy_count", "confusion"):
        if word in text:
            return kind
    mark = content.get("mark", {})
    mark = mark.get("type") if isinstance(mark, dict) else mark
    return {"bar": "bars", "point": "points", "circle": "points"}.get(mark, "lines")


def field(content, axis):
    """The first column that an axis is given, wherever in the layers."""
    pending = [content]
    while pending:
        node = pending.pop(0)
        found = node.get("encoding", {}).get(axis, {}) if isinstance(node, dict) else {}
        if "field" in found:
            return found["field"]
        if isinstance(node, dict):
            pending += [*node.get("layer", []), *([node["spec"]] if "spec" in node else [])]
    return None


def number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return text


def by_revision(values):
    found = {}
    for row in values:
        found.setdefault(row["rev"], []).append(row)
    return found


def lines(values):
    """Rows by line: one for each revision, file and column."""
    found = {}
    for row in values:
        found.setdefault((row["rev"], row.get("filename", ""), row.get("field", "")), []).append(row)
    return found


def cells(rows, x, y, kind):
    """How often, or as what share of its row, each pair of classes occurs."""
    counts = Counter((str(row[y]), str(row[x])) for row in rows)
    if kind == "confusion":
        return tuple(sorted((*pair, float(count)) for pair, count in counts.items()))
    of_row = Counter(str(row[y]) for row in rows)
    return tuple(sorted((*pair, round(count / of_row[pair[0]], 2)) for pair, count in counts.items()))


def of_page(page):
    """What stands on the page of `rain plots`."""
    found = {}
    for figure in re.findall(r"<figure\b.*?</figure>", page, re.DOTALL):
        name = html.unescape(re.search(r"<figcaption>(.*?)</figcaption>", figure, re.DOTALL)[1])
        pictures = re.findall(r"<p>([^<]*)</p><img [^>]*src=\"data:[^;]*;base64,([^\"]*)\"", figure)
        if pictures:
            found[name] = {"kind": "picture", "series": sorted(
                (revision, digest(base64.b64decode(content)))
                for revisions, content in pictures for revision in html.unescape(revisions).split(", "))}
            continue
        drawings = re.split(r"(?=<svg xmlns)", figure)[1:]
        found[name] = of_drawings([html.unescape(drawing) for drawing in drawings])
    return found


def of_drawings(drawings):
    titles = [re.search(r'class="mp-title">(.*?)</text>', drawing) for drawing in drawings]
    titles = [title[1] if title else "" for title in titles]
    told = [re.search(r"<desc>(.*?)</desc>", drawing, re.DOTALL)[1] for drawing in drawings]
    if " by " in told[0]:
        named = [re.fullmatch(r"(.*) \((.*)\)", title) for title in titles]
        series = sorted((name[2], grid(text)) for name, text in zip(named, told))
        is_share = any(value % 1 for _, values in series for _, _, value in values)
        return {"title": named[0][1], "kind": "confusion, normalised" if is_share else "confusion", "series": series}
    if " over " in told[0]:
        return {"title": titles[0], "kind": "points" if "<circle" in drawings[0] else "lines",
                "series": sorted(zip(names(told[0]), points(drawings[0])))}
    bars = re.findall(r"(?:: |, )([^,:]+?)(?: \([^)]*\))? (\S+?)(?=,|\.$)", told[0])
    return {"title": titles[0], "kind": "bars", "series": sorted((name, number(value.replace("−", "-"))) for name, value in bars)}


def grid(text):
    found = re.findall(r"([^;.]+?), ([^;:]+): ([\d.]+)(?:;|\.$)", text.split(". ", 1)[-1])
    return tuple(sorted((row.strip(), column.strip(), round(float(value), 2)) for row, column, value in found if float(value)))


def names(text):
    """The revision of each line, as the description has them one after another."""
    lines = re.findall(r" ([^:]+): (?:\d+ points, from \S+ to \S+|no data)\.(?= |$)", text.split(" over ", 1)[1].partition(".")[2])
    return [line.split(" ")[0] for line in lines]


def points(drawing):
    """The points of each line, in units of the axes, in the order of the description."""
    x, y = scale(drawing, 0), scale(drawing, 1)
    inner = drawing[drawing.index('overflow="hidden"'):]
    paths = re.findall(r'<path class="mp-line"[^>]* d="([^"]*)"', inner)
    # The first line is drawn last, so that it lies on top.
    return [tuple(sorted((x(a), y(b)) for a, b in vertices(path))) for path in reversed(paths)]


def vertices(path):
    """The points of a path of lines."""
    found, at = [], (0.0, 0.0)
    for command, rest in STEP.findall(path):
        numbers = [float(n) for n in NUMBER.findall(rest)]
        while numbers:
            dx = numbers.pop(0) if command in "MLmlHh" else (0 if command == "v" else at[0])
            dy = numbers.pop(0) if command in "MLmlVv" else (0 if command == "h" else at[1])
            at = (at[0] + dx, at[1] + dy) if command.islower() else (dx, dy)
            if not found or found[-1] != at:
                found.append(at)
    return found


def scale(drawing, axis):
    """What a pixel means, by the axis's lowest and highest label."""
    ticks = []
    for a, b, c, d, label in re.findall(r'class="mp-grid" d="M(\S+) (\S+)L(\S+) (\S+)"/>\s*<text[^>]*>([^<]*)</text>', drawing):
        is_x = a == c
        if is_x == (axis == 0):
            ticks.append((float(a if is_x else b), number(label.replace("−", "-").replace(" ", "").replace(",", ""))))
    (low, least), (high, most) = min(ticks), max(ticks)
    return lambda pixel: least + (pixel - low) * (most - least) / (high - low) if high > low else least


def snap(dvc, rain):
    """Takes a drawing's points for DVC's where a third of a pixel lies between them."""
    for name in dvc.keys() & rain.keys():
        if dvc[name]["kind"] != rain[name]["kind"] or dvc[name]["kind"] not in ("lines", "points"):
            continue
        theirs = dvc[name]["series"]
        rain[name]["series"] = [nearest(series, theirs) for series in rain[name]["series"]]
        rain[name]["series"].sort()
    return rain


def nearest(series, candidates):
    values = [value for _, points in candidates for value in zip(*points)] if candidates else []
    spans = [max(map(abs, axis)) for axis in values if all(isinstance(v, float) for v in axis)]
    room = 0.004 * max(spans, default=0)
    for candidate in candidates:
        is_near = candidate[0] == series[0] and len(candidate[1]) == len(series[1]) and all(
            isinstance(a, float) and isinstance(c, float) and abs(a - c) <= room and abs(b - d) <= room
            for (a, b), (c, d) in zip(candidate[1], series[1]))
        if is_near:
            return candidate
    return series
