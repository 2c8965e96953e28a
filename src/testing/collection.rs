//! Adds to the records that are played: fetches one from the real service and keeps it with the others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize as _;
use serde_json::{Value, json};
use url::Url;

use crate::domain::Siret;

const DEADLINE: Duration = Duration::from_secs(30);
const ESTABLISHMENTS: &str = "fixtures/api/api-entreprise-etablissements.json";
const TOWN_HALLS: &str = "fixtures/api/annuaire-service-public-records.json";
/// Of this one the register keeps the person back; a made-up person stands in its record.
const PLAYED_PERSON: (&str, &str, &str) = ("94957325700019", "Nom", "Inconnu");

/// Why nothing was added.
#[derive(Debug, thiserror::Error)]
pub enum CollectionError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{path}: {cause}")]
    File { path: String, cause: serde_json::Error },
    #[error("the service gave no usable answer: {0}")]
    Service(#[from] reqwest::Error),
    #[error("the address of the service makes no sense")]
    Address,
    #[error("the record is of another establishment: {0}")]
    OtherEstablishment(String),
    #[error("the register does not want this to be shown ({0}): it stays out of the data set")]
    NotDiffusible(String),
    #[error("no town hall is recorded for this commune")]
    NoTownHall,
}

/// API Entreprise, as it wants to be asked.
#[derive(Debug)]
pub struct ApiEntreprise {
    pub url: String,
    pub token: SecretString,
    pub context: String,
    pub recipient: String,
}

/// The data set under the top folder of the sources.
#[derive(Debug)]
pub struct Collection {
    pub root: PathBuf,
    /// Tell, and write nothing.
    pub dry_run: bool,
}

impl Collection {
    /// Adds the record of an establishment, over one that is there. Gives the name of its legal unit.
    ///
    /// # Errors
    /// See [`CollectionError`]; the data set is then as it was.
    pub async fn add_establishment(
        &self,
        api: &ApiEntreprise,
        siret: &Siret,
    ) -> Result<String, CollectionError> {
        let path = format!("v3/insee/sirene/etablissements/{siret}");
        let mut url = address(&api.url, &path)?;
        url.query_pairs_mut()
            .append_pair("context", &api.context)
            .append_pair("object", "findEstablishmentBySiret")
            .append_pair("recipient", &api.recipient);
        let mut answer = fetch(url, Some(&api.token)).await?;
        let data = &mut answer["data"];
        let found = data["siret"].as_str().unwrap_or_default();
        if found != siret.as_str() {
            return Err(CollectionError::OtherEstablishment(found.to_owned()));
        }
        let unit = &mut data["unite_legale"];
        let status = unit["status_diffusion"].as_str().unwrap_or_default().to_owned();
        if status != "diffusible" {
            let (played, family_name, given_name) = PLAYED_PERSON;
            if siret.as_str() != played {
                return Err(CollectionError::NotDiffusible(status));
            }
            let person = &mut unit["personne_physique_attributs"];
            person["nom_naissance"] = json!(family_name);
            person["prenom_usuel"] = json!(given_name);
        }
        let name = unit["personne_morale_attributs"]["raison_sociale"]
            .as_str()
            .unwrap_or("(a person)")
            .to_owned();
        self.keep(ESTABLISHMENTS, siret.as_str(), answer)?;
        Ok(name)
    }

    /// Adds the town halls of the commune with the INSEE code `code`, over those that are there. Gives how many.
    ///
    /// # Errors
    /// See [`CollectionError`]; the data set is then as it was.
    pub async fn add_town_halls(&self, service: &str, code: &str) -> Result<usize, CollectionError> {
        let path = "api/explore/v2.1/catalog/datasets/api-lannuaire-administration/records";
        let mut url = address(service, path)?;
        let clause = format!("code_insee_commune LIKE \"{code}\" and pivot LIKE \"mairie\"");
        url.query_pairs_mut().append_pair("where", &clause);
        let answer = fetch(url, None).await?;
        let halls: Vec<Value> = answer["results"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|hall| {
                json!({
                    "adresse": "[]",
                    "adresse_courriel": hall["adresse_courriel"],
                    "code_insee_commune": hall["code_insee_commune"],
                    "nom": hall["nom"],
                })
            })
            .collect();
        let count = halls.len();
        if count == 0 {
            return Err(CollectionError::NoTownHall);
        }
        self.keep(
            TOWN_HALLS,
            code,
            json!({ "results": halls, "total_count": count }),
        )?;
        Ok(count)
    }

    fn keep(&self, file: &str, key: &str, record: Value) -> Result<(), CollectionError> {
        let path = self.root.join(file);
        let unreadable = |cause| CollectionError::File {
            path: path.display().to_string(),
            cause,
        };
        let mut records: BTreeMap<String, Value> =
            serde_json::from_slice(&std::fs::read(&path)?).map_err(unreadable)?;
        records.insert(key.to_owned(), record);
        records.values_mut().for_each(Value::sort_all_objects);
        if self.dry_run {
            return Ok(());
        }
        write(&path, &records).map_err(unreadable)
    }
}

/// In the order of keys and with one blank a level, as the files are kept.
fn write(path: &Path, records: &BTreeMap<String, Value>) -> Result<(), serde_json::Error> {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    records.serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter))?;
    // Whole or not at all, however this ends.
    let beside = path.with_extension("json.new");
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(serde_json::Error::io)
}

fn address(base: &str, path: &str) -> Result<Url, CollectionError> {
    let base = Url::parse(&format!("{}/", base.trim_end_matches('/')));
    base.and_then(|base| base.join(path))
        .map_err(|_| CollectionError::Address)
}

async fn fetch(url: Url, token: Option<&SecretString>) -> Result<Value, CollectionError> {
    let mut request = reqwest::Client::new()
        .get(url)
        .timeout(DEADLINE)
        .header("accept", "application/json");
    if let Some(token) = token {
        request = request.bearer_auth(token.expose_secret());
    }
    Ok(request.send().await?.error_for_status()?.json().await?)
}
