//! Files that are there as a whole or not at all.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

/// Where something is written to.
pub struct Output {
    /// Beside the file, until it is whole.
    temporary: Option<(TempPath, PathBuf)>,
    file: Option<File>,
}

/// What is written there.
pub type Out = BufWriter<Bounded>;

impl Output {
    /// Opens a file, or the standard output for `-`. What is there already stays until [`Output::keep`]; what
    /// is no file, such as a pipe, is written to at once.
    pub fn open(path: &Path, most: Option<u64>) -> io::Result<(Self, Out)> {
        let bounded = |to| BufWriter::new(Bounded { to, left: most, failed: false });
        if path == Path::new("-") {
            return Ok((Self { temporary: None, file: None }, bounded(Box::new(io::stdout()))));
        }
        // A link stays one: what it leads to is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let there = fs::metadata(&path).ok();
        if there.as_ref().is_some_and(|there| !there.is_file()) {
            let file = File::options().write(true).open(&path)?;
            return Ok((Self { temporary: None, file: None }, bounded(Box::new(file))));
        }
        let permissions = there.map(|there| there.permissions());
        if permissions.as_ref().is_some_and(Permissions::readonly) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"));
        }
        let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        if fs::metadata(folder).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no folder for it"));
        }
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or("recording");
        let temporary = Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(".part")
            // As any new file, less what the user's mask takes away.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            // It would name a file that nobody asked for.
            .map_err(|error| {
                let plain = error.get_ref().and_then(|named| named.source()?.downcast_ref::<io::Error>());
                let code = plain.and_then(io::Error::raw_os_error);
                code.map_or(error, io::Error::from_raw_os_error)
            })?;
        if let Some(permissions) = permissions {
            temporary.as_file().set_permissions(permissions)?;
        }
        let (file, temporary) = temporary.into_parts();
        let out = bounded(Box::new(file.try_clone()?));
        Ok((Self { temporary: Some((temporary, path)), file: Some(file) }, out))
    }

    /// Puts the file, which is whole now, in its place. Without this there is no trace of it.
    pub fn keep(self) -> io::Result<()> {
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        match self.temporary {
            Some((temporary, path)) => temporary.persist(path).map_err(|error| error.error),
            None => Ok(()),
        }
    }
}

/// Takes so many bytes and no more.
pub struct Bounded {
    to: Box<dyn Write>,
    left: Option<u64>,
    /// Once it has said that writing fails it takes whatever comes: an encoder that is given up may still
    /// want to end its file, and must not fail at that.
    failed: bool,
}

impl Bounded {
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(written as u64).ok_or_else(|| {
                io::Error::new(io::ErrorKind::FileTooLarge, "it would be larger than `--max-bytes` allows")
            })?;
        }
        Ok(written)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Ok(bytes.len());
        }
        let written = self.try_write(bytes);
        self.failed = written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.failed { Ok(()) } else { self.to.flush() }
    }
}
