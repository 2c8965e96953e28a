//! Posted forms: bounded, decoded, and proven to come from a page of ours.

use std::future::Future;
use std::pin::Pin;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use futures::StreamExt;

use super::error::PageError;
use super::fields::Fields;
use super::session::Browser;

/// As many bytes of body as the reference reads.
pub const BODY_LIMIT_IN_BYTES: usize = 100 * 1024;

/// The fields of a posted form whose `_csrf` is the token of this session.
pub struct Form(pub Fields);

impl FromRequest for Form {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let browser = request
                .extensions()
                .get::<Browser>()
                .cloned()
                .ok_or_else(|| PageError::fault("this route has no gate"))?;
            let fields = read_fields(&request, payload).await?;
            let token = fields
                .one("_csrf")
                .map_err(|_| PageError::Csrf)?
                .unwrap_or_default();
            if !browser.accepts_csrf_token(token).await? {
                return Err(PageError::Csrf);
            }
            Ok(Self(fields))
        })
    }
}

/// The fields of a body; a body of another type counts as none.
///
/// # Errors
/// When the body is larger than [`BODY_LIMIT_IN_BYTES`], breaks off, or cannot be decoded.
pub async fn read_fields(request: &HttpRequest, mut payload: Payload) -> Result<Fields, PageError> {
    if !is_urlencoded(request) {
        return Ok(Fields::default());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| PageError::BadRequest("La demande est arrivée incomplète."))?;
        if body.len() + chunk.len() > BODY_LIMIT_IN_BYTES {
            return Err(PageError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Fields::parse(&body)?)
}

fn is_urlencoded(request: &HttpRequest) -> bool {
    let content_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The fields of the query.
pub struct Query(pub Fields);

impl FromRequest for Query {
    type Error = PageError;
    type Future = std::future::Ready<Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let fields = Fields::parse(request.query_string().as_bytes());
        std::future::ready(fields.map(Self).map_err(PageError::from))
    }
}
