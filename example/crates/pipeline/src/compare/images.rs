//! Pictures that stages drew themselves, side by side.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlops_versioning::Repository;

use super::files::State;
use super::page::escaped;
use super::plots::{Faults, wanted};
use crate::error::Result;

/// Endings of pictures, and what a browser calls them.
const KINDS: [(&str, &str); 6] = [
    ("svg", "svg+xml"),
    ("png", "png"),
    ("jpg", "jpeg"),
    ("jpeg", "jpeg"),
    ("gif", "gif"),
    ("webp", "webp"),
];

/// A picture in each state that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its file, from the repository's root.
    pub file: String,
    /// The names of states, and what the picture was in them. States in which it was the same stand together.
    pub sides: Vec<(Vec<String>, Vec<u8>)>,
}

/// Whether a plot is drawn already: it is shown as it is.
pub(super) fn is_image(file: &str) -> bool {
    kind(file).is_some()
}

fn kind(file: &str) -> Option<&'static str> {
    let (_, ending) = file.rsplit_once('.')?;
    KINDS
        .iter()
        .find(|(known, _)| ending.eq_ignore_ascii_case(known))
        .map(|(_, kind)| *kind)
}

/// The pictures among the plots of some states; `workspace` is the workspace. `targets` choose some.
/// The second part of the result is what couldn't be read: state and reason.
///
/// # Errors
/// If there is no such revision, or a file of stages can't be used.
pub fn images(
    repository: &Repository,
    revisions: &[String],
    targets: &[String],
) -> Result<(Vec<Image>, Faults)> {
    let mut images: Vec<Image> = Vec::new();
    let mut faults = Faults::new();
    for revision in revisions {
        let state = State::open(repository, revision)?;
        let wanted = wanted(&state)?;
        let asked = wanted.iter().filter(|wanted| wanted.is_asked(targets));
        for (file, _) in asked.flat_map(|wanted| &wanted.files) {
            if !is_image(file) {
                continue;
            }
            match state.bytes(file) {
                Ok(Some(bytes)) => note(&mut images, file, revision, bytes),
                Ok(None) => faults.push((revision.clone(), format!("{file}: is not there"))),
                Err(error) => faults.push((revision.clone(), error.to_string())),
            }
        }
    }
    Ok((images, faults))
}

fn note(images: &mut Vec<Image>, file: &str, state: &str, bytes: Vec<u8>) {
    let at = images.iter().position(|image| image.file == file);
    let at = at.unwrap_or_else(|| {
        images.push(Image {
            file: file.to_owned(),
            sides: Vec::new(),
        });
        images.len() - 1
    });
    let sides = &mut images[at].sides;
    match sides.iter_mut().find(|(_, same)| *same == bytes) {
        Some((states, _)) if states.iter().any(|known| known == state) => {}
        Some((states, _)) => states.push(state.to_owned()),
        None => sides.push((vec![state.to_owned()], bytes)),
    }
}

impl Image {
    /// The picture as HTML that needs no other file, its states side by side.
    #[must_use]
    pub fn html(&self) -> String {
        let kind = kind(&self.file).unwrap_or("png");
        let mut html = String::from("<div class=\"sides\">\n");
        for (states, bytes) in &self.sides {
            let name = escaped(&states.join(", "));
            let file = escaped(&self.file);
            html += &format!(
                "<div><p>{name}</p><img alt=\"{file} in {name}\" src=\"data:image/{kind};base64,"
            );
            STANDARD.encode_string(bytes, &mut html);
            html.push_str("\"></div>\n");
        }
        html.push_str("</div>");
        html
    }
}
