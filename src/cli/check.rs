//! `identite check`

use super::{CommandError, load_config};

#[expect(clippy::print_stdout, reason = "printing is what the command is for")]
pub(super) fn check() -> Result<(), CommandError> {
    let config = load_config()?;
    for setting in config.describe() {
        println!("{setting}");
    }
    for warning in &config.warnings {
        println!("warning: {warning}");
    }
    if config.warnings.is_empty() {
        Ok(())
    } else {
        Err(CommandError::Refused(format!(
            "{} unsafe value(s)",
            config.warnings.len()
        )))
    }
}
