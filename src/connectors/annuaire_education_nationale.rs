//! The directory of schools: how they are reached (spec/connectors-and-operations.md §2.7).

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::call::{Answer, CallError, Request};
use super::http::{HttpClient, Line};
use super::retry::once_more;
use crate::domain::{Email, Siret};

/// The line to the directory. Cheap to clone.
#[derive(Clone)]
pub struct AnnuaireEducationNationale {
    line: Line,
    base_url: Url,
}

/// What the directory says of a school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchoolAnswer {
    /// It is listed with this address.
    Listed(Email),
    /// It is listed without an address, or with something else in its place.
    WithoutAddress,
    /// No school has the number.
    Unknown,
}

#[derive(Deserialize)]
struct Document {
    records: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    record: Record,
}

#[derive(Deserialize)]
struct Record {
    fields: Fields,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    mail: Value,
}

impl AnnuaireEducationNationale {
    /// `base_url` (`ANNUAIRE_EDUCATION_NATIONALE_API_URL`) is followed by `/api/v2/…`.
    #[must_use]
    pub fn new(http: &HttpClient, base_url: Url) -> Self {
        Self {
            line: http.line("annuaire_education_nationale"),
            base_url,
        }
    }

    /// How the school with the number `siret` is reached. Of several schools with one number, the first is meant.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub async fn school(&self, siret: &Siret) -> Result<SchoolAnswer, CallError> {
        let mut url = self.base_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            let dataset = [
                "api",
                "v2",
                "catalog",
                "datasets",
                "fr-en-annuaire-education",
                "records",
            ];
            path.pop_if_empty().extend(dataset);
        }
        url.query_pairs_mut()
            .append_pair("where", &format!("siren_siret={siret}"));
        let until = self.line.until();
        let document: Document = once_more(until, || {
            let request = Request::get(url.clone()).accept("application/json").by(until);
            self.line.call(request, Answer::json)
        })
        .await?;
        Ok(read(document))
    }
}

fn read(document: Document) -> SchoolAnswer {
    match document
        .records
        .into_iter()
        .next()
        .map(|entry| entry.record.fields.mail)
    {
        None => SchoolAnswer::Unknown,
        Some(Value::String(text)) => {
            Email::parse(&text).map_or(SchoolAnswer::WithoutAddress, SchoolAnswer::Listed)
        }
        Some(_) => SchoolAnswer::WithoutAddress,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::vectors::{SCHOOLS, text};

    #[test]
    fn the_first_record_wins() {
        for case in SCHOOLS.cases() {
            let records: Vec<Value> = case["mails"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|mail| serde_json::json!({ "record": { "fields": { "mail": mail } } }))
                .collect();
            let document = serde_json::from_value(serde_json::json!({ "records": records })).unwrap();
            let expected = match (text(&case, "email"), text(&case, "error")) {
                (Some(email), _) => SchoolAnswer::Listed(Email::parse(email).unwrap()),
                (None, Some("ApiAnnuaireInvalidEmailError")) => SchoolAnswer::WithoutAddress,
                (None, _) => SchoolAnswer::Unknown,
            };
            assert_eq!(read(document), expected, "{}", case["case"]);
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for (mail, expected) in [
            (
                serde_json::json!(" Lycee@Ac-Paris.FR "),
                Some("lycee@ac-paris.fr"),
            ),
            (serde_json::json!("non renseigné"), None),
            (serde_json::json!(["lycee@ac-paris.fr"]), None),
            (Value::Null, None),
        ] {
            let records = serde_json::json!({ "records": [{ "record": { "fields": { "mail": mail } } }] });
            let answer = read(serde_json::from_value(records).unwrap());
            let expected = expected.map_or(SchoolAnswer::WithoutAddress, |address| {
                SchoolAnswer::Listed(Email::parse(address).unwrap())
            });
            assert_eq!(answer, expected);
        }
    }
}
