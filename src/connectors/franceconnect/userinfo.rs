//! The answer of the userinfo endpoint: plain JSON, or a signed token (OpenID Connect Core §5.3.2).

use serde_json::{Map, Value};

use crate::connectors::call::{Answer, CallError};

pub(super) enum Document {
    Plain(Map<String, Value>),
    Signed(String),
}

pub(super) fn read(answer: &Answer) -> Result<Document, CallError> {
    if answer.media_type == "application/jwt" {
        return Ok(Document::Signed(answer.document()?.trim().to_owned()));
    }
    answer.json().map(Document::Plain)
}
