//! Names of content: MD5 as DVC computes it, of a file's bytes.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use md5::{Digest, Md5};

use crate::yaml::Value;

/// How much is read at once. The 2.x hash is defined in pieces of this size.
const PIECE: usize = 1 << 20;
/// What the 2.x hash looks at to tell text from binary.
const LOOKED_AT: usize = 512;

/// Which bytes are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum HashKind {
    /// The bytes as they are: `hash: md5` of DVC 3.
    #[default]
    Md5,
    /// Text with `\r\n` read as `\n`: DVC 2, whose entries have no `hash`.
    Md5Dos2Unix,
}

/// 16 bytes of MD5.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum(pub [u8; 16]);

impl Checksum {
    /// Reads 32 hex digits of either case.
    pub fn parse(text: &str) -> Option<Checksum> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        Some(Checksum(bytes))
    }

    /// The checksum of bytes at hand.
    pub fn of(bytes: &[u8]) -> Checksum {
        Checksum(Md5::digest(bytes).into())
    }

    /// 32 lower-case hex digits.
    pub fn hex(&self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = self.hex();
        f.write_str(std::str::from_utf8(&hex).unwrap_or_default())
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Name of an object: a file's content, or a folder's manifest (`….dir`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// Which bytes were hashed; says where the object lies.
    pub kind: HashKind,
    /// Their checksum.
    pub checksum: Checksum,
    /// Whether it is a folder's manifest.
    pub dir: bool,
}

impl ObjectId {
    /// The name of a file's content.
    pub fn file(kind: HashKind, checksum: Checksum) -> ObjectId {
        ObjectId {
            kind,
            checksum,
            dir: false,
        }
    }

    /// Reads an `md5` of a file: none if it is empty. Of 32 digits without a letter, YAML makes a number.
    ///
    /// # Errors
    /// What it is, if it is no hash.
    pub fn read(kind: HashKind, value: &Value) -> Result<Option<ObjectId>, String> {
        let text = match value {
            Value::Null => return Ok(None),
            Value::Text(text) if text.is_empty() => return Ok(None),
            Value::Text(text) => text.clone(),
            Value::Integer(number) => format!("{number:032}"),
            other => other.kind().to_string(),
        };
        let id = ObjectId::parse(kind, &text);
        id.map(Some).ok_or_else(|| format!("{text:?}"))
    }

    /// Reads `<32 hex digits>` or `<32 hex digits>.dir`.
    pub fn parse(kind: HashKind, text: &str) -> Option<ObjectId> {
        let (digits, dir) = match text.strip_suffix(".dir") {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        Checksum::parse(digits).map(|checksum| ObjectId {
            kind,
            checksum,
            dir,
        })
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.checksum, if self.dir { ".dir" } else { "" })
    }
}

/// Hashes piece by piece.
#[derive(Clone)]
pub struct Hasher {
    kind: HashKind,
    md5: Md5,
}

impl Hasher {
    /// Nothing hashed yet.
    pub fn new(kind: HashKind) -> Hasher {
        Hasher {
            kind,
            md5: Md5::new(),
        }
    }

    /// Hashes the next piece. The 2.x hash needs pieces of 1 MiB (the last may be shorter).
    pub fn update(&mut self, piece: &[u8]) {
        match self.kind {
            HashKind::Md5 => self.md5.update(piece),
            HashKind::Md5Dos2Unix if is_text(&piece[..piece.len().min(LOOKED_AT)]) => {
                self.update_unix(piece);
            }
            HashKind::Md5Dos2Unix => self.md5.update(piece),
        }
    }

    fn update_unix(&mut self, mut piece: &[u8]) {
        while let Some(at) = piece.windows(2).position(|pair| pair == b"\r\n") {
            self.md5.update(&piece[..at]);
            self.md5.update(b"\n");
            piece = &piece[at + 2..];
        }
        self.md5.update(piece);
    }

    /// The checksum of all pieces.
    pub fn finish(self) -> Checksum {
        Checksum(self.md5.finalize().into())
    }
}

/// DVC's guess: no NUL, and at most 30 % of the bytes outside printable ASCII and white space.
fn is_text(block: &[u8]) -> bool {
    let odd = block
        .iter()
        .filter(|byte| !matches!(byte, 32..=126 | b'\n' | b'\r' | b'\t' | 0x0c | 0x08))
        .count();
    block.is_empty() || (!block.contains(&0) && odd as f64 / block.len() as f64 <= 0.30)
}

/// The checksum and length in bytes of all that a reader gives; `seen` gets each piece.
///
/// # Errors
/// The reader's, or those of `seen`.
pub fn hash_reader(
    kind: HashKind,
    reader: &mut impl Read,
    mut seen: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<(Checksum, u64)> {
    let mut hasher = Hasher::new(kind);
    let mut piece = Vec::new();
    let mut length = 0;
    loop {
        piece.clear();
        reader.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok((hasher.finish(), length));
        }
        hasher.update(&piece);
        seen(&piece)?;
        length += piece.len() as u64;
    }
}

/// The checksum and length in bytes of a file.
///
/// # Errors
/// If the system refuses it.
pub fn hash_file(kind: HashKind, path: &Path) -> io::Result<(Checksum, u64)> {
    hash_reader(kind, &mut File::open(path)?, |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(kind: HashKind, bytes: &[u8]) -> String {
        let (checksum, length) = hash_reader(kind, &mut &bytes[..], |_| Ok(())).unwrap();
        assert_eq!(length, bytes.len() as u64);
        checksum.to_string()
    }

    #[test]
    fn hashes_are_those_of_dvc() {
        assert_eq!(
            hash(HashKind::Md5, b"a\r\nb\r\n"),
            "59b0d7772f0561efb95518f3cb8abc60"
        );
        assert_eq!(
            hash(HashKind::Md5Dos2Unix, b"a\r\nb\r\n"),
            "dd8c6a395b5dd36c56d23275028f526c"
        );
        assert_eq!(
            hash(HashKind::Md5, b"foo"),
            "acbd18db4cc2f85cedef654fccc4a4d8"
        );
        assert_eq!(hash(HashKind::Md5, b""), "d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn line_ends_of_binary_files_are_kept_in_the_2x_hash() {
        let binary = b"a\r\n\0b\r\n";
        assert_eq!(
            hash(HashKind::Md5Dos2Unix, binary),
            hash(HashKind::Md5, binary)
        );
        let odd: Vec<u8> = [vec![0xff; 31], vec![b'\r', b'\n'], vec![b'a'; 67]].concat();
        assert_eq!(
            hash(HashKind::Md5Dos2Unix, &odd),
            hash(HashKind::Md5, &odd),
            "31 %"
        );
        let text: Vec<u8> = [vec![0xff; 30], vec![b'\r', b'\n'], vec![b'a'; 68]].concat();
        assert_ne!(
            hash(HashKind::Md5Dos2Unix, &text),
            hash(HashKind::Md5, &text),
            "30 %"
        );
    }

    #[test]
    fn a_line_end_across_two_pieces_is_not_changed_in_the_2x_hash() {
        let mut text = vec![b'a'; PIECE - 1];
        text.extend_from_slice(b"\r\n");
        assert_eq!(
            hash(HashKind::Md5Dos2Unix, &text),
            hash(HashKind::Md5, &text)
        );
    }

    #[test]
    fn an_object_id_reads_what_it_writes() {
        for text in [
            "acbd18db4cc2f85cedef654fccc4a4d8",
            "5ea40360f5b4ec688df672a4db9c17d1.dir",
        ] {
            assert_eq!(
                ObjectId::parse(HashKind::Md5, text).unwrap().to_string(),
                text
            );
        }
        for text in [
            "",
            "acbd",
            "acbd18db4cc2f85cedef654fccc4a4d8.dir.dir",
            "ácbd18db4cc2f85cedef654fccc4a4d",
            "../../../../../../../../etc/passw",
        ] {
            assert_eq!(ObjectId::parse(HashKind::Md5, text), None, "{text}");
        }
    }
}
