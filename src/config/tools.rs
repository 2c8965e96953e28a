//! Variables of the command-line tools. None of them can keep the server from starting.

use std::path::PathBuf;

use secrecy::SecretString;

use super::reader::Reader;

/// What the subcommands besides `serve` are told.
#[derive(Debug, Clone)]
pub struct ToolsConfig {
    /// `ENABLE_DATABASE_DELETION`: without it the deletion of all rows does nothing.
    pub enable_database_deletion: bool,
    /// `RUN_FIXTURES`: `migrate` loads the fixtures, too.
    pub run_fixtures: bool,
    /// `INPUT_FILE` of the imports.
    pub input_file: PathBuf,
    /// `OUTPUT_FILE` of the imports.
    pub output_file: PathBuf,
    /// `APP`: name that the hosting platform gives to this application.
    pub app: Option<String>,
    /// `SCALINGO_POSTGRESQL_URL`: source of the anonymised copy for statistics.
    pub statistics_source_url: Option<SecretString>,
    /// `METABASE_DB_URL`: destination of the anonymised copy for statistics.
    pub statistics_destination_url: Option<SecretString>,
}

impl ToolsConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let tools = Self {
            enable_database_deletion: reader.exactly_true("ENABLE_DATABASE_DELETION"),
            run_fixtures: reader.exactly_true("RUN_FIXTURES"),
            input_file: read_file(reader, "INPUT_FILE", "./input.csv"),
            output_file: read_file(reader, "OUTPUT_FILE", "./output.csv"),
            app: reader.optional_text("APP"),
            statistics_source_url: reader.optional_url("SCALINGO_POSTGRESQL_URL"),
            statistics_destination_url: reader.optional_url("METABASE_DB_URL"),
        };
        // `assets/data/generate.py` reads these by itself, and nothing the last one: they are checked and shown with the others.
        reader.url("GRIST_API_URL", "https://grist.numerique.gouv.fr");
        reader.optional_text("ADMINISTRATION_GRIST_DOC_ID");
        reader.optional_secret("ADMINISTRATION_GRIST_API_KEY");
        reader.optional_secret("VITE_BREVO_API_KEY");
        tools
    }
}

/// The path of a file; an empty value counts as none.
fn read_file(reader: &mut Reader, variable: &'static str, default: &str) -> PathBuf {
    let given = reader.raw_filled(variable);
    let is_default = given.is_none();
    let path = given.unwrap_or_else(|| default.to_owned());
    reader.note(variable, path.clone(), is_default);
    PathBuf::from(path)
}
