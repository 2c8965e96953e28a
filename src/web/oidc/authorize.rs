//! The authorization endpoint and its resumption.

use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, ORIGIN, SET_COOKIE};
use actix_web::web::{Data, Path};
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev::Payload};

use super::interaction::{bind, is_bound, unbind};
use super::seen_by_provider::{authentication, authentication_of};
use crate::oidc::cookies::RESUME_COOKIE;
use crate::oidc::{AuthorizationAnswer, ErrorCode, Oidc, ProtocolError, Visitor};
use crate::web::access_log::RequestId;
use crate::web::app::App;
use crate::web::client_address::client_address;
use crate::web::error::PageError;
use crate::web::fields::Fields;
use crate::web::form::read_fields;
use crate::web::pages::oidc::{FormPostPage, HiddenField};
use crate::web::render::Shell;
use crate::web::session::Browser;

/// A POST body, read before the handler knows what it will be used for.
pub(super) struct PostedFields(Fields);

impl FromRequest for PostedFields {
    type Error = PageError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move { Ok(Self(read_fields(&request, payload).await?)) })
    }
}

impl PostedFields {
    pub(super) fn into_pairs(self) -> Vec<(String, String)> {
        self.0.into_pairs()
    }
}

/// `GET /oauth/authorize`
pub(super) async fn get(
    app: Data<App>,
    browser: Browser,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let fields = Fields::parse(request.query_string().as_bytes())?;
    answer(&app, &browser, &request, fields.into_pairs()).await
}

/// `POST /oauth/authorize`: the same parameters in a form. Without a session it may come from a page of another site, from which browsers
/// withhold the cookie: a GET brings it.
pub(super) async fn post(
    app: Data<App>,
    browser: Browser,
    request: HttpRequest,
    posted: PostedFields,
) -> Result<HttpResponse, PageError> {
    let parameters = posted.into_pairs();
    // Browsers say where a form comes from (`Origin`); other programs have no cookie to withhold.
    let may_lack_its_session = request.headers().contains_key(ORIGIN) && browser.session_digest().is_none();
    if !may_lack_its_session {
        return answer(&app, &browser, &request, parameters).await;
    }
    let client = match Oidc::wanted_client_id(&parameters) {
        Some(client_id) => browser.journey_of_person_and_client(client_id).await?.1,
        None => None,
    };
    written(&app, app.oidc.keep_posted(parameters, client).await)
}

async fn answer(
    app: &App,
    browser: &Browser,
    request: &HttpRequest,
    parameters: Vec<(String, String)>,
) -> Result<HttpResponse, PageError> {
    let (authentication, client) = match Oidc::wanted_client_id(&parameters) {
        Some(client_id) => {
            let (journey, client) = browser.journey_of_person_and_client(client_id).await?;
            (authentication(&journey), client)
        }
        None => (authentication_of(browser).await?, None),
    };
    let answer = app
        .oidc
        .authorize(parameters, client, authentication.as_ref(), &visitor(request))
        .await;
    written(app, answer)
}

/// `GET /oauth/authorize/{uid}`: an interaction of this browser, or a request that it posted without its session.
pub(super) async fn resume(
    app: Data<App>,
    browser: Browser,
    request: HttpRequest,
    uid: Path<String>,
) -> Result<HttpResponse, PageError> {
    if !is_bound(&app, &request, RESUME_COOKIE, &uid) {
        return go_on_with_posted(&app, &browser, &request, &uid).await;
    }
    let authentication = authentication_of(&browser).await?;
    let answer = app
        .oidc
        .resume(&uid, authentication.as_ref(), &visitor(&request))
        .await;
    let mut response = match written(&app, answer) {
        Ok(response) => response,
        Err(error) => error.page(&app.renderer, None, &RequestId::of(&request))?,
    };
    for cookie in unbind(&app, &uid) {
        if let Ok(value) = cookie.to_string().parse() {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
    Ok(response)
}

/// The person is loaded only where there is a request: a name that somebody made up asks nothing of the database.
async fn go_on_with_posted(
    app: &App,
    browser: &Browser,
    request: &HttpRequest,
    name: &str,
) -> Result<HttpResponse, PageError> {
    let posted = match app.oidc.posted_request(name).await {
        Ok(Some(posted)) => posted,
        Ok(None) => {
            let error = ProtocolError::invalid_request("this request has expired or was already answered");
            return Err(PageError::provider(StatusCode::BAD_REQUEST, &error));
        }
        Err(answer) => return written(app, answer),
    };
    let authentication = authentication_of(browser).await?;
    let answer = app
        .oidc
        .answer_posted(posted, authentication.as_ref(), &visitor(request))
        .await;
    written(app, answer)
}

fn visitor(request: &HttpRequest) -> Visitor {
    Visitor {
        address: client_address(request).map(|address| address.to_string()),
    }
}

fn written(app: &App, answer: AuthorizationAnswer) -> Result<HttpResponse, PageError> {
    match answer {
        AuthorizationAnswer::Redirect { url } => {
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, url)).finish())
        }
        AuthorizationAnswer::Interaction { uid, expires_at } => {
            let mut response = HttpResponse::SeeOther();
            response.insert_header((LOCATION, format!("/interaction/{uid}")));
            for cookie in bind(app, &uid, expires_at) {
                response.append_header((SET_COOKIE, cookie.to_string()));
            }
            Ok(response.finish())
        }
        AuthorizationAnswer::Posted { name } => Ok(HttpResponse::SeeOther()
            .insert_header((LOCATION, format!("/oauth/authorize/{name}")))
            .finish()),
        AuthorizationAnswer::FormPost {
            status,
            action,
            fields,
        } => {
            let fields = fields
                .into_iter()
                .map(|(name, value)| HiddenField::new(name, value))
                .collect();
            let body = app
                .renderer
                .render(&Shell::default(), &FormPostPage { action, fields })?;
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            Ok(HttpResponse::build(status)
                .content_type("text/html; charset=utf-8")
                .body(body))
        }
        AuthorizationAnswer::ErrorPage { status, error } => {
            let fallback = if error.code == ErrorCode::ServerError {
                500
            } else {
                400
            };
            let status = StatusCode::from_u16(status).or_else(|_| StatusCode::from_u16(fallback));
            Err(PageError::provider(
                status.unwrap_or(StatusCode::BAD_REQUEST),
                &error,
            ))
        }
    }
}
