//! A preview of the e-mails, for whoever changes a template.

use std::fmt::Write as _;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use crate::mail::{Envelope, Mails, samples};

pub(super) async fn list(mails: Data<Mails>) -> HttpResponse {
    let Some(envelopes) = envelopes(&mails) else {
        return broken();
    };
    let mut items = String::new();
    for Envelope { tag, subject, .. } in envelopes {
        let _ = write!(
            items,
            "<li>{subject} : <a href=\"/___testing___/mails/{tag}/html\">HTML</a>, \
             <a href=\"/___testing___/mails/{tag}/text\">texte</a></li>"
        );
    }
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(format!(
            "<!DOCTYPE html><html lang=\"fr\"><title>E-mails</title><h1>E-mails</h1><ul>{items}</ul></html>"
        ))
}

pub(super) async fn show(mails: Data<Mails>, path: Path<(String, String)>) -> HttpResponse {
    let (tag, part) = path.into_inner();
    let Some(envelopes) = envelopes(&mails) else {
        return broken();
    };
    let Some(envelope) = envelopes.into_iter().find(|envelope| envelope.tag == tag) else {
        return super::unknown().await;
    };
    match part.as_str() {
        "html" => HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .body(envelope.html),
        "text" => HttpResponse::Ok()
            .content_type("text/plain; charset=utf-8")
            .body(envelope.text),
        _ => super::unknown().await,
    }
}

fn envelopes(mails: &Mails) -> Option<Vec<Envelope>> {
    samples(mails)
        .inspect_err(|error| tracing::error!(%error, "the e-mails cannot be shown"))
        .ok()
}

fn broken() -> HttpResponse {
    HttpResponse::InternalServerError()
        .content_type("text/plain; charset=utf-8")
        .body("500")
}
