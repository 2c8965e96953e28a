//! Debounce played: the disposable mailboxes of yopmail.com receive nothing, all others do.

use actix_web::HttpResponse;
use actix_web::web::Query;
use serde::Deserialize;
use serde_json::json;

const UNDELIVERABLE_DOMAIN: &str = "yopmail.com";

#[derive(Deserialize)]
pub(super) struct Question {
    email: Option<String>,
}

pub(super) async fn check(Query(question): Query<Question>) -> HttpResponse {
    let Some(email) = question.email.filter(|email| !email.is_empty()) else {
        return HttpResponse::BadRequest().json(json!({
            "debounce": { "error": "No email address was given", "code": "0" },
            "success": "0",
        }));
    };
    let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_undeliverable = domain.eq_ignore_ascii_case(UNDELIVERABLE_DOMAIN);
    let (code, result, reason) = if is_undeliverable {
        ("3", "Risky", "Disposable")
    } else {
        ("5", "Safe to Send", "Deliverable")
    };
    HttpResponse::Ok().json(json!({
        "debounce": {
            "email": email,
            "code": code,
            "role": "false",
            "free_email": "false",
            "result": result,
            "reason": reason,
            "send_transactional": if is_undeliverable { "0" } else { "1" },
            "did_you_mean": "",
        },
        "success": "1",
        "balance": "1000",
    }))
}
