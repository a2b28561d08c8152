//! The `[section]` / `key = value` files in which Amazon's tools keep profiles.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use mlops_disk::DiskError;

use crate::{StoreError, StoreResult};

/// The keys of one profile.
pub(crate) type Profile = HashMap<String, String>;

/// Reads the section of a profile; empty if the file or the section isn't there.
///
/// # Errors
/// [`StoreError::Disk`] if the file can't be read, [`StoreError::Setting`] if it isn't text of
/// that form.
pub(crate) fn read(path: &Path, profile: &str) -> StoreResult<Profile> {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text, profile).map_err(|why| StoreError::Setting {
            setting: path.display().to_string(),
            why,
        }),
        Err(gone)
            if matches!(
                gone.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Profile::new())
        }
        Err(error) => Err(DiskError::io("read", path, error).into()),
    }
}

/// The credentials file says `[name]`, the config file `[profile name]`; both say `[default]`.
fn parse(text: &str, profile: &str) -> Result<Profile, String> {
    let mut found = Profile::new();
    let mut ours = false;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = trimmed.strip_prefix('[') {
            let (name, _) = rest.split_once(']').ok_or_else(|| {
                format!(
                    "line {}: a section begins with '[' and has no ']'",
                    index + 1
                )
            })?;
            let name = name.trim();
            let short = name.strip_prefix("profile ").map_or(name, str::trim);
            ours = short == profile;
            continue;
        }
        // Indented lines belong to a nested section (`s3 =`), of which nothing is needed.
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let (key, value) = trimmed
            .split_once('=')
            .ok_or_else(|| format!("line {}: not of the form key = value", index + 1))?;
        if ours {
            let value = value.split(" #").next().unwrap_or_default();
            found.insert(key.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# keys\n[default]\naws_access_key_id = A # ours\nAWS_SECRET_ACCESS_KEY=s=1\n\n\
        [profile team]\nregion=eu-west-1\ns3 =\n  max_queue_size = 9\n[team2]\nregion=x\n";

    #[test]
    fn a_profile_is_found_by_either_form_of_its_name() {
        let default = parse(TEXT, "default").unwrap();
        assert_eq!(default["aws_access_key_id"], "A");
        assert_eq!(default["aws_secret_access_key"], "s=1");
        assert_eq!(parse(TEXT, "team").unwrap()["region"], "eu-west-1");
        assert_eq!(parse(TEXT, "team2").unwrap()["region"], "x");
        assert!(parse(TEXT, "none").unwrap().is_empty());
    }

    #[test]
    fn nested_settings_are_not_the_profiles_own() {
        assert!(!parse(TEXT, "team").unwrap().contains_key("max_queue_size"));
    }

    #[test]
    fn a_line_that_says_nothing_is_named() {
        assert_eq!(
            parse("[default]\nnonsense\n", "default").unwrap_err(),
            "line 2: not of the form key = value"
        );
        assert!(
            parse("[default\n", "default")
                .unwrap_err()
                .starts_with("line 1")
        );
    }
}
