//! From what lies in the workspace to its name, and into the cache.

use std::collections::HashSet;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use mlops_disk::Batch;
use rayon::prelude::*;

use crate::hashing::{Job, Purpose, to_store};
use crate::manifest::{self, Manifest, ManifestEntry};
use crate::presence::Presence;
use crate::progress::Report;
use crate::scan::{ScannedFile, scan};
use crate::state::{self, Draft, Facts, Known, StateTable};
use crate::{Repository, VersioningError};
use mlops_repository::{Checksum, HashKind, ObjectId, Saved, path};

/// The scope of files that are tracked one by one.
pub(crate) const SINGLE: &str = "";

/// What lies at a path, hashed.
#[derive(Debug, Clone)]
pub struct Content {
    /// Its name and size.
    pub saved: Saved,
    /// The files of a folder in the order of their paths; a file is its own only one.
    pub files: Vec<ScannedFile>,
    /// Their hashes.
    pub checksums: Vec<Checksum>,
    /// The files, by their places, of which it isn't known that the cache has them.
    pub(crate) unsure: Vec<usize>,
    /// What the cache looked like before.
    pub(crate) presence: Presence,
    /// When it was looked at, in ns since 1970.
    pub(crate) seen: i64,
}

impl Content {
    /// A folder's manifest; none for a file.
    pub fn manifest(&self) -> Option<Manifest> {
        self.saved.id.dir.then(|| {
            // They were checked when they were hashed.
            Manifest::of_checked(
                entries(&self.files, &self.checksums).map(|(path, checksum)| ManifestEntry {
                    path: path.to_string(),
                    checksum,
                }),
            )
        })
    }

    /// The folders of the cache in which all files that belong there were found.
    fn certain(&self) -> Presence {
        let mut presence = self.presence.clone();
        for at in &self.unsure {
            presence.forget(&self.checksums[*at]);
        }
        presence
    }

    /// The contents of the files.
    pub fn objects(&self) -> Vec<ObjectId> {
        let kind = self.saved.id.kind;
        self.checksums
            .iter()
            .map(|checksum| ObjectId::file(kind, *checksum))
            .collect()
    }
}

/// The hashes of a scope's files.
struct Hashed {
    checksums: Vec<Checksum>,
    /// The files, by their places, whose hashes the table didn't know. (Of the others it knows that their names
    /// can stand in a manifest.)
    fresh: Vec<usize>,
    /// The manifest's name, if the table knew it.
    id: Option<Checksum>,
    /// As of a [`Content`].
    unsure: Vec<usize>,
    presence: Presence,
}

impl Repository {
    /// What lies at an absolute path, hashing only what changed since it was last seen; `None` if nothing is there.
    ///
    /// # Errors
    /// If something there can't be read or tracked.
    pub fn hash(
        &self,
        path: &Path,
        kind: HashKind,
        report: Report<'_>,
    ) -> Result<Option<Content>, VersioningError> {
        self.content(path, kind, Purpose::Name, report)
    }

    /// The same, and puts it into the cache, from which on it is safe. The workspace stays as it is.
    ///
    /// # Errors
    /// As [`hash`](Repository::hash), or if the cache can't be written.
    pub fn store(
        &self,
        path: &Path,
        kind: HashKind,
        report: Report<'_>,
    ) -> Result<Option<Content>, VersioningError> {
        self.content(path, kind, Purpose::Store(self.cache()), report)
    }

    fn content(
        &self,
        path: &Path,
        kind: HashKind,
        purpose: Purpose<'_>,
        report: Report<'_>,
    ) -> Result<Option<Content>, VersioningError> {
        let mut contents = self.contents(&[(path.to_path_buf(), kind)], purpose, report)?;
        Ok(contents.pop().flatten())
    }

    /// What lies at many paths, in their order; many single files cost no more than a folder of them.
    ///
    /// # Errors
    /// As [`hash`](Repository::hash).
    pub fn hash_many(
        &self,
        paths: &[(PathBuf, HashKind)],
        report: Report<'_>,
    ) -> Result<Vec<Option<Content>>, VersioningError> {
        self.contents(paths, Purpose::Name, report)
    }

    /// The same for [`store`](Repository::store).
    ///
    /// # Errors
    /// As [`store`](Repository::store).
    pub fn store_many(
        &self,
        paths: &[(PathBuf, HashKind)],
        report: Report<'_>,
    ) -> Result<Vec<Option<Content>>, VersioningError> {
        self.contents(paths, Purpose::Store(self.cache()), report)
    }

    fn contents(
        &self,
        paths: &[(PathBuf, HashKind)],
        purpose: Purpose<'_>,
        report: Report<'_>,
    ) -> Result<Vec<Option<Content>>, VersioningError> {
        let now = state::now();
        let seen = paths
            .par_iter()
            .with_min_len(256)
            .map(|(path, _)| look_at(path))
            .collect::<Result<Vec<_>, _>>()?;
        let mut contents: Vec<Option<Content>> = Vec::with_capacity(paths.len());
        let mut single = Vec::new();
        for (at, ((path, kind), metadata)) in paths.iter().zip(seen).enumerate() {
            contents.push(match metadata {
                Some(metadata) if metadata.is_dir() => {
                    Some(self.folder_content(path, *kind, purpose, report)?)
                }
                Some(metadata) => {
                    let is_link = path.is_symlink();
                    let file = ScannedFile::of(self.inside(path)?, path, &metadata, is_link)?;
                    single.push((at, *kind, file, is_exec(&metadata)));
                    None
                }
                None => None,
            });
        }
        single.sort_by(|a, b| (a.1, &a.2.path).cmp(&(b.1, &b.2.path)));
        for same in single.chunk_by(|a, b| a.1 == b.1) {
            let kind = same[0].1;
            let files: Vec<ScannedFile> = same.iter().map(|(_, _, file, _)| file.clone()).collect();
            let table = StateTable::load(&self.state_folder(), SINGLE, kind);
            let hashed = self.checksums(self.root(), &table, &files, kind, purpose, report)?;
            // A file changed just now isn't noted, so that there may be nothing new.
            let mut fresh = hashed.fresh.iter().map(|at| &files[*at].signature);
            if fresh.any(|signature| signature.is_settled(now)) {
                self.remember_single(kind, now, &table, &files, &hashed.checksums)?;
            }
            for ((at, _, file, is_exec), checksum) in same.iter().zip(hashed.checksums) {
                contents[*at] = Some(Content {
                    saved: Saved {
                        id: ObjectId::file(kind, checksum),
                        size: Some(file.signature.size),
                        nfiles: None,
                        is_exec: *is_exec,
                    },
                    files: vec![file.clone()],
                    checksums: vec![checksum],
                    unsure: vec![0],
                    presence: Presence::default(),
                    seen: now,
                });
            }
        }
        Ok(contents)
    }

    fn folder_content(
        &self,
        folder: &Path,
        kind: HashKind,
        purpose: Purpose<'_>,
        report: Report<'_>,
    ) -> Result<Content, VersioningError> {
        let now = state::now();
        let scope = self.inside(folder)?;
        let (files, table) = rayon::join(
            || scan(folder, self.ignore()),
            || StateTable::load(&self.state_folder(), &scope, kind),
        );
        let files = files?;
        let hashed = self.checksums(folder, &table, &files, kind, purpose, report)?;
        let known = hashed.id.map(|checksum| ObjectId {
            kind,
            checksum,
            dir: true,
        });
        let (id, table) = match (purpose, known) {
            (Purpose::Name, Some(id)) => (id, None),
            (Purpose::Store(cache), Some(id)) if cache.has(&id) => (id, None),
            _ => {
                let checksums = &hashed.checksums;
                check_paths(folder, hashed.fresh.iter().map(|at| &files[*at]))?;
                let (id, table) = rayon::join(
                    || self.name_folder(entries(&files, checksums), kind, purpose),
                    || {
                        let told = known_files(&files, checksums);
                        self.draft((&scope, kind), now, told, table.into_bytes())
                    },
                );
                (id?, Some(table?))
            }
        };
        let content = Content {
            saved: Saved {
                id,
                size: Some(files.iter().map(|file| file.signature.size).sum()),
                nfiles: Some(files.len() as u64),
                is_exec: false,
            },
            files,
            checksums: hashed.checksums,
            unsure: hashed.unsure,
            presence: hashed.presence,
            seen: now,
        };
        if let Some(table) = table {
            let facts = Facts {
                id: Some(id.checksum),
                presence: content.certain(),
            };
            table.finish(&facts)?;
        }
        Ok(content)
    }

    /// Puts a manifest into the cache; its files should be there before.
    ///
    /// # Errors
    /// If the cache can't be written.
    pub fn store_manifest(
        &self,
        manifest: &Manifest,
        kind: HashKind,
    ) -> Result<ObjectId, VersioningError> {
        self.name_folder(manifest.files(), kind, Purpose::Store(self.cache()))
    }

    /// The name of the manifest of files that are in the order of their paths; the manifest is written meanwhile.
    fn name_folder<'a>(
        &self,
        files: impl Iterator<Item = (&'a str, Checksum)>,
        kind: HashKind,
        purpose: Purpose<'_>,
    ) -> Result<ObjectId, VersioningError> {
        let Purpose::Store(cache) = purpose else {
            return manifest::encode_named(files, kind, |_| Ok(()));
        };
        let batch = Batch::new();
        let mut staged = cache.start(&batch, kind)?;
        let id = manifest::encode_named(files, kind, |part| staged.write_bytes(part))?;
        cache.adopt(&batch, staged, &id)?;
        batch.commit()?;
        cache.share()?;
        Ok(id)
    }

    /// The hashes of files in the order of their paths, those known from the table, the others computed.
    fn checksums(
        &self,
        folder: &Path,
        table: &StateTable,
        files: &[ScannedFile],
        kind: HashKind,
        purpose: Purpose<'_>,
        report: Report<'_>,
    ) -> Result<Hashed, VersioningError> {
        let mut known: Vec<Option<Checksum>> = vec![None; files.len()];
        let parts = known.par_chunks_mut(4096).zip(files.par_chunks(4096));
        parts.for_each(|(known, files)| {
            let mut near = usize::MAX; // the first is searched for
            for (known, file) in known.iter_mut().zip(files) {
                *known = table.checksum(&file.path, &file.signature, &mut near);
            }
        });
        let is_same = table.len() == files.len() && known.iter().all(Option::is_some);
        let facts = table.facts();
        let presence = self.cache().presence(kind);
        let mut unsure: Vec<usize> = (0..files.len())
            .filter(|at| match &known[*at] {
                Some(checksum) => !facts.presence.holds(&presence, checksum),
                None => true,
            })
            .collect();
        let fresh: Vec<usize> = (0..files.len()).filter(|at| known[*at].is_none()).collect();
        let work = match purpose {
            Purpose::Store(cache) => to_store(&known, &unsure, kind, cache),
            Purpose::Name => fresh.clone(),
        };
        if !work.is_empty() {
            let job = Job::new(folder, kind, purpose, report);
            for (at, checksum) in job.run_all(&work, files, &known)? {
                known[at] = Some(checksum);
            }
        }
        if let Purpose::Store(_) = purpose {
            unsure.clear();
        }
        let checksums: Vec<Checksum> = known.into_iter().flatten().collect();
        Ok(Hashed {
            checksums,
            fresh,
            id: facts.id.filter(|_| is_same),
            unsure,
            presence,
        })
    }

    fn draft<'a>(
        &self,
        of: (&str, HashKind),
        now: i64,
        files: impl Iterator<Item = Known<'a>> + Clone,
        memory: Vec<u8>,
    ) -> Result<Draft, VersioningError> {
        Draft::write(&self.state_folder(), of, now, files, memory)
    }

    /// Writes the table of a folder; `presence` says in which state of the cache all of it was there.
    pub(crate) fn remember_folder(
        &self,
        scope: &str,
        content: &Content,
        presence: Presence,
    ) -> Result<(), VersioningError> {
        let id = content.saved.id;
        let facts = Facts {
            id: id.dir.then_some(id.checksum),
            presence,
        };
        let told = known_files(&content.files, &content.checksums);
        self.draft((scope, id.kind), content.seen, told, Vec::new())?
            .finish(&facts)
    }

    /// Writes the table of single files, and keeps what it isn't told of.
    pub(crate) fn remember_single(
        &self,
        kind: HashKind,
        now: i64,
        table: &StateTable,
        files: &[ScannedFile],
        checksums: &[Checksum],
    ) -> Result<(), VersioningError> {
        let names: HashSet<&str> = files.iter().map(|file| &*file.path).collect();
        let kept = (0..table.len())
            .filter_map(|at| table.get(at))
            .filter(|known| !names.contains(known.path));
        let mut all: Vec<Known<'_>> = kept.chain(known_files(files, checksums)).collect();
        all.sort_unstable_by(|a, b| a.path.cmp(b.path));
        all.dedup_by(|a, b| a.path == b.path);
        self.draft((SINGLE, kind), now, all.into_iter(), Vec::new())?
            .finish(&Facts::default())
    }
}

fn entries<'a>(
    files: &'a [ScannedFile],
    checksums: &'a [Checksum],
) -> impl Iterator<Item = (&'a str, Checksum)> {
    files
        .iter()
        .zip(checksums)
        .map(|(file, checksum)| (&*file.path, *checksum))
}

/// Refuses a name that can't stand in a manifest.
fn check_paths<'a>(
    folder: &Path,
    mut files: impl Iterator<Item = &'a ScannedFile>,
) -> Result<(), VersioningError> {
    files.try_for_each(|file| {
        path::check_inside(&file.path).map_err(|why| {
            VersioningError::refused(folder.join(&*file.path), format!("its path {why}"))
        })
    })
}

fn known_files<'a>(
    files: &'a [ScannedFile],
    checksums: &'a [Checksum],
) -> impl Iterator<Item = Known<'a>> + Clone {
    files.iter().zip(checksums).map(|(file, checksum)| Known {
        path: &file.path,
        signature: file.signature,
        checksum: *checksum,
    })
}

/// What lies at a path, links followed.
fn look_at(path: &Path) -> Result<Option<Metadata>, VersioningError> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(VersioningError::io(path)(error)),
    }
}

fn is_exec(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}
