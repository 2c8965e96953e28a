//! Posted forms: bounded, decoded, and proven to come from a page of ours.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use futures::{Stream, StreamExt};

use super::error::PageError;
use super::fields::Fields;
use super::session::Browser;

/// As many bytes of body as the reference reads.
pub const BODY_LIMIT_IN_BYTES: usize = 100 * 1024;

/// A body must be complete within this time: slow clients hold no handler.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    TooLarge,
    /// It broke off, or is no sound HTTP.
    Incomplete,
    TooSlow,
}

/// A whole body of at most `limit` bytes.
///
/// # Errors
/// When it is larger, breaks off, or is not complete within ten seconds.
pub async fn read_body<S>(mut payload: S, limit: usize) -> Result<BytesMut, Unread>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let whole = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Unread::Incomplete)?;
            if body.len() + chunk.len() > limit {
                return Err(Unread::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    tokio::time::timeout(BODY_DEADLINE, whole)
        .await
        .unwrap_or(Err(Unread::TooSlow))
}

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
            fields.refuse_over_long()?;
            Ok(Self(fields))
        })
    }
}

/// The fields of a body; a body of another type counts as none.
///
/// # Errors
/// When the body is larger than [`BODY_LIMIT_IN_BYTES`], breaks off, takes too long, or cannot be decoded.
pub async fn read_fields(request: &HttpRequest, payload: Payload) -> Result<Fields, PageError> {
    if !is_urlencoded(request) {
        return Ok(Fields::default());
    }
    let body = read_body(payload, BODY_LIMIT_IN_BYTES)
        .await
        .map_err(|unread| match unread {
            Unread::TooLarge => PageError::TooLarge,
            Unread::Incomplete => PageError::BadRequest("La demande est arrivée incomplète."),
            Unread::TooSlow => PageError::TooSlow,
        })?;
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
