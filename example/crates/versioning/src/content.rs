//! From what lies in the workspace to its name, and into the cache.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};

use mlops_store::disk::{self, Batch, Existing, Link, Staged};
use rayon::prelude::*;

use crate::cache::{Cache, PROTECTED};
use crate::hash::{self, Checksum, HashKind, Hasher, ObjectId};
use crate::manifest::{Manifest, ManifestEntry};
use crate::progress::{Progress, Report};
use crate::scan::{ScannedFile, scan};
use crate::state::{self, Known, Signature, StateTable};
use crate::{Repository, Saved, VersioningError};

/// Files up to this size are read whole.
const SMALL: u64 = 1 << 20;
/// So many files, or bytes, are made durable together; what is killed loses at most these.
const BATCH_FILES: usize = 20_000;
const BATCH_BYTES: u64 = 4 << 30;
/// The scope of files that are tracked one by one.
pub(crate) const SINGLE: &str = "";

/// What lies at a path, hashed.
#[derive(Debug, Clone)]
pub struct Content {
    /// Its name and size.
    pub saved: Saved,
    /// The files of a folder, in the order of their paths; none for a file.
    pub files: Vec<ScannedFile>,
    /// A folder's manifest.
    pub manifest: Option<Manifest>,
}

/// What becomes of files while they are hashed.
#[derive(Clone, Copy)]
enum Purpose<'a> {
    Name,
    Store(&'a Cache),
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
            let checksums = self.checksums(self.root(), SINGLE, &files, kind, purpose, report)?;
            for ((at, _, file, is_exec), checksum) in same.iter().zip(checksums) {
                contents[*at] = Some(Content {
                    saved: Saved {
                        id: ObjectId::file(kind, checksum),
                        size: Some(file.signature.size),
                        nfiles: None,
                        is_exec: *is_exec,
                    },
                    files: vec![file.clone()],
                    manifest: None,
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
        let files = scan(folder, self.ignore())?;
        let scope = self.inside(folder)?;
        let checksums = self.checksums(folder, &scope, &files, kind, purpose, report)?;
        let entries = files.iter().zip(checksums).map(|(file, checksum)| ManifestEntry {
            path: file.path.clone(),
            checksum,
        });
        let manifest = Manifest::new(entries.collect(), folder)?;
        let id = match purpose {
            Purpose::Name => manifest.id(kind),
            Purpose::Store(_) => self.store_manifest(&manifest, kind)?,
        };
        Ok(Content {
            saved: Saved {
                id,
                size: Some(files.iter().map(|file| file.signature.size).sum()),
                nfiles: Some(files.len() as u64),
                is_exec: false,
            },
            files,
            manifest: Some(manifest),
        })
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
        let bytes = manifest.to_bytes();
        let id = Manifest::id_of(&bytes, kind);
        if !self.cache().has(&id) {
            let batch = Batch::new();
            batch.stage(&self.cache().path(&id), &bytes, Some(PROTECTED), Existing::Keep)?;
            batch.commit()?;
        }
        Ok(id)
    }

    /// The hashes of files in the order of their paths, those known from the table, the others computed.
    fn checksums(
        &self,
        folder: &Path,
        scope: &str,
        files: &[ScannedFile],
        kind: HashKind,
        purpose: Purpose<'_>,
        report: Report<'_>,
    ) -> Result<Vec<Checksum>, VersioningError> {
        let now = state::now();
        let tables = self.state_folder();
        let table = StateTable::load(&tables, scope, kind);
        let mut near = 0;
        let mut known: Vec<Option<Checksum>> = files
            .iter()
            .map(|file| table.checksum(&file.path, &file.signature, &mut near))
            .collect();
        let work = todo(&known, files, kind, purpose);
        if !work.is_empty() {
            let bytes = work.iter().map(|at| files[*at].signature.size).sum();
            let what = match purpose {
                Purpose::Name => "hashing",
                Purpose::Store(_) => "saving",
            };
            report(Progress::Begin { what, files: work.len() as u64, bytes });
            let job = Job { folder, kind, purpose, report };
            for chunk in chunks(&work, files) {
                for (at, checksum) in chunk.iter().zip(job.run(chunk, files, &known)?) {
                    known[*at] = Some(checksum);
                }
            }
        }
        let checksums: Vec<Checksum> = known.into_iter().flatten().collect();
        debug_assert_eq!(checksums.len(), files.len());
        if !work.is_empty() || (scope != SINGLE && table.len() != files.len()) {
            self.remember(scope, kind, now, &table, files, &checksums)?;
        }
        Ok(checksums)
    }

    /// Writes the table of a scope anew; that of single files keeps those it isn't told of.
    pub(crate) fn remember(
        &self,
        scope: &str,
        kind: HashKind,
        now: i64,
        table: &StateTable,
        files: &[ScannedFile],
        checksums: &[Checksum],
    ) -> Result<(), VersioningError> {
        let told = files.iter().zip(checksums).map(|(file, checksum)| Known {
            path: &file.path,
            signature: file.signature,
            checksum: *checksum,
        });
        let tables = self.state_folder();
        if scope != SINGLE {
            return StateTable::save(&tables, scope, kind, now, told);
        }
        let names: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let kept = (0..table.len())
            .filter_map(|at| table.get(at))
            .filter(|known| !names.contains(known.path));
        let mut all: Vec<Known<'_>> = kept.chain(told).collect();
        all.sort_unstable_by(|a, b| a.path.cmp(b.path));
        StateTable::save(&tables, scope, kind, now, all.into_iter())
    }
}

/// Which files have to be read: those without a known hash, and those the cache lacks.
fn todo(
    known: &[Option<Checksum>],
    files: &[ScannedFile],
    kind: HashKind,
    purpose: Purpose<'_>,
) -> Vec<usize> {
    let Purpose::Store(cache) = purpose else {
        return (0..files.len()).filter(|at| known[*at].is_none()).collect();
    };
    let ids: Vec<ObjectId> = known
        .iter()
        .flatten()
        .map(|checksum| ObjectId::file(kind, *checksum))
        .collect();
    let mut there = cache.has_each(&ids).into_iter();
    (0..files.len())
        .filter(|at| known[*at].is_none() || there.next() == Some(false))
        .collect()
}

/// Parts that are made durable together.
fn chunks<'a>(work: &'a [usize], files: &'a [ScannedFile]) -> impl Iterator<Item = &'a [usize]> {
    let mut rest = work;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let end = rest
            .iter()
            .take(BATCH_FILES)
            .take_while(|at| {
                let fits = bytes < BATCH_BYTES;
                bytes += files[**at].signature.size;
                fits
            })
            .count();
        let (chunk, after) = rest.split_at(end);
        rest = after;
        (!chunk.is_empty()).then_some(chunk)
    })
}

struct Job<'a> {
    folder: &'a Path,
    kind: HashKind,
    purpose: Purpose<'a>,
    report: Report<'a>,
}

impl Job<'_> {
    /// The hashes of a chunk's files; what was to be stored is durable.
    fn run(
        &self,
        chunk: &[usize],
        files: &[ScannedFile],
        known: &[Option<Checksum>],
    ) -> Result<Vec<Checksum>, VersioningError> {
        let batch = Batch::new();
        let staged: Mutex<HashSet<Checksum>> = Mutex::default();
        let checksums = chunk
            .par_iter()
            .with_max_len(64)
            .map(|at| {
                let file = &files[*at];
                let path = self.folder.join(&file.path);
                let store = match self.purpose {
                    Purpose::Name => None,
                    Purpose::Store(cache) => Some((cache, &batch, &staged)),
                };
                let checksum = self.one(&path, &file.signature, known[*at], store)?;
                (self.report)(Progress::Done { files: 1, bytes: 0 });
                Ok(checksum)
            })
            .collect::<Result<Vec<_>, VersioningError>>()?;
        if !batch.is_empty() {
            batch.commit()?;
        }
        Ok(checksums)
    }

    fn one(
        &self,
        path: &Path,
        signature: &Signature,
        known: Option<Checksum>,
        store: Option<(&Cache, &Batch, &Mutex<HashSet<Checksum>>)>,
    ) -> Result<Checksum, VersioningError> {
        let io = |error| VersioningError::io(path)(error);
        let first = |staged: &Mutex<HashSet<Checksum>>, checksum| {
            staged.lock().unwrap_or_else(PoisonError::into_inner).insert(checksum)
        };
        let object = |checksum| ObjectId::file(self.kind, checksum);
        let checksum = match store {
            _ if signature.size <= SMALL => {
                let mut bytes = Vec::with_capacity(signature.size as usize + 1);
                File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(io)?;
                let mut hasher = Hasher::new(self.kind);
                // A file that grew past a piece has changed, which is found out below.
                hasher.update(&bytes);
                let checksum = hasher.finish();
                check_unchanged(path, signature, bytes.len() as u64)?;
                if let Some((cache, batch, staged)) = store
                    && first(staged, checksum)
                    && !cache.has(&object(checksum))
                {
                    self.place(&bytes, path, cache, batch, &object(checksum))?;
                }
                (self.report)(Progress::Done { files: 0, bytes: signature.size });
                checksum
            }
            Some((cache, batch, staged)) if known.is_none() && !shares_blocks(cache, path) => {
                let (checksum, length) = self.copy(path, cache, batch, |checksum| {
                    first(staged, checksum) && !cache.has(&object(checksum))
                })?;
                check_unchanged(path, signature, length)?;
                checksum
            }
            _ => {
                let (checksum, length) = self.read(path)?;
                check_unchanged(path, signature, length)?;
                if let Some((cache, batch, staged)) = store
                    && first(staged, checksum)
                    && !cache.has(&object(checksum))
                {
                    let real = path.canonicalize().map_err(io)?;
                    let to = cache.path(&object(checksum));
                    batch.link(into_cache(cache), &real, &to, Some(PROTECTED), Existing::Keep)?;
                    check_unchanged(path, signature, length)?;
                }
                checksum
            }
        };
        match known {
            Some(known) if known != checksum => Err(changed(path)),
            _ => Ok(checksum),
        }
    }

    /// Puts a small file into the cache, by a link where that saves space.
    fn place(
        &self,
        bytes: &[u8],
        path: &Path,
        cache: &Cache,
        batch: &Batch,
        id: &ObjectId,
    ) -> Result<(), VersioningError> {
        let to = cache.path(id);
        if !bytes.is_empty() && shares_blocks(cache, path) {
            let real = path.canonicalize().map_err(VersioningError::io(path))?;
            batch.link(into_cache(cache), &real, &to, Some(PROTECTED), Existing::Keep)?;
        } else {
            batch.stage(&to, bytes, Some(PROTECTED), Existing::Keep)?;
        }
        Ok(())
    }

    fn read(&self, path: &Path) -> Result<(Checksum, u64), VersioningError> {
        let mut file = File::open(path).map_err(VersioningError::io(path))?;
        hash::hash_reader(self.kind, &mut file, |piece| {
            (self.report)(Progress::Done { files: 0, bytes: piece.len() as u64 });
            Ok(())
        })
        .map_err(VersioningError::io(path))
    }

    /// Hashes a large file while it is written into the cache.
    fn copy(
        &self,
        path: &Path,
        cache: &Cache,
        batch: &Batch,
        is_new: impl FnOnce(Checksum) -> bool,
    ) -> Result<(Checksum, u64), VersioningError> {
        // Its folder in the cache isn't known before its hash.
        let staged = batch.start(&cache.folder(self.kind).join("new"))?;
        let (checksum, length, mut staged) = copy_hashed(path, self.kind, staged, self.report)?;
        if is_new(checksum) {
            staged.set_mode(PROTECTED)?;
            let to = cache.path(&ObjectId::file(self.kind, checksum));
            disk::create_dir_all(to.parent().unwrap_or(cache.root()))?;
            batch.adopt(staged, &to, Existing::Keep);
        }
        Ok((checksum, length))
    }
}

/// Copies a file: hashes it on this thread while another writes, if it is large.
pub(crate) fn copy_hashed(
    path: &Path,
    kind: HashKind,
    mut staged: Staged,
    report: Report<'_>,
) -> Result<(Checksum, u64, Staged), VersioningError> {
    let mut file = File::open(path).map_err(VersioningError::io(path))?;
    let size = file.metadata().map_err(VersioningError::io(path))?.len();
    if size <= SMALL {
        let mut bytes = Vec::with_capacity(size as usize + 1);
        file.read_to_end(&mut bytes).map_err(VersioningError::io(path))?;
        staged.write_bytes(&bytes)?;
        report(Progress::Done { files: 0, bytes: size });
        let (checksum, length) = hash::hash_reader(kind, &mut bytes.as_slice(), |_| Ok(()))
            .map_err(VersioningError::io(path))?;
        return Ok((checksum, length, staged));
    }
    std::thread::scope(|scope| {
        let (pieces, to_write) = mpsc::sync_channel::<Vec<u8>>(4);
        let writer = scope.spawn(move || -> Result<Staged, VersioningError> {
            for piece in to_write {
                staged.write_bytes(&piece)?;
            }
            Ok(staged)
        });
        let hashed = hash::hash_reader(kind, &mut file, |piece| {
            report(Progress::Done { files: 0, bytes: piece.len() as u64 });
            pieces
                .send(piece.to_vec())
                .map_err(|_| io::Error::other("the copy can't be written"))
        });
        drop(pieces);
        let staged = writer
            .join()
            .map_err(|_| VersioningError::io(path)(io::Error::other("a thread failed")))??;
        let (checksum, length) = hashed.map_err(VersioningError::io(path))?;
        Ok((checksum, length, staged))
    })
}

/// The links that make an object of a file: one that leaves the file writable, unless links to the
/// same file are what the user wants.
fn into_cache(cache: &Cache) -> &'static [Link] {
    match cache.links().first() {
        Some(Link::Hard) => &[Link::Hard, Link::Reflink, Link::Copy],
        _ => &[Link::Reflink, Link::Copy],
    }
}

/// Whether an object can share its blocks with the file, so that copying would waste space.
fn shares_blocks(cache: &Cache, path: &Path) -> bool {
    match cache.links().first() {
        Some(Link::Hard) => true,
        _ => crate::checkout::may_reflink(path),
    }
}

fn changed(path: &Path) -> VersioningError {
    VersioningError::ChangedMeanwhile {
        path: path.to_path_buf(),
    }
}

/// Whether a file that was read, `length` bytes of it, is still what it was before.
fn check_unchanged(path: &Path, before: &Signature, length: u64) -> Result<(), VersioningError> {
    let metadata = std::fs::metadata(path).map_err(VersioningError::io(path))?;
    let after = Signature::of(&metadata);
    // Becoming an object's second name changes the inode, not the content.
    let same = after.modified == before.modified
        && after.inode == before.inode
        && after.size == before.size
        && length == before.size;
    if same { Ok(()) } else { Err(changed(path)) }
}

/// What lies at a path, links followed.
fn look_at(path: &Path) -> Result<Option<Metadata>, VersioningError> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(VersioningError::io(path)(error)),
    }
}

fn is_exec(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}
