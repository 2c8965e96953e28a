//! `identite check`

use super::{CommandError, load_config};
use crate::web::legal_texts::LegalTexts;

#[expect(clippy::print_stdout, reason = "printing is what the command is for")]
pub(super) fn check() -> Result<(), CommandError> {
    let config = load_config()?;
    for setting in config.describe() {
        println!("{setting}");
    }
    for warning in &config.warnings {
        println!("warning: {warning}");
    }
    if let Some(directory) = &config.pages.legal_texts_directory {
        LegalTexts::read(directory)
            .map_err(|error| CommandError::Refused(format!("LEGAL_TEXTS_DIRECTORY: {error}")))?;
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
