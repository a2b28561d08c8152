//! `{{#plot file.svg "what it shows"}}`: a drawing inside the page, so that it takes the page's
//! colours. Its markup is put in after the build, or its labels would be in the search index.

use super::directive::Directive;
use super::html::escape;
use super::sources::Sources;

/// A drawing and the place in a page where it goes.
#[derive(Debug, Clone)]
pub struct Plot {
    /// What the page holds until the drawing is put in.
    pub placeholder: String,
    /// The drawing.
    pub svg: String,
}

/// The markdown that keeps the drawing's place, and the drawing. `number` has to differ for every
/// drawing of a build.
///
/// # Errors
/// If the file isn't there or is no plain SVG, or the alternative text is missing.
pub fn expand(
    directive: &Directive,
    sources: &Sources,
    number: usize,
) -> Result<(String, Plot), String> {
    let [file, text] = directive.arguments.as_slice() else {
        return Err("expected: file.svg \"what it shows\"".to_owned());
    };
    if text.trim().is_empty() {
        return Err("the alternative text is empty: say what the plot shows".to_owned());
    }
    let source = sources.in_example(file)?;
    let svg = std::fs::read_to_string(&source.file)
        .map_err(|error| format!("`{}` can't be read: {error}", source.name))?;
    let svg = inline(&svg, text).map_err(|message| format!("`{}` {message}", source.name))?;
    let placeholder = format!("<!--plot:{number}-->");
    let markdown = format!(
        "<figure class=\"plot\">{placeholder}\n<figcaption>{}</figcaption>\n</figure>\n",
        escape(text)
    );
    Ok((markdown, Plot { placeholder, svg }))
}

/// The `svg` element alone, with its alternative text.
fn inline(svg: &str, text: &str) -> Result<String, String> {
    let start = svg.find("<svg").ok_or("holds no <svg> element")?;
    let end = svg.rfind("</svg>").ok_or("is cut off: </svg> is missing")?;
    let element = &svg[start + "<svg".len()..end];
    if element.contains("<script") || element.contains("<foreignObject") {
        return Err("holds a script or foreign markup, which a plot has no need of".to_owned());
    }
    let (attributes, body) = element.split_once('>').ok_or("is cut off")?;
    let attributes = without(attributes, &["role", "aria-label", "aria-labelledby"]);
    Ok(format!(
        "<svg role=\"img\" aria-label=\"{}\"{attributes}>{}</svg>",
        escape(text),
        body.trim()
    ))
}

/// Attributes less those named. Values are quoted, as our own plots write them.
fn without(attributes: &str, names: &[&str]) -> String {
    let mut out = attributes.to_owned();
    for name in names {
        let open = format!(" {name}=\"");
        if let Some(start) = out.find(&open) {
            let value = start + open.len();
            if let Some(length) = out[value..].find('"') {
                out.replace_range(start..=value + length, "");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::testing::{directive, sources, write};

    fn plot(svg: &str, text: &str) -> Result<(String, Plot), String> {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "example/metrics/roc.svg", svg);
        expand(
            &directive("plot", &["metrics/roc.svg", text]),
            &sources(folder.path()),
            7,
        )
    }

    #[test]
    fn a_drawing_is_labelled_with_the_alternative_text() {
        let (markdown, plot) = plot(
            "<?xml version=\"1.0\"?>\n<svg class=\"mp\" role=\"x\" viewBox=\"0 0 1 1\">\n<path d=\"M0 0\"/>\n</svg>\n",
            "A \"curve\"",
        )
        .unwrap();
        assert_eq!(
            plot.svg,
            "<svg role=\"img\" aria-label=\"A &quot;curve&quot;\" class=\"mp\" viewBox=\"0 0 1 1\"><path d=\"M0 0\"/></svg>"
        );
        assert!(markdown.contains(&plot.placeholder), "{markdown}");
        assert!(
            markdown.contains("<figcaption>A &quot;curve&quot;</figcaption>"),
            "{markdown}"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let message = |svg: &str, text: &str| plot(svg, text).unwrap_err();
        assert_eq!(
            message("<svg></svg>", " "),
            "the alternative text is empty: say what the plot shows"
        );
        assert_eq!(
            message("hello", "x"),
            "`example/metrics/roc.svg` holds no <svg> element"
        );
        assert_eq!(
            message("<svg><path", "x"),
            "`example/metrics/roc.svg` is cut off: </svg> is missing"
        );
        assert_eq!(
            message("<svg><script>1</script></svg>", "x"),
            "`example/metrics/roc.svg` holds a script or foreign markup, which a plot has no need of"
        );
        let folder = tempfile::tempdir().unwrap();
        let error = expand(
            &directive("plot", &["gone.svg"]),
            &sources(folder.path()),
            0,
        );
        assert_eq!(error.unwrap_err(), "expected: file.svg \"what it shows\"");
    }
}
