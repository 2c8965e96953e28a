//! Packages of the npm registry that tests need.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Installs the locked packages of a folder of the repository, unless they are there already; gives the folder.
///
/// # Panics
/// When npm fails.
pub fn npm_packages(folder: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let locked = std::fs::metadata(folder.join("package-lock.json")).and_then(|file| file.modified());
    let installed = std::fs::metadata(folder.join("node_modules/.package-lock.json"));
    let installed = installed.and_then(|file| file.modified());
    let up_to_date = matches!((locked, installed), (Ok(locked), Ok(installed)) if installed >= locked);
    if !up_to_date {
        let output = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .output()
            .expect("npm can be run");
        assert!(
            output.status.success(),
            "npm ci: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    folder
}
