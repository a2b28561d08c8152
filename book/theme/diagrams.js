// Draws a page's diagrams. The script that can is large, so it is loaded only when a diagram is
// about to come into view; without it, a diagram is readable text.
(() => {
    'use strict';
    const diagrams = [...document.querySelectorAll('pre.mermaid')];
    if (diagrams.length === 0) {
        return;
    }
    const sources = new Map(diagrams.map((diagram) => [diagram, diagram.textContent]));
    const isDark = () => ['navy', 'coal', 'ayu'].some(
        (name) => document.documentElement.classList.contains(name));

    let loading = null;
    const load = () => {
        loading ??= new Promise((resolve, reject) => {
            const script = document.createElement('script');
            script.src = path_to_root + 'mermaid.min.js';
            script.onload = resolve;
            script.onerror = reject;
            document.head.append(script);
        });
        return loading;
    };

    // One after another, each under a number of its own: mermaid takes names from the clock, and two
    // diagrams drawn in the same tick would end up in one another.
    let number = 0;
    const drawOne = async (node) => {
        const { svg } = await mermaid.render(`diagram-${number++}`, sources.get(node));
        node.innerHTML = svg;
        node.dataset.processed = 'true';
    };

    let drawing = Promise.resolve();
    const draw = (nodes) => {
        drawing = drawing.then(load).then(async () => {
            // A label is measured in its font, so that has to be there.
            await document.fonts.ready;
            mermaid.initialize({
                startOnLoad: false,
                theme: isDark() ? 'dark' : 'neutral',
                fontFamily: '"Open Sans", sans-serif',
                themeVariables: {
                    edgeLabelBackground: getComputedStyle(document.documentElement).backgroundColor,
                },
            });
            for (const node of nodes) {
                await drawOne(node);
            }
        }).catch((error) => console.error('diagram:', error));
    };

    const drawn = new Set();
    const observer = new IntersectionObserver((entries) => {
        const nodes = entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target);
        for (const node of nodes) {
            observer.unobserve(node);
            drawn.add(node);
        }
        if (nodes.length > 0) {
            draw(nodes);
        }
    }, { rootMargin: '400px' });
    for (const diagram of diagrams) {
        observer.observe(diagram);
    }

    let wasDark = isDark();
    new MutationObserver(() => {
        if (isDark() !== wasDark) {
            wasDark = isDark();
            draw([...drawn]);
        }
    }).observe(document.documentElement, { attributes: true, attributeFilter: ['class'] });
})();
