//! Many files made durable with few flushes.

mod folder;

use std::collections::btree_map::Entry::Vacant;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use folder::{Content, Entry, Folder};

use super::link::{self, first};
use super::step::{self, parent, step};
use super::temp::{self, Temp};
use super::{Link, Staged, create_dirs, sync_folder};
use crate::{DiskError, DiskErrorKind, DiskResult};

/// Up to so many files, or folders, are flushed one by one; more by one flush of their file system.
const ONE_BY_ONE: usize = 32;
/// So many folders are kept open: a shared cache has 256 of them, and a process may often have 1024 files.
const OPEN_FOLDERS: usize = 300;

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
/// reports its write errors) instead of one for each file. Folders that aren't there are filled aside, and
/// each is renamed with all its files at once. Killed on the way, some files are in place and whole, the
/// rest aren't there. Dropped before it is committed, it leaves nothing.
///
/// ```
/// # fn main() -> Result<(), mlops_disk::DiskError> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path();
/// use mlops_disk::{Batch, Existing};
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
    adopted: Vec<Adopted>,
    /// Where a new file is put, by the folder it is for.
    folders: HashMap<OsString, Arc<Folder>>,
    /// Folders that weren't there.
    staged: Vec<Arc<Folder>>,
    /// Folders made for the entries.
    made: Vec<PathBuf>,
    /// One open folder for each file system, opened before anything was written to it: the system
    /// reports a write error to those who were there when it happened.
    file_systems: BTreeMap<u64, (PathBuf, File)>,
    /// How many entries have content to flush.
    contents: usize,
    closed: bool,
}

/// A file that somebody else staged.
#[derive(Debug)]
struct Adopted {
    temp: Temp,
    dest: PathBuf,
    existing: Existing,
    content: Content,
}

impl Batch {
    /// A batch with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stages a file with this content; creates its folder if need be.
    ///
    /// # Errors
    /// As [`DiskError::io`] names them.
    pub fn stage(
        &self,
        dest: &Path,
        bytes: &[u8],
        mode: Option<u32>,
        existing: Existing,
    ) -> DiskResult<()> {
        let entry = self.enter(dest, |folder, name| {
            Entry::create(folder, name, mode, existing)
        })?;
        entry.step("write", |mut file| io::Write::write_all(&mut file, bytes))?;
        self.lock().push(entry);
        Ok(())
    }

    /// Starts a file for the folder of `dest`, which is created if need be; to be written and given to
    /// [`Batch::adopt`].
    ///
    /// # Errors
    /// As [`DiskError::io`] names them.
    pub fn start(&self, dest: &Path) -> DiskResult<Staged> {
        self.lock().folder(parent(dest), false)?;
        Staged::beside(dest)
    }

    /// Takes a written file into the batch. It must stand on the file system of `dest`, whose folder must
    /// be there.
    pub fn adopt(&self, staged: Staged, dest: &Path, existing: Existing) {
        let (file, temp) = staged.into_parts();
        let mut held = self.lock();
        let content = held.content(file);
        held.adopted.push(Adopted {
            temp,
            dest: dest.to_path_buf(),
            existing,
            content,
        });
    }

    /// Stages a link from `from` to `to`, of the first kind that is possible; says which.
    /// `mode` is for what has a mode of its own: reflinks and copies. With [`Existing::Keep`] the content of
    /// a hard link is flushed too: whoever wrote it may not have done so.
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
    ) -> DiskResult<Link> {
        let (kind, entry) = first(kinds, from, |kind| match kind {
            Link::Reflink | Link::Copy => {
                let source = File::open(from).map_err(|e| DiskError::io("read", from, e))?;
                self.duplicate(kind, &source, to, mode, existing)
            }
            Link::Hard | Link::Symbolic => self.enter(to, |folder, name| {
                let mut entry = Entry::link(kind, from, folder, name, existing)?;
                if kind == Link::Hard && existing == Existing::Keep {
                    let file = File::open(from).map_err(|e| DiskError::io("read", from, e))?;
                    entry.content = Content::File(file);
                }
                Ok(entry)
            }),
        })?;
        self.lock().push(entry);
        Ok(kind)
    }

    /// Stages a copy of an open file, read from where it stands.
    ///
    /// # Errors
    /// As [`DiskError::io`] names them.
    pub fn copy(
        &self,
        source: &File,
        to: &Path,
        mode: Option<u32>,
        existing: Existing,
    ) -> DiskResult<()> {
        let entry = self.duplicate(Link::Copy, source, to, mode, existing)?;
        self.lock().push(entry);
        Ok(())
    }

    fn duplicate(
        &self,
        kind: Link,
        source: &File,
        to: &Path,
        mode: Option<u32>,
        existing: Existing,
    ) -> DiskResult<Entry> {
        let entry = self.enter(to, |folder, name| {
            Entry::create(folder, name, mode, existing)
        })?;
        entry.step(link::doing(kind), |file| link::fill(kind, source, file))?;
        Ok(entry)
    }

    /// How many files are staged.
    pub fn len(&self) -> usize {
        let held = self.lock();
        held.entries.len() + held.adopted.len()
    }

    /// Whether nothing is staged.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Flushes the content, moves every file to its place, new folders first, then in the order of the
    /// paths; flushes the folders. Says how many files are new in their place.
    ///
    /// # Errors
    /// As [`DiskError::io`] names them. Files before the failing one are in place and whole, but may not
    /// survive a power cut; the others aren't there.
    pub fn commit(self) -> DiskResult<usize> {
        let mut held = self
            .held
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        held.flush_contents()?;
        let moved = held.move_in()?;
        held.flush_folders()?;
        Ok(moved)
    }

    /// Makes something in the folder of `dest`.
    fn enter(
        &self,
        dest: &Path,
        make: impl Fn(&Arc<Folder>, &OsStr) -> DiskResult<Entry>,
    ) -> DiskResult<Entry> {
        let folder = self.lock().folder(parent(dest), true)?;
        let name = dest.file_name().unwrap_or_default();
        match make(&folder, name) {
            // A second file of that name, for the file system at least: it goes there by itself.
            Err(error) if error.kind == DiskErrorKind::InTheWay && folder.is_staged() => {
                let folder = self.lock().folder(parent(dest), false)?;
                make(&folder, name)
            }
            other => other,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn by_file_system(count: usize) -> bool {
    cfg!(target_os = "linux") && count > ONE_BY_ONE
}

impl Held {
    /// The folder for new files; makes sure that its file system is watched before it is written to. If
    /// it isn't there, it may be made aside.
    fn folder(&mut self, path: &Path, aside: bool) -> DiskResult<Arc<Folder>> {
        let known = self.folders.get(path.as_os_str());
        if let Some(folder) = known.filter(|folder| aside || !folder.is_staged()) {
            return Ok(Arc::clone(folder));
        }
        let staging = if path.is_dir() {
            None
        } else if aside {
            let above = parent(path);
            if !above.is_dir() {
                self.made.extend(create_dirs(above)?);
            }
            let staging = temp::fresh(above);
            step("create the folder", path, || fs::create_dir(&staging))?;
            Some(staging)
        } else {
            self.made.extend(create_dirs(path)?);
            None
        };
        let at = staging.as_deref().unwrap_or(path);
        let named = |source| DiskError::io("open the folder", path, source);
        let opened = File::open(at).map_err(named)?;
        let device = opened.metadata().map_err(named)?.dev();
        if let Vacant(place) = self.file_systems.entry(device) {
            place.insert((path.to_path_buf(), opened.try_clone().map_err(named)?));
        }
        let opened = (self.folders.len() < OPEN_FOLDERS).then_some(opened);
        let folder = Arc::new(Folder::new(path, staging, opened));
        if folder.is_staged() {
            self.staged.push(Arc::clone(&folder));
        }
        self.folders
            .insert(path.as_os_str().to_os_string(), Arc::clone(&folder));
        Ok(folder)
    }

    fn push(&mut self, mut entry: Entry) {
        if let Content::File(file) = std::mem::replace(&mut entry.content, Content::None) {
            entry.content = self.content(file);
        }
        self.entries.push(entry);
    }

    /// Too many files to be kept open are flushed with their file systems from then on.
    fn content(&mut self, file: File) -> Content {
        self.contents += 1;
        if !by_file_system(self.contents) {
            return Content::File(file);
        }
        if !std::mem::replace(&mut self.closed, true) {
            let adopted = self.adopted.iter_mut().map(|adopted| &mut adopted.content);
            let own = self.entries.iter_mut().map(|entry| &mut entry.content);
            for content in own.chain(adopted) {
                if matches!(content, Content::File(_)) {
                    *content = Content::Closed;
                }
            }
        }
        Content::Closed
    }

    fn flush_contents(&self) -> DiskResult<()> {
        if self.closed {
            return self.flush_file_systems();
        }
        for entry in &self.entries {
            entry.step("flush", File::sync_all)?;
        }
        for adopted in &self.adopted {
            if let Content::File(file) = &adopted.content {
                step("flush", &adopted.dest, || file.sync_all())?;
            }
        }
        self.staged.iter().try_for_each(|folder| folder.flush())
    }

    fn move_in(&mut self) -> DiskResult<usize> {
        self.staged.sort_by(|a, b| a.path.cmp(&b.path));
        self.staged.iter().try_for_each(|folder| folder.move_in())?;
        let mut single: Vec<&mut Entry> = self
            .entries
            .iter_mut()
            .filter(|entry| !entry.folder.is_moved())
            .collect();
        single.sort_by(|a, b| (&a.folder.path, &a.name).cmp(&(&b.folder.path, &b.name)));
        let mut stayed = 0;
        for entry in single {
            // Someone may have made the folder meanwhile, so that it couldn't be moved as a whole.
            stayed += usize::from(!entry.move_in()?);
        }
        self.adopted.sort_by(|a, b| a.dest.cmp(&b.dest));
        for adopted in &mut self.adopted {
            stayed += usize::from(!adopted.move_in()?);
        }
        Ok(self.entries.len() + self.adopted.len() - stayed)
    }

    fn flush_folders(&self) -> DiskResult<()> {
        let above = self.made.iter().map(|made| parent(made));
        let adopted = self.adopted.iter().map(|adopted| parent(&adopted.dest));
        let staged = self.staged.iter().map(|folder| parent(&folder.path));
        let own = self.folders.values().chain(&self.staged);
        let own = own.filter(|folder| !folder.is_moved());
        let own = own.map(|folder| folder.path.as_path());
        let folders: BTreeSet<&Path> = above.chain(adopted).chain(staged).chain(own).collect();
        if by_file_system(folders.len()) {
            return self.flush_file_systems();
        }
        folders.into_iter().try_for_each(sync_folder)
    }

    fn flush_file_systems(&self) -> DiskResult<()> {
        for (folder, opened) in self.file_systems.values() {
            step("flush the file system", folder, || {
                flush_file_system(opened)
            })?;
        }
        Ok(())
    }
}

impl Adopted {
    /// Moves the file to its place; `false` if another stands there and stays.
    fn move_in(&mut self) -> DiskResult<bool> {
        match self.existing {
            Existing::Replace => step::rename(&self.temp.path, &self.dest)?,
            Existing::Keep if !step::rename_new(&self.temp.path, &self.dest)? => return Ok(false),
            Existing::Keep => {}
        }
        self.temp.release();
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
