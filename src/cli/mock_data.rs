//! `identite mock-data …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde::Serialize;

use super::tool::ReportTo;
use super::{CommandError, load_config, shared_runtime, streams};
use crate::domain::Siret;
use crate::testing::collection::{ApiEntreprise, Collection};

#[derive(Debug, Subcommand)]
pub(super) enum MockDataCommand {
    /// Fetch an establishment from API Entreprise and keep its record.
    Establishment(Establishment),
    /// Fetch the town halls of a commune from the directory and keep their records.
    TownHalls(TownHalls),
}

#[derive(Debug, Args)]
struct Place {
    /// The top folder of the sources.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    root: PathBuf,
    /// Fetch and tell, and keep nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write the report as JSON, to a file or (-) to the standard output, where it then is alone.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// What was fetched, for programs.
#[derive(Serialize)]
struct Report {
    dry_run: bool,
    /// The SIRET, or INSEE's code of the commune.
    key: String,
    /// The name of the establishment, or how many town halls there are.
    found: String,
}

#[derive(Debug, Args)]
pub(super) struct Establishment {
    siret: String,
    /// The address of the service; `ENTREPRISE_API_URL` if absent.
    #[arg(long)]
    url: Option<String>,
    /// The tracking context; `ENTREPRISE_API_TRACKING_CONTEXT` if absent.
    #[arg(long)]
    context: Option<String>,
    /// The tracking recipient; `ENTREPRISE_API_TRACKING_RECIPIENT` if absent.
    #[arg(long)]
    recipient: Option<String>,
    /// The token; `ENTREPRISE_API_TOKEN` if absent.
    #[arg(long)]
    token: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct TownHalls {
    /// INSEE's code of the commune.
    code: String,
    /// The address of the directory; `ANNUAIRE_SERVICE_PUBLIC_API_URL` if absent.
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: MockDataCommand) -> Result<(), CommandError> {
    let config = load_config()?;
    let runtime = shared_runtime()?;
    let refused =
        |error: crate::testing::collection::CollectionError| CommandError::Refused(error.to_string());
    let (report, report_to) = match command {
        MockDataCommand::Establishment(asked) => {
            let siret: Siret = asked
                .siret
                .parse()
                .map_err(|error: crate::domain::siret::InvalidSiret| {
                    CommandError::Refused(error.to_string())
                })?;
            let defaults = &config.connectors.api_entreprise;
            let api = ApiEntreprise {
                url: asked.url.unwrap_or_else(|| defaults.url.clone()),
                token: asked
                    .token
                    .map_or_else(|| defaults.token.current(), SecretString::from),
                context: asked.context.unwrap_or_else(|| defaults.tracking_context.clone()),
                recipient: asked
                    .recipient
                    .unwrap_or_else(|| defaults.tracking_recipient.clone()),
            };
            let report_to = ReportTo::open(asked.place.report.as_deref())?;
            let collection = collection(&asked.place);
            let name = runtime
                .block_on(collection.add_establishment(&api, &siret))
                .map_err(refused)?;
            (asked.place.report(siret.to_string(), name), report_to)
        }
        MockDataCommand::TownHalls(asked) => {
            let url = asked
                .url
                .unwrap_or_else(|| config.connectors.annuaires.service_public_url.clone());
            let report_to = ReportTo::open(asked.place.report.as_deref())?;
            let collection = collection(&asked.place);
            let count = runtime
                .block_on(collection.add_town_halls(&url, &asked.code))
                .map_err(refused)?;
            let found = format!("{count} town hall(s)");
            (asked.place.report(asked.code, found), report_to)
        }
    };
    streams::remark(format_args!("{}: {}", report.key, report.found));
    report_to.write(&report)
}

impl Place {
    fn report(&self, key: String, found: String) -> Report {
        Report {
            dry_run: self.dry_run,
            key,
            found,
        }
    }
}

fn collection(place: &Place) -> Collection {
    Collection {
        root: place.root.clone(),
        dry_run: place.dry_run,
    }
}
