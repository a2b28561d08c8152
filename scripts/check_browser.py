"""Opens every page of the built guide in Chromium, as a reader on a phone and at a desk does.

    cargo xtask guide build
    python -m venv venv && venv/bin/pip install playwright==1.65.2
    venv/bin/python scripts/check_browser.py book/built [--screenshots FOLDER]

Of each page, in light and in dark, 360 and 1280 pixels wide, it asks: no error on the console, no
request that fails or leaves this machine, nothing wider than the window, every diagram drawn, every
picture there, every link to a place of the guide leading to one. Chromium is the system's own.
"""

import argparse
import functools
import http.server
import pathlib
import shutil
import sys
import threading
from urllib.parse import unquote, urldefrag, urlsplit

from playwright.sync_api import Error, sync_playwright

LOOKS = [(width, scheme) for width in (360, 1280) for scheme in ("light", "dark")]
PROGRAMS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Drawn when they come into view; `data-processed` says that they are.
DRAW_DIAGRAMS = """async () => {
    for (const diagram of document.querySelectorAll('pre.mermaid')) {
        diagram.scrollIntoView();
        for (let wait = 0; !diagram.dataset.processed && wait < 200; wait++) {
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
    }
    window.scrollTo(0, 0);
}"""
INSPECT = """() => {
    const problems = [];
    // The window, and the frames that mdBook lays a page out in: they may scroll down, not sideways.
    const frames = [document.documentElement, document.body,
        ...document.querySelectorAll('body > div, .page-wrapper, .page, .content, main')];
    for (const frame of frames.filter((frame) => frame.scrollWidth > frame.clientWidth + 1)) {
        // What scrolls by itself isn't to blame.
        const scrolls = (element) => !frames.includes(element) &&
            (getComputedStyle(element).overflowX !== 'visible' || scrolls(element.parentElement));
        const edge = frame.getBoundingClientRect().left + frame.clientWidth;
        const wide = [...frame.querySelectorAll('*')]
            .filter((element) => element.getBoundingClientRect().right > edge + 1)
            .filter((element) => !frames.includes(element) && !scrolls(element.parentElement));
        if (wide.length > 0) {
            const names = wide.slice(0, 3).map((element) => element.outerHTML.slice(0, 80));
            problems.push(`is ${frame.scrollWidth} wide where ${frame.clientWidth} are: ${names}`);
            break;
        }
    }
    const diagrams = [...document.querySelectorAll('pre.mermaid')];
    for (const diagram of diagrams) {
        const drawn = diagram.querySelector('svg');
        if (!drawn || drawn.getBoundingClientRect().height < 20) {
            problems.push(`a diagram isn't drawn: ${diagram.textContent.slice(0, 60)}`);
        } else if (drawn.textContent.includes('Syntax error')) {
            problems.push('a diagram has a syntax error');
        }
    }
    const plots = [...document.querySelectorAll('figure.plot svg')];
    for (const plot of plots) {
        const { width, height } = plot.getBoundingClientRect();
        if (width < 100 || height < 50) {
            problems.push(`a plot is ${width} × ${height}: ${plot.getAttribute('aria-label')}`);
        }
    }
    for (const image of document.images) {
        if (!image.complete || image.naturalWidth === 0) {
            problems.push(`a picture isn't there: ${image.src}`);
        }
    }
    if (document.querySelectorAll('main h1').length !== 1) {
        problems.push('has not one first heading');
    }
    return {
        problems,
        drawings: diagrams.length + plots.length,
        ids: [...document.querySelectorAll('[id]')].map((element) => element.id),
        links: [...document.querySelectorAll('a[href]')].map((link) => link.href),
    };
}"""


def serve(folder):
    """Serves a folder on a free port of this machine; gives the address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_):
            """A page that is closed lets its requests go."""

    handler = functools.partial(Quiet, directory=folder)
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def names_of(site):
    """The pages of a site, and the old addresses that lead to one."""
    pages, redirects = [], []
    for file in sorted(site.rglob("*.html")):
        name, text = file.relative_to(site).as_posix(), file.read_text()
        if 'http-equiv="refresh"' in text:
            redirects.append(name)
        elif "<main>" in text and name != "404.html":
            pages.append(name)
    return pages, redirects


def watch(page, address, problems):
    """Notes what goes wrong while a page loads."""

    def on_console(message):
        if message.type in ("error", "warning"):
            problems.append(f"console: {message.text}")

    def on_request(request):
        if not request.url.startswith((address, "data:", "blob:")):
            problems.append(f"asks another host: {request.url}")

    def on_response(response):
        if response.status >= 400:
            problems.append(f"{response.status}: {response.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: problems.append(f"script: {error}"))
    page.on("request", on_request)
    page.on("response", on_response)
    page.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))


def look_at(context, address, name, screenshot):
    """What is wrong with one page, and what it holds."""
    problems = []
    page = context.new_page()
    watch(page, address, problems)
    page.goto(address + name, wait_until="load")
    page.evaluate(DRAW_DIAGRAMS)
    found = page.evaluate(INSPECT)
    if screenshot:
        page.screenshot(path=screenshot, full_page=True)
    page.close()
    return problems + found.pop("problems"), found


def dead_links(address, found):
    """Links from one page of the guide to a place of it that isn't there."""
    ids = {name: set(page["ids"]) for name, page in found.items()}
    for name, page in found.items():
        for link in sorted(set(page["links"])):
            target, place = urldefrag(link)
            if not target.startswith(address):
                continue
            path = unquote(urlsplit(target).path.lstrip("/")) or "index.html"
            if path.endswith("/"):
                path += "index.html"
            if path not in ids:
                yield f"{name}: links to {path}, which is no page"
            elif place and unquote(place) not in ids[path]:
                yield f"{name}: links to {path}#{place}, and nothing there has that name"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=pathlib.Path, help="folder of the built guide")
    parser.add_argument("--chromium", help="the browser's program")
    parser.add_argument("--screenshots", type=pathlib.Path, metavar="FOLDER")
    arguments = parser.parse_args()
    program = arguments.chromium or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        sys.exit("error: no Chromium is installed; `apt-get install chromium`, or name one with --chromium")
    pages, redirects = names_of(arguments.site)
    if not pages:
        sys.exit(f"error: {arguments.site} holds no page; `cargo xtask guide build` makes them")
    if arguments.screenshots:
        arguments.screenshots.mkdir(parents=True, exist_ok=True)

    address, problems, found = serve(arguments.site), [], {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        for width, scheme in LOOKS:
            context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
            for name in pages:
                shot = None
                if arguments.screenshots:
                    shot = arguments.screenshots / f"{name.replace('/', '-')[:-5]}-{width}-{scheme}.png"
                said, found[name] = look_at(context, address, name, shot)
                problems += [f"{name} ({width}, {scheme}): {problem}" for problem in said]
            context.close()
        context = browser.new_context()
        for name in redirects:
            page = context.new_page()
            page.goto(address + name, wait_until="load")
            try:
                page.wait_for_selector("main h1", state="attached", timeout=5000)
            except Error:
                problems.append(f"{name}: leads to no page")
            page.close()
        browser.close()
    problems += dead_links(address, found)
    for problem in problems:
        print(f"  {problem}")
    drawings = sum(page["drawings"] for page in found.values())
    print(
        f"{len(pages)} pages in {len(LOOKS)} looks, {drawings} diagrams and plots, "
        f"{len(redirects)} old addresses: {len(problems)} problems"
    )
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
