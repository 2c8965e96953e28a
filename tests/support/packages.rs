//! Programs of others that tests drive: packages of `PyPI` and of Debian, in folders of their own below `target`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python with the packages that a file of requirements of the repository names; gives its interpreter.
///
/// # Panics
/// When it cannot be made.
pub fn python_with(requirements: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let requirements = root.join(requirements);
    let folder = root.join("target/conformance-python");
    let interpreter = folder.join("bin/python");
    let installed = folder.join("requirements.txt");
    let wanted = std::fs::read(&requirements).expect("the requirements");
    if std::fs::read(&installed).is_ok_and(|present| present == wanted) {
        return interpreter;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    run(Command::new(folder.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(&requirements));
    std::fs::write(&installed, wanted).expect("a note of what is installed");
    interpreter
}

/// A folder with the files of these packages, as this machine's distribution has them; nothing is installed. `None` where the
/// distribution is none that has them.
///
/// # Panics
/// When a package cannot be had.
pub fn debian_packages(names: &[&str]) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/conformance-debian");
    let installed = folder.join("packages.txt");
    let wanted = names.join("\n");
    if std::fs::read_to_string(&installed).is_ok_and(|present| present == wanted) {
        return Some(folder);
    }
    let has_tools = ["apt-get", "dpkg-deb"]
        .iter()
        .all(|tool| Command::new(tool).arg("--version").output().is_ok());
    if !has_tools {
        return None;
    }
    let archives = folder.join("archives");
    std::fs::create_dir_all(&archives).expect("a folder");
    run(Command::new("apt-get")
        .args(["download", "-qq"])
        .args(names)
        .current_dir(&archives));
    for archive in std::fs::read_dir(&archives).expect("the archives") {
        run(Command::new("dpkg-deb")
            .arg("-x")
            .arg(archive.expect("an archive").path())
            .arg(&folder));
    }
    std::fs::write(&installed, wanted).expect("a note of what is there");
    Some(folder)
}

fn run(command: &mut Command) {
    let output = command.output().expect("the program can be run");
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
