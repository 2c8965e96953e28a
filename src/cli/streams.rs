//! What commands write to the standard output and the standard error. A disk that is full and a reader who left are errors to be
//! told, and never a panic.

use std::fmt::Arguments;
use std::io::{self, BufWriter, ErrorKind, Write, stderr, stdout};

use super::CommandError;

/// Writes to the standard output, and waits until it is out. A reader who left wants no more of it: that is no failure.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CommandError> {
    settle(hand_over(write))
}

/// Writes a line to the standard output, see [`print`].
pub(super) fn say(line: Arguments<'_>) -> Result<(), CommandError> {
    print(|out| writeln!(out, "{line}"))
}

/// As [`print`], for what must arrive: a reader who left is a failure, too.
pub(super) fn hand_over(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    write(&mut out)?;
    out.flush()
}

/// What the outcome of writing to the standard output means for a command.
pub(super) fn settle(outcome: io::Result<()>) -> Result<(), CommandError> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(CommandError::Stdout),
    }
}

/// Writes a line to the standard error. Where that cannot be written, nobody is left to be told.
pub(super) fn remark(line: Arguments<'_>) {
    writeln!(stderr().lock(), "{line}").ok();
}
