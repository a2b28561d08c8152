//! A folder that a batch writes to, and the files on their way into it.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawMode};

use super::Existing;
use crate::step::{self, between_points, step};
use crate::{DiskError, DiskErrorKind, DiskResult};
use crate::{Link, link, sync_folder, temp};

/// A folder that files are meant for.
///
/// One that isn't there yet is filled under a temporary name, with its files under their own names, and
/// moved to its place as a whole: one step instead of one for each file.
#[derive(Debug)]
pub(super) struct Folder {
    /// Where it belongs.
    pub path: PathBuf,
    /// Where it is filled, if it wasn't there.
    staging: Option<PathBuf>,
    /// The open folder: the system then needn't look for it again for every file.
    opened: Option<File>,
    /// Bits of the mode that files were seen to get when created with them: a umask or an ACL may take some.
    given: AtomicU32,
    /// Whether it has gone to its place as a whole.
    moved: AtomicBool,
}

impl Folder {
    pub(super) fn new(path: &Path, staging: Option<PathBuf>, opened: Option<File>) -> Folder {
        Folder {
            path: path.to_path_buf(),
            staging,
            opened,
            given: AtomicU32::new(0),
            moved: AtomicBool::new(false),
        }
    }

    pub(super) fn is_staged(&self) -> bool {
        self.staging.is_some()
    }

    pub(super) fn is_moved(&self) -> bool {
        self.moved.load(Ordering::Relaxed)
    }

    /// Where its files are until the batch is committed.
    fn place(&self) -> &Path {
        self.staging.as_deref().unwrap_or(&self.path)
    }

    /// Flushes the names in a folder that is to be moved.
    pub(super) fn flush(&self) -> DiskResult<()> {
        self.staging.as_deref().map_or(Ok(()), sync_folder)
    }

    /// Moves it to its place as a whole, unless something stands there by now.
    pub(super) fn move_in(&self) -> DiskResult<()> {
        let Some(staging) = &self.staging else {
            return Ok(());
        };
        match step("rename", &self.path, || fs::rename(staging, &self.path)) {
            Ok(()) => self.moved.store(true, Ordering::Relaxed),
            Err(error)
                if matches!(
                    error.kind,
                    DiskErrorKind::InTheWay | DiskErrorKind::WrongType
                ) => {}
            Err(other) => return Err(other),
        }
        Ok(())
    }

    /// A file of it, as system calls take it.
    fn at<'a>(&'a self, name: &'a OsStr) -> (BorrowedFd<'a>, Cow<'a, Path>) {
        match &self.opened {
            Some(opened) => (opened.as_fd(), Path::new(name).into()),
            None => (CWD, self.place().join(name).into()),
        }
    }

    fn create(&self, name: &OsStr, mode: Option<u32>) -> io::Result<File> {
        let (folder, path) = self.at(name);
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        #[allow(clippy::unnecessary_cast)] // its type differs between systems
        let wanted = Mode::from_raw_mode(mode.unwrap_or(0o666) as RawMode);
        Ok(rustix::fs::openat(folder, &*path, flags, wanted)?.into())
    }

    fn link(&self, kind: Link, from: &Path, name: &OsStr) -> io::Result<()> {
        let (folder, path) = self.at(name);
        if kind == Link::Hard {
            rustix::fs::linkat(CWD, from, folder, &*path, AtFlags::empty())?;
        } else {
            rustix::fs::symlinkat(from, folder, &*path)?;
        }
        Ok(())
    }

    fn remove(&self, name: &OsStr) -> io::Result<()> {
        let (folder, path) = self.at(name);
        Ok(rustix::fs::unlinkat(folder, &*path, AtFlags::empty())?)
    }

    /// Whether a file that was created here with this mode needs to be given it once more.
    fn needs_mode(&self, file: &File, mode: u32) -> io::Result<bool> {
        if mode & !self.given.load(Ordering::Relaxed) == 0 {
            return Ok(false);
        }
        let got = file.metadata()?.permissions().mode() & 0o7777;
        if got == mode {
            self.given.fetch_or(mode, Ordering::Relaxed);
        }
        Ok(got != mode)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(staging) = self.staging.as_ref().filter(|_| !self.is_moved()) {
            // Empty: its files, which keep it alive, have gone before it.
            let _ = between_points("remove the folder", || fs::remove_dir(staging));
        }
    }
}

/// A file of a batch. Dropped before it is in its place, it is removed.
#[derive(Debug)]
pub(super) struct Entry {
    pub folder: Arc<Folder>,
    pub name: OsString,
    /// Its name until then; without, it has its own already, in a folder that isn't in its place.
    temporary: Option<OsString>,
    existing: Existing,
    pub content: Content,
    placed: bool,
}

#[derive(Debug)]
pub(super) enum Content {
    /// Flushed by itself. Kept open, since the system reports a write error to those who were there when
    /// it happened.
    File(File),
    /// Flushed with its file system: too many to be kept open.
    Closed,
    /// A link has none of its own.
    None,
}

impl Entry {
    /// Starts a file in a folder.
    pub(super) fn create(
        folder: &Arc<Folder>,
        name: &OsStr,
        mode: Option<u32>,
        existing: Existing,
    ) -> DiskResult<Entry> {
        let make = |name: &OsStr| folder.create(name, mode).map(Content::File);
        let entry = Entry::new(folder, name, existing, "create a temporary file", make)?;
        if let (Some(mode), Content::File(file)) = (mode, &entry.content)
            && entry.said("look at", folder.needs_mode(file, mode))?
        {
            let mode = fs::Permissions::from_mode(mode);
            entry.step("set the mode", |file| file.set_permissions(mode))?;
        }
        Ok(entry)
    }

    /// Makes a link to a file in a folder.
    pub(super) fn link(
        kind: Link,
        from: &Path,
        folder: &Arc<Folder>,
        name: &OsStr,
        existing: Existing,
    ) -> DiskResult<Entry> {
        let make = |name: &OsStr| folder.link(kind, from, name).map(|()| Content::None);
        Entry::new(folder, name, existing, link::doing(kind), make).map_err(link::refused_links)
    }

    fn new(
        folder: &Arc<Folder>,
        name: &OsStr,
        existing: Existing,
        doing: &'static str,
        make: impl FnOnce(&OsStr) -> io::Result<Content>,
    ) -> DiskResult<Entry> {
        let temporary = (!folder.is_staged()).then(|| OsString::from(temp::fresh_name()));
        let content = between_points(doing, || make(temporary.as_deref().unwrap_or(name)))
            .map_err(|error| DiskError::io(doing, &folder.path.join(name), error))?;
        Ok(Entry {
            folder: Arc::clone(folder),
            name: name.to_os_string(),
            temporary,
            existing,
            content,
            placed: false,
        })
    }

    /// Takes a step on its content.
    pub(super) fn step(
        &self,
        doing: &'static str,
        act: impl FnOnce(&File) -> io::Result<()>,
    ) -> DiskResult<()> {
        match &self.content {
            Content::File(file) => self.said(doing, between_points(doing, || act(file))),
            Content::Closed | Content::None => Ok(()),
        }
    }

    fn said<T>(&self, doing: &'static str, done: io::Result<T>) -> DiskResult<T> {
        done.map_err(|error| DiskError::io(doing, &self.folder.path.join(&self.name), error))
    }

    fn now(&self) -> &OsStr {
        self.temporary.as_deref().unwrap_or(&self.name)
    }

    /// Moves it to its place by itself; `false` if another stands there and stays.
    pub(super) fn move_in(&mut self) -> DiskResult<bool> {
        let from = self.folder.place().join(self.now());
        let to = self.folder.path.join(&self.name);
        match self.existing {
            Existing::Replace => step::rename(&from, &to)?,
            Existing::Keep if !step::rename_new(&from, &to)? => return Ok(false),
            Existing::Keep => {}
        }
        // A hard link renamed onto another name of its own file is still there, and goes when dropped.
        self.placed = !matches!(self.content, Content::None);
        Ok(true)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.placed && !self.folder.is_moved() {
            let _ = between_points("remove", || self.folder.remove(self.now()));
        }
    }
}
