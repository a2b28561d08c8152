//! Drawings in one page that needs nothing else.

/// A drawing with its name.
#[derive(Debug, Clone)]
pub struct Picture {
    /// What it is called.
    pub name: String,
    /// The drawing, as HTML: SVG or pictures.
    pub html: String,
}

const STYLE: &str = "\
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
nav a { margin-right: 1rem }
figure { margin: 2rem 0; overflow-x: auto }
figcaption { font-weight: 600 }
svg, img { max-width: 100%; height: auto; color: inherit }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem }
";

/// The HTML of a page of drawings, without scripts or anything from elsewhere.
#[must_use]
pub fn page(title: &str, pictures: &[Picture]) -> String {
    let title = escaped(title);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n<h1>{title}</h1>\n"
    );
    if pictures.is_empty() {
        html.push_str("<p>There is nothing to draw.</p>\n");
    }
    if pictures.len() > 1 {
        html.push_str("<nav>\n");
        for (number, picture) in pictures.iter().enumerate() {
            html += &format!(
                "<a href=\"#plot-{number}\">{}</a>\n",
                escaped(&picture.name)
            );
        }
        html.push_str("</nav>\n");
    }
    for (number, picture) in pictures.iter().enumerate() {
        html += &format!(
            "<figure id=\"plot-{number}\">\n<figcaption>{}</figcaption>\n{}\n</figure>\n",
            escaped(&picture.name),
            picture.html
        );
    }
    html.push_str("</html>\n");
    html
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
