//! The one executable; `identite --help` lists what it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    identite::cli::run()
}
