//! Many files made durable with few flushes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::link::{duplicate, first, name_beside};
use super::step::{self, parent, step};
use super::temp::Temp;
use super::{Link, Staged, create_dirs, sync_folder};
use crate::{StoreError, StoreResult};

/// Up to so many files, or folders, are flushed one by one; more by one flush of their file system.
const ONE_BY_ONE: usize = 32;

/// What [`Batch::commit`] does where a file is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// The new file takes its place.
    #[default]
    Replace,
    /// It stays, and the new file is dropped: for content-addressed objects.
    Keep,
}

/// Files that are staged by many threads and then appear together.
///
/// [`Batch::commit`] flushes the content of all, renames each to its place, and flushes the folders: as
/// durable as one [`super::write_whole`] each, but with one flush of the file system (`syncfs`, which also
/// reports its write errors) instead of one for each file. Killed on the way, some files are in place and
/// whole, the rest aren't there. Dropped before it is committed, it leaves nothing.
///
/// ```
/// # fn main() -> Result<(), mlops_store::StoreError> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path();
/// use mlops_store::disk::{Batch, Existing};
/// let batch = Batch::new();
/// for n in 0..3 {
///     batch.stage(&folder.join(format!("part/{n}")), b"content", Some(0o444), Existing::Keep)?;
/// }
/// assert_eq!(batch.commit()?, 3);
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
pub struct Batch {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    entries: Vec<Entry>,
    /// Folders made for the entries.
    made: Vec<PathBuf>,
    /// Folders of the entries.
    folders: BTreeSet<PathBuf>,
    /// One open folder for each file system, opened before anything was written to it: the system
    /// reports a write error to those who were there when it happened.
    file_systems: BTreeMap<u64, (PathBuf, File)>,
    /// How many entries have content to flush.
    contents: usize,
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    temp: Temp,
    dest: PathBuf,
    existing: Existing,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// Flushed by itself. Kept open for the same reason as the file systems.
    File(File),
    /// Flushed with its file system: too many to be kept open.
    Closed,
    /// A link has none of its own.
    None,
}

impl Batch {
    /// A batch with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stages a file with this content; creates its folder if need be.
    ///
    /// # Errors
    /// As [`StoreError::io`] names them.
    pub fn stage(
        &self,
        dest: &Path,
        bytes: &[u8],
        mode: Option<u32>,
        existing: Existing,
    ) -> StoreResult<()> {
        let mut staged = self.start(dest)?;
        staged.write_bytes(bytes)?;
        if let Some(mode) = mode {
            staged.set_mode(mode)?;
        }
        self.adopt(staged, dest, existing);
        Ok(())
    }

    /// Starts a file for the folder of `dest`, which is created if need be; to be written and given to
    /// [`Batch::adopt`].
    ///
    /// # Errors
    /// As [`StoreError::io`] names them.
    pub fn start(&self, dest: &Path) -> StoreResult<Staged> {
        self.enter(parent(dest))?;
        Staged::beside(dest)
    }

    /// Takes a written file into the batch. It must stand in the folder of `dest`.
    pub fn adopt(&self, staged: Staged, dest: &Path, existing: Existing) {
        let (file, temp) = staged.into_parts();
        self.push(temp, dest, existing, Content::File(file));
    }

    /// Stages a link from `from` to `to`, of the first kind that is possible; says which.
    /// `mode` is for what has a mode of its own: reflinks and copies.
    ///
    /// # Errors
    /// As [`super::link_first`].
    pub fn link(
        &self,
        kinds: &[Link],
        from: &Path,
        to: &Path,
        mode: Option<u32>,
        existing: Existing,
    ) -> StoreResult<Link> {
        self.enter(parent(to))?;
        let (kind, (temp, content)) = first(kinds, from, |kind| match kind {
            Link::Reflink | Link::Copy => {
                let mut staged = duplicate(kind, from, to)?;
                if let Some(mode) = mode {
                    staged.set_mode(mode)?;
                }
                let (file, temp) = staged.into_parts();
                Ok((temp, Content::File(file)))
            }
            Link::Hard | Link::Symbolic => Ok((name_beside(kind, from, to)?, Content::None)),
        })?;
        self.push(temp, to, existing, content);
        Ok(kind)
    }

    /// How many files are staged.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether nothing is staged.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Flushes the content, moves every file to its place in the order of the paths, flushes the folders.
    /// Says how many files are new in their place.
    ///
    /// # Errors
    /// As [`StoreError::io`] names them. Files before the failing one are in place and whole, but may not
    /// survive a power cut; the others aren't there.
    pub fn commit(self) -> StoreResult<usize> {
        let mut held = self
            .held
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        held.entries.sort_by(|a, b| a.dest.cmp(&b.dest));
        held.flush_contents()?;
        let mut moved = 0;
        for entry in &mut held.entries {
            moved += usize::from(entry.move_in()?);
        }
        held.flush_folders()?;
        Ok(moved)
    }

    /// Makes sure that a folder is there, and that its file system is watched, before it is written to.
    fn enter(&self, folder: &Path) -> StoreResult<()> {
        if self.lock().folders.contains(folder) {
            return Ok(());
        }
        let made = if folder.is_dir() {
            Vec::new()
        } else {
            create_dirs(folder)?
        };
        let named = |source| StoreError::io("open the folder", folder, source);
        let opened = File::open(folder).map_err(named)?;
        let device = opened.metadata().map_err(named)?.dev();
        let mut held = self.lock();
        held.made.extend(made);
        held.folders.insert(folder.to_path_buf());
        held.file_systems
            .entry(device)
            .or_insert_with(|| (folder.to_path_buf(), opened));
        Ok(())
    }

    fn push(&self, temp: Temp, dest: &Path, existing: Existing, content: Content) {
        let mut held = self.lock();
        let mut content = content;
        if matches!(content, Content::File(_)) {
            held.contents += 1;
            if by_file_system(held.contents) {
                held.close_files();
                content = Content::Closed;
            }
        }
        held.entries.push(Entry {
            temp,
            dest: dest.to_path_buf(),
            existing,
            content,
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn by_file_system(count: usize) -> bool {
    cfg!(target_os = "linux") && count > ONE_BY_ONE
}

impl Held {
    /// Too many to be kept open: from now on they are flushed with their file systems.
    fn close_files(&mut self) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        for entry in &mut self.entries {
            if matches!(entry.content, Content::File(_)) {
                entry.content = Content::Closed;
            }
        }
    }

    fn flush_contents(&self) -> StoreResult<()> {
        for entry in &self.entries {
            if let Content::File(file) = &entry.content {
                step("flush", &entry.dest, || file.sync_all())?;
            }
        }
        if self.closed {
            self.flush_file_systems()?;
        }
        Ok(())
    }

    fn flush_folders(&self) -> StoreResult<()> {
        let above = self.made.iter().map(|made| parent(made));
        let folders: BTreeSet<&Path> = self
            .folders
            .iter()
            .map(PathBuf::as_path)
            .chain(above)
            .collect();
        if by_file_system(folders.len()) {
            return self.flush_file_systems();
        }
        folders.into_iter().try_for_each(sync_folder)
    }

    fn flush_file_systems(&self) -> StoreResult<()> {
        for (folder, opened) in self.file_systems.values() {
            step("flush the file system", folder, || {
                flush_file_system(opened)
            })?;
        }
        Ok(())
    }
}

impl Entry {
    /// Moves the file to its place; `false` if another stands there and stays.
    fn move_in(&mut self) -> StoreResult<bool> {
        match self.existing {
            Existing::Replace => step::rename(&self.temp.path, &self.dest)?,
            Existing::Keep if !step::rename_new(&self.temp.path, &self.dest)? => return Ok(false),
            Existing::Keep => {}
        }
        // A hard link renamed onto another name of its own file is still there, and goes when dropped.
        if !matches!(self.content, Content::None) {
            self.temp.release();
        }
        Ok(true)
    }
}

#[cfg(target_os = "linux")]
fn flush_file_system(folder: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(folder)?)
}

#[cfg(not(target_os = "linux"))]
fn flush_file_system(_folder: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
