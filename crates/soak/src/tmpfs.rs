//! A file system of a chosen size, to be full.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Mounted until dropped.
#[derive(Debug)]
pub(crate) struct Tmpfs {
    path: PathBuf,
}

impl Tmpfs {
    /// Mounts one; `None` without the right to.
    pub(crate) fn mount(path: &Path, size: &str) -> Option<Tmpfs> {
        fs::create_dir_all(path).expect("the temporary directory is writable");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size},mode=0777"), "tallymark-soak"]).arg(path);
        let mounted = tallymark_testbed::is_root() && mount.output().is_ok_and(|out| out.status.success());
        mounted.then(|| Tmpfs { path: path.to_owned() })
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) {
        let mut file = fs::File::create(self.filler()).expect("a new file needs no room");
        let mut piece = vec![0u8; 1 << 16];
        // Smaller and smaller pieces, until not a byte goes in.
        while !piece.is_empty() {
            if std::io::Write::write_all(&mut file, &piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
    }

    /// Gives it back.
    pub(crate) fn free(&self) {
        fs::remove_file(self.filler()).expect("the filler is there");
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: a process that still has a file open keeps it.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
