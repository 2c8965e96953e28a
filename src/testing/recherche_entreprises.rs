//! Recherche d'entreprises played, over the establishments of `fixtures/api`: every word must begin a word of the name or address.

use actix_web::HttpResponse;
use actix_web::web::{Query, ServiceConfig, get};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api_entreprise::ANSWERS;
use crate::domain::OrganizationInfo;
use crate::domain::organization::EstablishmentRecord;

const SHORTEST_QUESTION: usize = 3;

#[derive(Deserialize)]
struct Question {
    q: Option<String>,
    code_postal: Option<String>,
    per_page: Option<usize>,
}

pub(super) fn mount(config: &mut ServiceConfig) {
    config.route("/recherche-entreprises.api.gouv.fr/search", get().to(search));
}

async fn search(Query(question): Query<Question>) -> HttpResponse {
    let text = question.q.unwrap_or_default();
    if text.trim().chars().count() < SHORTEST_QUESTION {
        let message = "3 caractères minimum pour les termes de la requête";
        return HttpResponse::BadRequest().json(json!({ "erreur": message }));
    }
    let words = words(&text);
    let mut records: Vec<OrganizationInfo> = ANSWERS
        .values()
        .filter_map(|answer| EstablishmentRecord::deserialize(&answer["data"]).ok())
        .map(|record| OrganizationInfo::from(&record))
        .filter(|info| info.est_active && matches(info, &words))
        .filter(|info| question.code_postal.is_none() || info.code_postal == question.code_postal)
        .collect();
    records.sort_by(|one, other| one.siret.cmp(&other.siret));
    records.truncate(question.per_page.unwrap_or(10));
    let results: Vec<Value> = records.iter().map(result).collect();
    HttpResponse::Ok().json(json!({
        "results": results,
        "total_results": results.len(),
        "page": 1,
        "per_page": 10,
        "total_pages": 1,
    }))
}

fn matches(info: &OrganizationInfo, words_asked: &[String]) -> bool {
    let known = words(&format!("{} {} {}", info.libelle, info.adresse, info.siret));
    words_asked
        .iter()
        .all(|word| known.iter().any(|known| known.starts_with(word)))
}

fn words(text: &str) -> Vec<String> {
    deunicode::deunicode(text)
        .to_lowercase()
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn result(info: &OrganizationInfo) -> Value {
    let establishment = json!({
        "siret": info.siret,
        "adresse": info.adresse.to_uppercase(),
        "est_siege": info.siege_social,
        "etat_administratif": "A",
        "liste_enseignes": if info.enseigne.is_empty() { Value::Null } else { json!([info.enseigne]) },
    });
    json!({
        "siren": info.siret.get(..9),
        "nom_complet": info.nom_complet.to_uppercase(),
        "siege": establishment,
        "matching_etablissements": [establishment],
    })
}
