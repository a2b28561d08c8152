//! The objects of a repository: contents under the names of their hashes, as DVC lays them out.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mlops_disk::{self as disk, Batch, Existing, Link, Staged};
use rayon::prelude::*;

use crate::VersioningError;
use crate::manifest::Manifest;
use crate::presence::Presence;
use crate::state;
use mlops_repository::{Checksum, Config, HashKind, ObjectId, hash};

/// Objects that are whole and verified have this mode; DVC trusts it, and so do we.
pub const PROTECTED: u32 = 0o444;
/// Folders of a shared cache have this mode: the group may write, and what is made in them belongs to it.
const SHARED: u32 = 0o2775;
/// 2⁶⁴ divided by the golden ratio: spreads what it is multiplied with over all bits.
const MIXER: u64 = 0x9e37_79b9_7f4a_7c15;
/// More names than this are looked up by listing folders.
const LIST_FROM: usize = 256;

/// A folder of objects.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
    links: Vec<Link>,
    /// Whether the members of its group share it (`cache.shared = group`).
    is_shared: bool,
}

impl Cache {
    /// The cache that a configuration names; `.dvc/cache` if it names none.
    pub fn of(config: &Config, dvc: &Path) -> Cache {
        let links = config
            .cache_types()
            .iter()
            .filter_map(|kind| match kind.as_str() {
                "reflink" => Some(Link::Reflink),
                "hardlink" => Some(Link::Hard),
                "symlink" => Some(Link::Symbolic),
                "copy" => Some(Link::Copy),
                _ => None,
            })
            .collect();
        Cache {
            root: config.cache_dir().unwrap_or_else(|| dvc.join("cache")),
            links,
            is_shared: config.get("cache", "shared").is_some(),
        }
    }

    /// Opens the folders of a shared cache to its group, as DVC does: others put objects into them, and new folders
    /// belong to the same group. Those of other people are theirs to open.
    ///
    /// # Errors
    /// If the system refuses for another reason than that.
    pub fn share(&self) -> Result<(), VersioningError> {
        let runs = self.root.join("runs");
        let mut folders = vec![
            self.root.clone(),
            self.root.join("files"),
            self.folder(HashKind::Md5),
            runs.clone(),
        ];
        if self.is_shared {
            for above in [self.folder(HashKind::Md5), self.root.clone(), runs] {
                let hashes = (0..=u8::MAX).map(|prefix| above.join(format!("{prefix:02x}")));
                folders.extend(hashes);
            }
        }
        self.share_folders(&folders)
    }

    /// The same of these folders only.
    ///
    /// # Errors
    /// As [`share`](Cache::share).
    pub fn share_folders(&self, folders: &[PathBuf]) -> Result<(), VersioningError> {
        for folder in folders.iter().filter(|_| self.is_shared) {
            let mode = std::fs::metadata(folder).map(|metadata| metadata.mode() & 0o7777);
            if mode.is_ok_and(|mode| mode != SHARED) {
                match disk::set_mode(folder, SHARED) {
                    Err(error) if error.kind != disk::DiskErrorKind::Denied => {
                        return Err(error.into());
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The folder, of which 2.x objects and the run cache lie directly in it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How objects come into the workspace, in the order to be tried.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The folder of objects of one kind.
    pub fn folder(&self, kind: HashKind) -> PathBuf {
        match kind {
            HashKind::Md5 => self.root.join("files").join("md5"),
            HashKind::Md5Dos2Unix => self.root.clone(),
        }
    }

    /// Where an object lies, or would.
    pub fn path(&self, id: &ObjectId) -> PathBuf {
        let mut path = self.folder(id.kind);
        let name = id.to_string();
        path.push(&name[..2]);
        path.push(&name[2..]);
        path
    }

    /// Starts an object whose name, and with it its folder, isn't known before it is written.
    pub(crate) fn start(&self, batch: &Batch, kind: HashKind) -> Result<Staged, VersioningError> {
        Ok(batch.start(&self.folder(kind).join("new"))?)
    }

    /// Gives it its name, once the batch is committed.
    pub(crate) fn adopt(
        &self,
        batch: &Batch,
        mut staged: Staged,
        id: &ObjectId,
    ) -> Result<(), VersioningError> {
        staged.set_mode(PROTECTED)?;
        let path = self.path(id);
        disk::create_dir_all(path.parent().unwrap_or(&self.root))?;
        batch.adopt(staged, &path, Existing::Keep);
        Ok(())
    }

    /// Whether an object is there.
    pub fn has(&self, id: &ObjectId) -> bool {
        self.path(id).is_file()
    }

    /// Whether each of the objects is there, in their order.
    pub fn has_each(&self, ids: &[ObjectId]) -> Vec<bool> {
        if ids.len() < LIST_FROM {
            return ids.iter().map(|id| self.has(id)).collect();
        }
        let mut prefixes: Vec<(HashKind, u8)> =
            ids.iter().map(|id| (id.kind, id.checksum.0[0])).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        let there: HashSet<ObjectId> = prefixes
            .into_par_iter()
            .flat_map_iter(|(kind, prefix)| self.list_prefix(kind, prefix).unwrap_or_default())
            .collect();
        ids.par_iter().map(|id| there.contains(id)).collect()
    }

    /// The names of all files' contents of one kind.
    pub(crate) fn checksums(&self, kind: HashKind) -> HashSet<Checksum> {
        (0..=u8::MAX)
            .into_par_iter()
            .flat_map_iter(|prefix| self.list_prefix(kind, prefix).unwrap_or_default())
            .filter(|id| !id.dir)
            .map(|id| id.checksum)
            .collect()
    }

    /// What the folders of objects look like now. One that was changed so short ago that the next change
    /// may give the same time isn't known.
    pub(crate) fn presence(&self, kind: HashKind) -> Presence {
        let now = state::now();
        let folder = self.folder(kind);
        Presence::of(|prefix| {
            let metadata = std::fs::metadata(folder.join(format!("{prefix:02x}")));
            let (time, inode) = metadata.map_or((0, 0), |metadata| {
                let time = metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec();
                (time, metadata.ino())
            });
            if inode != 0 && !state::is_settled(time, now) {
                return 0;
            }
            let mixed = (time.cast_unsigned().rotate_left(5) ^ inode).wrapping_mul(MIXER);
            mixed.max(1)
        })
    }

    /// All objects of one kind.
    ///
    /// # Errors
    /// If the system refuses: what can't be listed must not pass for sound, or for garbage.
    pub fn list(&self, kind: HashKind) -> Result<Vec<ObjectId>, VersioningError> {
        let prefixes: Result<Vec<_>, _> = (0..=u8::MAX)
            .into_par_iter()
            .map(|prefix| self.list_prefix(kind, prefix))
            .collect();
        let mut ids = prefixes?.concat();
        ids.par_sort_unstable();
        Ok(ids)
    }

    /// The objects whose name begins with a byte; a folder that isn't there has none.
    fn list_prefix(&self, kind: HashKind, prefix: u8) -> Result<Vec<ObjectId>, VersioningError> {
        let start = format!("{prefix:02x}");
        let folder = self.folder(kind).join(&start);
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(VersioningError::io(folder)(error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(VersioningError::io(&folder))?.file_name();
            let name = name.to_str().map(|rest| format!("{start}{rest}"));
            ids.extend(name.and_then(|name| ObjectId::parse(kind, &name)));
        }
        Ok(ids)
    }

    /// Reads a folder's manifest, and checks that it is what its name says.
    ///
    /// # Errors
    /// [`VersioningError::Missing`] or [`VersioningError::Corrupt`], or the system's refusal.
    pub fn manifest(&self, id: &ObjectId) -> Result<Manifest, VersioningError> {
        let path = self.path(id);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(VersioningError::Missing {
                    objects: vec![id.to_string()],
                    place: "the cache".into(),
                    advice: crate::PULL,
                });
            }
            Err(error) => return Err(VersioningError::io(path)(error)),
        };
        let found = Checksum::of(&bytes);
        if found != id.checksum {
            return Err(corrupt(&path, id.checksum, found));
        }
        Manifest::read(&bytes, &path)
    }

    /// Checks an object that nobody has checked yet (its mode says so), and protects it.
    ///
    /// # Errors
    /// [`VersioningError::Corrupt`] if it isn't what its name says, or the system's refusal.
    pub fn check_unprotected(&self, id: &ObjectId) -> Result<(), VersioningError> {
        let path = self.path(id);
        let metadata = std::fs::metadata(&path).map_err(VersioningError::io(&path))?;
        self.check_unless_protected(id, &path, &metadata)
    }

    /// The same for one that is going to be read: opens it.
    ///
    /// # Errors
    /// As [`check_unprotected`](Cache::check_unprotected).
    pub(crate) fn open_checked(&self, id: &ObjectId) -> Result<File, VersioningError> {
        let path = self.path(id);
        let file = File::open(&path).map_err(VersioningError::io(&path))?;
        let metadata = file.metadata().map_err(VersioningError::io(&path))?;
        self.check_unless_protected(id, &path, &metadata)?;
        Ok(file)
    }

    fn check_unless_protected(
        &self,
        id: &ObjectId,
        path: &Path,
        metadata: &Metadata,
    ) -> Result<(), VersioningError> {
        if metadata.permissions().mode() & 0o777 != PROTECTED {
            self.check(id)?;
            self.protect(path);
        }
        Ok(())
    }

    /// Hashes an object.
    ///
    /// # Errors
    /// [`VersioningError::Corrupt`] if it isn't what its name says, or the system's refusal.
    pub fn check(&self, id: &ObjectId) -> Result<u64, VersioningError> {
        let path = self.path(id);
        // A manifest's name is the hash of its bytes as they are, in 2.x too.
        let kind = if id.dir { HashKind::Md5 } else { id.kind };
        let (found, size) = hash::hash_file(kind, &path).map_err(VersioningError::io(&path))?;
        if found == id.checksum {
            Ok(size)
        } else {
            Err(corrupt(&path, id.checksum, found))
        }
    }

    /// Takes the right to write away. On file systems without modes nothing can be done, and DVC does nothing.
    pub fn protect(&self, path: &Path) {
        // Refused for an object of somebody else's in a shared cache: it stays checked each time.
        drop(disk::set_mode(path, PROTECTED));
    }
}

fn corrupt(path: &Path, expected: Checksum, found: Checksum) -> VersioningError {
    VersioningError::Corrupt {
        place: path.display().to_string(),
        expected: expected.to_string(),
        found: found.to_string(),
        advice: "run `verify --repair` to fetch it again".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache {
            root: folder.path().to_path_buf(),
            links: vec![Link::Copy],
            is_shared: false,
        };
        (folder, cache)
    }

    fn put(cache: &Cache, kind: HashKind, content: &[u8], name: &[u8], dir: bool) -> ObjectId {
        let id = ObjectId {
            kind,
            checksum: Checksum::of(name),
            dir,
        };
        let path = cache.path(&id);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        id
    }

    #[test]
    fn folders_of_a_shared_cache_are_opened_to_the_group() {
        let (_folder, mut cache) = cache();
        let id = put(&cache, HashKind::Md5, b"foo", b"foo", false);
        let run = cache.root().join("runs/ab").join("a".repeat(64));
        std::fs::create_dir_all(&run).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o7777;
        let before = mode(&run);
        cache.share().unwrap();
        assert_eq!(mode(&run), before, "nobody asked for it");
        cache.is_shared = true;
        cache.share().unwrap();
        cache.share_folders(std::slice::from_ref(&run)).unwrap();
        let object = cache.path(&id);
        for folder in [
            cache.root(),
            object.parent().unwrap(),
            run.parent().unwrap(),
            &run,
        ] {
            assert_eq!(mode(folder), SHARED, "{}", folder.display());
        }
    }

    #[test]
    fn objects_lie_where_dvc_puts_them() {
        let (_folder, cache) = cache();
        let path = |kind, text| {
            let path = cache.path(&ObjectId::parse(kind, text).unwrap());
            path.strip_prefix(cache.root())
                .unwrap()
                .display()
                .to_string()
        };
        let foo = "acbd18db4cc2f85cedef654fccc4a4d8";
        assert_eq!(
            path(HashKind::Md5, foo),
            "files/md5/ac/bd18db4cc2f85cedef654fccc4a4d8"
        );
        assert_eq!(
            path(HashKind::Md5Dos2Unix, foo),
            "ac/bd18db4cc2f85cedef654fccc4a4d8"
        );
        let dir = "5ea40360f5b4ec688df672a4db9c17d1.dir";
        assert_eq!(
            path(HashKind::Md5, dir),
            "files/md5/5e/a40360f5b4ec688df672a4db9c17d1.dir"
        );
    }

    #[test]
    fn many_are_found_as_few_are() {
        let (_folder, cache) = cache();
        let ids: Vec<ObjectId> = (0..2 * LIST_FROM)
            .map(|n| ObjectId::file(HashKind::Md5, Checksum::of(n.to_string().as_bytes())))
            .collect();
        for (n, _) in ids.iter().enumerate().filter(|(n, _)| n % 3 == 0) {
            put(&cache, HashKind::Md5, b"", n.to_string().as_bytes(), false);
        }
        let found = cache.has_each(&ids);
        let few: Vec<bool> = ids.iter().map(|id| cache.has(id)).collect();
        assert_eq!(found, few);
        assert_eq!(
            cache.list(HashKind::Md5).unwrap().len(),
            few.iter().filter(|has| **has).count()
        );
    }

    #[test]
    fn an_object_that_is_not_what_its_name_says_is_found_out_unless_protected() {
        let (_folder, cache) = cache();
        let good = put(&cache, HashKind::Md5, b"foo", b"foo", false);
        cache.check_unprotected(&good).unwrap();
        let mode = std::fs::metadata(cache.path(&good))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, PROTECTED);
        let bad = put(&cache, HashKind::Md5, b"foo", b"bar", false);
        assert!(matches!(
            cache.check_unprotected(&bad),
            Err(VersioningError::Corrupt { .. })
        ));
        cache.protect(&cache.path(&bad));
        cache.check_unprotected(&bad).unwrap();
        cache.check(&bad).unwrap_err();
    }

    #[test]
    fn a_torn_manifest_is_not_believed() {
        let (_folder, cache) = cache();
        let id = put(&cache, HashKind::Md5, b"[", b"[]", true);
        assert!(matches!(
            cache.manifest(&id),
            Err(VersioningError::Corrupt { .. })
        ));
        let id = put(&cache, HashKind::Md5, b"[]", b"[]", true);
        assert_eq!(cache.manifest(&id).unwrap(), Manifest::default());
    }
}
