//! API Entreprise: the Sirene register with what it keeps back from the public
//! (spec/connectors-and-operations.md §2.2).

use serde::Deserialize;
use url::Url;

use super::call::{Answer, CallError, Request};
use super::http::{HttpClient, Line};
use super::played;
use super::retry::once_more;
use crate::config::ReloadableSecret;
use crate::domain::Siret;
use crate::domain::organization::EstablishmentRecord;

/// `errors[].code` for a number that is none.
const BADLY_FORMATTED: &str = "00302";

/// Where API Entreprise is, and what it wants to know of every call.
#[derive(Debug, Clone)]
pub struct ApiEntrepriseSettings {
    /// `ENTREPRISE_API_URL`: `/v3/…` follows.
    pub base_url: Url,
    /// `ENTREPRISE_API_TOKEN`
    pub token: ReloadableSecret,
    /// `ENTREPRISE_API_TRACKING_CONTEXT`
    pub context: String,
    /// `ENTREPRISE_API_TRACKING_RECIPIENT`
    pub recipient: String,
    pub play: Play,
}

/// Which numbers are answered from the records of the mock, in the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Play {
    Nothing,
    /// Those that are there; others are asked about (`FEATURE_PARTIALLY_MOCK_EXTERNAL_API`).
    Known,
    /// All: what is not there is unknown.
    Everything,
}

/// The line to API Entreprise. Cheap to clone.
#[derive(Clone)]
pub struct ApiEntreprise {
    line: Line,
    settings: std::sync::Arc<ApiEntrepriseSettings>,
}

/// What the register says of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EstablishmentAnswer {
    Found(Box<EstablishmentRecord>),
    /// No establishment has the number, or none any more: the register then tells of another. Or it does not want to be quoted about it.
    Unknown,
    /// The register does not take it for a number of an establishment.
    Unprocessable,
}

#[derive(Deserialize)]
struct Envelope {
    data: EstablishmentRecord,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    /// The number that was asked for, when its legal unit had been counted twice: `data` is then the head office of the one that is left.
    redirect_from_siret: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    errors: Vec<RefusalReason>,
}

#[derive(Deserialize)]
struct RefusalReason {
    code: Option<String>,
}

impl ApiEntreprise {
    /// The line to the API that `settings` describe.
    #[must_use]
    pub fn new(http: &HttpClient, settings: ApiEntrepriseSettings) -> Self {
        Self {
            line: http.line("api_entreprise"),
            settings: settings.into(),
        }
    }

    /// The record of the establishment with the number `siret`.
    ///
    /// # Errors
    /// When there is no usable answer: nothing is known then.
    pub async fn establishment(&self, siret: &Siret) -> Result<EstablishmentAnswer, CallError> {
        let play = self.settings.play;
        if play != Play::Nothing {
            match played::establishment(siret.as_str()) {
                Some(record) => return Ok(found(record)),
                None if play == Play::Everything => return Ok(EstablishmentAnswer::Unknown),
                None => {}
            }
        }
        let path = ["v3", "insee", "sirene", "etablissements", siret.as_str()];
        let until = self.line.until();
        let reader = |answer: &Answer| read(siret, answer);
        once_more(until, async || {
            let request = self.request(&path, "findEstablishmentBySiret")?.by(until);
            self.line.call(request, &reader).await
        })
        .await
    }

    fn request(&self, path: &[&str], object: &str) -> Result<Request, CallError> {
        let settings = &self.settings;
        let mut url = settings.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url.query_pairs_mut()
            .append_pair("context", &settings.context)
            .append_pair("object", object)
            .append_pair("recipient", &settings.recipient);
        Request::get(url)
            .accept("application/json")
            .bearer(&settings.token.current())
    }
}

fn read(siret: &Siret, answer: &Answer) -> Result<EstablishmentAnswer, CallError> {
    if matches!(answer.status, 404 | 422 | 451) {
        return refusal(answer);
    }
    let Envelope { data, meta } = answer.json()?;
    if data.siret == siret.as_str() {
        return Ok(found(data));
    }
    // What is true of another establishment is not told of this one: the register knows it under another number, if at all.
    let redirected = meta.and_then(|meta| meta.redirect_from_siret);
    if redirected.as_deref() != Some(siret.as_str()) {
        tracing::warn!(
            siret = siret.as_str(),
            "a register answered about another establishment"
        );
    }
    Ok(EstablishmentAnswer::Unknown)
}

fn found(record: EstablishmentRecord) -> EstablishmentAnswer {
    if record.is_non_diffusible() {
        EstablishmentAnswer::Unknown
    } else {
        EstablishmentAnswer::Found(Box::new(record))
    }
}

/// The register says why it has nothing. Whoever does not is not the register: an address is wrong.
fn refusal(answer: &Answer) -> Result<EstablishmentAnswer, CallError> {
    let refusal: Refusal =
        serde_json::from_str(&answer.body).map_err(|_| CallError::Status(answer.status))?;
    let is_no_number = answer.status == 422
        && refusal
            .errors
            .iter()
            .any(|error| error.code.as_deref() == Some(BADLY_FORMATTED));
    Ok(if is_no_number {
        EstablishmentAnswer::Unprocessable
    } else {
        EstablishmentAnswer::Unknown
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIRET: &str = "39234600300198";

    fn answer(status: u16, body: &str) -> Result<EstablishmentAnswer, CallError> {
        let answer = Answer {
            status,
            media_type: "application/json".to_owned(),
            body: body.to_owned(),
        };
        read(&SIRET.parse().unwrap(), &answer)
    }

    #[test]
    fn what_is_unknown_is_told_from_what_is_down() {
        let refused =
            |code: &str| format!(r#"{{"errors":[{{"code":"{code}","title":"Entité non traitable"}}]}}"#);
        assert_eq!(answer(404, &refused("01003")), Ok(EstablishmentAnswer::Unknown));
        assert_eq!(answer(451, &refused("00000")), Ok(EstablishmentAnswer::Unknown));
        assert_eq!(
            answer(422, &refused("00302")),
            Ok(EstablishmentAnswer::Unprocessable)
        );
        assert_eq!(answer(422, &refused("02003")), Ok(EstablishmentAnswer::Unknown));
        assert_eq!(answer(404, "404 Not Found"), Err(CallError::Status(404)));
        for status in [401, 403, 429, 500, 502] {
            assert_eq!(answer(status, &refused("00101")), Err(CallError::Status(status)));
        }
        for body in [
            "",
            "{}",
            r#"{"data":null}"#,
            r#"{"data":{"siret":"1"}}"#,
            r#"{"errno":-2}"#,
        ] {
            assert!(
                matches!(answer(200, body), Err(CallError::Unreadable(_))),
                "{body}"
            );
        }
    }

    #[test]
    fn nothing_is_told_of_another_establishment() {
        let records: serde_json::Value = serde_json::from_str(played::ESTABLISHMENTS).unwrap();
        let mut document = records[SIRET].clone();
        let found = answer(200, &document.to_string());
        assert!(matches!(found, Ok(EstablishmentAnswer::Found(_))), "{found:?}");

        document["data"]["siret"] = "21370261600011".into();
        for redirected_from in [None, Some(SIRET), Some("39234600300016")] {
            document["meta"]["redirect_from_siret"] = redirected_from.into();
            let told = answer(200, &document.to_string());
            assert_eq!(told, Ok(EstablishmentAnswer::Unknown), "{redirected_from:?}");
        }
    }

    #[test]
    fn what_the_register_hides_is_unknown() {
        let record = played::establishment(SIRET).unwrap();
        assert_eq!(
            found(record.clone()),
            EstablishmentAnswer::Found(Box::new(record.clone()))
        );
        let hidden = EstablishmentRecord {
            status_diffusion: "non_diffusible".to_owned(),
            ..record
        };
        assert_eq!(found(hidden), EstablishmentAnswer::Unknown);
    }
}
