//! Hashes files, and puts them into the cache while it has their bytes at hand.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};

use mlops_disk::{Batch, Existing, Link, Staged};
use rayon::prelude::*;

use crate::VersioningError;
use crate::cache::{Cache, PROTECTED};
use crate::progress::{Progress, Report};
use crate::scan::ScannedFile;
use crate::state::{self, Signature};
use mlops_repository::{Checksum, HashKind, Hasher, ObjectId, hash};

/// Files up to this size are read whole.
const SMALL: u64 = 1 << 20;
/// So many files, or bytes, are made durable together; what is killed loses at most these. The more files,
/// the fewer have to be moved one by one into folders of the cache that an earlier part has made.
const BATCH_FILES: usize = 100_000;
const BATCH_BYTES: u64 = 4 << 30;
/// A large file is read, hashed and written in pieces of this size, which the 2.x hash is defined by; so
/// many of them are under way, and so many bytes are flushed at once while the rest is hashed.
const PIECE: u64 = 1 << 20;
const PIECES: usize = 48;
const FLUSHED: u64 = 24 * PIECE;
/// From so many new files on, the cache is listed instead of being asked for each.
const MANY: usize = 256;

/// What becomes of files while they are hashed.
#[derive(Clone, Copy)]
pub(crate) enum Purpose<'a> {
    /// Only their names are wanted.
    Name,
    /// They are put into a cache.
    Store(&'a Cache),
}

/// Which files have to be read, of those of which it isn't known that the cache has them: files without
/// a known hash, and those the cache lacks.
pub(crate) fn to_store(
    known: &[Option<Checksum>],
    unsure: &[usize],
    kind: HashKind,
    cache: &Cache,
) -> Vec<usize> {
    let ids: Vec<ObjectId> = unsure
        .iter()
        .filter_map(|at| known[*at])
        .map(|checksum| ObjectId::file(kind, checksum))
        .collect();
    let mut there = cache.has_each(&ids).into_iter();
    let is_work = |at: &usize| known[*at].is_none() || there.next() == Some(false);
    unsure.iter().copied().filter(is_work).collect()
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

/// Files of one folder to be hashed for one purpose.
pub(crate) struct Job<'a> {
    folder: &'a Path,
    kind: HashKind,
    purpose: Purpose<'a>,
    /// Whether objects share their blocks with the files, so that copying would waste space.
    sharing: bool,
    report: Report<'a>,
}

/// Where files are put while they are hashed.
#[derive(Clone, Copy)]
struct Place<'a> {
    cache: &'a Cache,
    batch: &'a Batch,
    /// What is in the cache or on its way there.
    there: &'a Mutex<HashSet<Checksum>>,
}

impl Place<'_> {
    /// Whether this caller is the one to bring an object.
    fn is_new(&self, checksum: Checksum) -> bool {
        self.there
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(checksum)
    }
}

impl<'a> Job<'a> {
    pub(crate) fn new(
        folder: &'a Path,
        kind: HashKind,
        purpose: Purpose<'a>,
        report: Report<'a>,
    ) -> Job<'a> {
        let sharing = match purpose {
            Purpose::Name => false,
            Purpose::Store(cache) => shares_blocks(cache, folder),
        };
        Job {
            folder,
            kind,
            purpose,
            sharing,
            report,
        }
    }

    /// Hashes the files at some places of a list, those with a known hash only to be stored; what was
    /// to be stored is durable then.
    pub(crate) fn run_all(
        &self,
        work: &[usize],
        files: &[ScannedFile],
        known: &[Option<Checksum>],
    ) -> Result<Vec<(usize, Checksum)>, VersioningError> {
        let now = state::now();
        if self.sharing && !work.iter().all(|at| files[*at].signature.is_settled(now)) {
            // An object that is the file itself must be what was read: from here on, a change shows.
            std::thread::sleep(state::SETTLE);
        }
        let what = match self.purpose {
            Purpose::Name => "hashing",
            Purpose::Store(_) => "saving",
        };
        let bytes = work.iter().map(|at| files[*at].signature.size).sum();
        (self.report)(Progress::Begin {
            what,
            files: work.len() as u64,
            bytes,
        });
        let there = Mutex::new(match self.purpose {
            Purpose::Store(cache) if work.len() > MANY => cache.checksums(self.kind),
            _ => HashSet::new(),
        });
        let mut hashed = Vec::with_capacity(work.len());
        for chunk in chunks(work, files) {
            let batch = Batch::new();
            let place = match self.purpose {
                Purpose::Name => None,
                Purpose::Store(cache) => Some(Place {
                    cache,
                    batch: &batch,
                    there: &there,
                }),
            };
            let checksums = chunk
                .par_iter()
                .with_max_len(64)
                .map(|at| {
                    let file = &files[*at];
                    let path = self.folder.join(&*file.path);
                    let checksum = self.one(&path, &file.signature, known[*at], place)?;
                    (self.report)(Progress::Done { files: 1, bytes: 0 });
                    Ok((*at, checksum))
                })
                .collect::<Result<Vec<_>, VersioningError>>()?;
            hashed.extend(checksums);
            if !batch.is_empty() {
                batch.commit()?;
            }
        }
        if let Purpose::Store(cache) = self.purpose {
            cache.share()?;
        }
        Ok(hashed)
    }

    fn one(
        &self,
        path: &Path,
        signature: &Signature,
        known: Option<Checksum>,
        place: Option<Place<'_>>,
    ) -> Result<Checksum, VersioningError> {
        let object = |checksum| ObjectId::file(self.kind, checksum);
        let checksum = match place {
            _ if signature.size <= SMALL => {
                let bytes = read_small(path, signature)?;
                let mut hasher = Hasher::new(self.kind);
                hasher.update(&bytes);
                let checksum = hasher.finish();
                if let Some(place) = place.filter(|place| place.is_new(checksum)) {
                    self.place(&bytes, path, place, &object(checksum))?;
                    if self.sharing {
                        check_unchanged(path, signature, signature.size)?;
                    }
                }
                (self.report)(Progress::Done {
                    files: 0,
                    bytes: signature.size,
                });
                checksum
            }
            Some(place) if known.is_none() && !self.sharing => {
                let (checksum, length) = self.copy(path, place)?;
                check_unchanged(path, signature, length)?;
                checksum
            }
            _ => {
                let (checksum, length) = self.read(path)?;
                check_unchanged(path, signature, length)?;
                if let Some(place) = place.filter(|place| place.is_new(checksum)) {
                    let real = path.canonicalize().map_err(VersioningError::io(path))?;
                    let to = place.cache.path(&object(checksum));
                    let links = into_cache(place.cache, path);
                    place
                        .batch
                        .link(links, &real, &to, Some(PROTECTED), Existing::Keep)?;
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
        place: Place<'_>,
        id: &ObjectId,
    ) -> Result<(), VersioningError> {
        let to = place.cache.path(id);
        if !bytes.is_empty() && self.sharing {
            let real = path.canonicalize().map_err(VersioningError::io(path))?;
            let links = into_cache(place.cache, path);
            place
                .batch
                .link(links, &real, &to, Some(PROTECTED), Existing::Keep)?;
        } else {
            place
                .batch
                .stage(&to, bytes, Some(PROTECTED), Existing::Keep)?;
        }
        Ok(())
    }

    fn read(&self, path: &Path) -> Result<(Checksum, u64), VersioningError> {
        let mut file = File::open(path).map_err(VersioningError::io(path))?;
        hash::hash_reader(self.kind, &mut file, |piece| {
            (self.report)(Progress::Done {
                files: 0,
                bytes: piece.len() as u64,
            });
            Ok(())
        })
        .map_err(VersioningError::io(path))
    }

    /// Hashes a large file while it is written into the cache.
    fn copy(&self, path: &Path, place: Place<'_>) -> Result<(Checksum, u64), VersioningError> {
        let staged = place.cache.start(place.batch, self.kind)?;
        let (checksum, length, staged) = copy_hashed(path, self.kind, staged, self.report)?;
        if place.is_new(checksum) {
            let id = ObjectId::file(self.kind, checksum);
            place.cache.adopt(place.batch, staged, &id)?;
        }
        Ok((checksum, length))
    }
}

/// Copies a file; a large one is hashed on this thread while one reads it and another writes it.
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
        file.read_to_end(&mut bytes)
            .map_err(VersioningError::io(path))?;
        staged.write_bytes(&bytes)?;
        report(Progress::Done {
            files: 0,
            bytes: size,
        });
        let (checksum, length) = hash::hash_reader(kind, &mut bytes.as_slice(), |_| Ok(()))
            .map_err(VersioningError::io(path))?;
        return Ok((checksum, length, staged));
    }
    std::thread::scope(|scope| {
        // The same pieces of memory go round: empty, read, hashed, empty again.
        let (give_back, empty) = mpsc::channel::<Vec<u8>>();
        let (was_read, to_hash) = mpsc::channel::<Vec<u8>>();
        let (was_hashed, to_write) = mpsc::channel::<Vec<u8>>();
        for _ in 0..PIECES {
            // The other end is held below.
            let _ = give_back.send(Vec::with_capacity(PIECE as usize));
        }
        let reader = scope.spawn(move || -> io::Result<()> {
            for mut piece in empty {
                piece.clear();
                (&file).take(PIECE).read_to_end(&mut piece)?;
                if piece.is_empty() || was_read.send(piece).is_err() {
                    break;
                }
            }
            Ok(())
        });
        let writer = scope.spawn(move || -> Result<Staged, VersioningError> {
            let mut unflushed = 0;
            for piece in to_write {
                staged.write_bytes(&piece)?;
                unflushed += piece.len() as u64;
                if unflushed >= FLUSHED {
                    // The disk has something to do meanwhile.
                    staged.flush_data()?;
                    unflushed = 0;
                }
                // The reader may have ended.
                let _ = give_back.send(piece);
            }
            Ok(staged)
        });
        let mut hasher = Hasher::new(kind);
        let mut length = 0;
        for piece in to_hash {
            let bytes = piece.len() as u64;
            hasher.update(&piece);
            length += bytes;
            report(Progress::Done { files: 0, bytes });
            if was_hashed.send(piece).is_err() {
                break;
            }
        }
        drop(was_hashed);
        let failed = |_| VersioningError::io(path)(io::Error::other("a thread failed"));
        let staged = writer.join().map_err(failed)??;
        let read = reader.join().map_err(failed)?;
        read.map_err(VersioningError::io(path))?;
        Ok((hasher.finish(), length, staged))
    })
}

/// The links that make an object of a file: one that leaves the file writable, unless links to the
/// same file are what the user wants. The right to execute would be lost by being the object.
fn into_cache(cache: &Cache, path: &Path) -> &'static [Link] {
    use std::os::unix::fs::PermissionsExt;
    let is_exec =
        || std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o111 != 0);
    match cache.links().first() {
        Some(Link::Hard) if !is_exec() => &[Link::Hard, Link::Reflink, Link::Copy],
        _ => &[Link::Reflink, Link::Copy],
    }
}

/// Whether objects can share their blocks with the files of a folder.
fn shares_blocks(cache: &Cache, folder: &Path) -> bool {
    match cache.links().first() {
        Some(Link::Hard) => true,
        _ => crate::plan::may_reflink(folder),
    }
}

fn changed(path: &Path) -> VersioningError {
    VersioningError::ChangedMeanwhile {
        path: path.to_path_buf(),
    }
}

/// The bytes of a small file, which must be as it was.
fn read_small(path: &Path, before: &Signature) -> Result<Vec<u8>, VersioningError> {
    let io = |error| VersioningError::io(path)(error);
    let size = usize::try_from(before.size).unwrap_or_default();
    // Room for one byte more, to see that it has grown.
    let mut bytes = vec![0; size + 1];
    let mut file = File::open(path).map_err(io)?;
    let mut length = 0;
    loop {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(io(error)),
        }
        // The times tell whether there is more; asking for it costs a call for each file.
        if length >= size {
            break;
        }
    }
    let after = Signature::of(&file.metadata().map_err(io)?);
    if length != size || !is_unchanged(before, &after) {
        return Err(changed(path));
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Whether a file that was read, `length` bytes of it, is still what it was before.
fn check_unchanged(path: &Path, before: &Signature, length: u64) -> Result<(), VersioningError> {
    let metadata = std::fs::metadata(path).map_err(VersioningError::io(path))?;
    if length == before.size && is_unchanged(before, &Signature::of(&metadata)) {
        Ok(())
    } else {
        Err(changed(path))
    }
}

/// Becoming an object's second name changes the inode, not the content.
fn is_unchanged(before: &Signature, after: &Signature) -> bool {
    after.modified == before.modified && after.inode == before.inode && after.size == before.size
}
