//! The routes: thin handlers between the browser, its session and the provider.

use actix_web::error::InternalError;
use actix_web::middleware::DefaultHeaders;
use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde::Deserialize;
use tracing::warn;
use url::Url;

use crate::failure::Failure;
use crate::pages::Pages;
use crate::parameters::{self, Parameters, ParametersForm, Variation};
use crate::provider::Provider;
use crate::sessions::Sessions;

/// Everything a handler needs.
pub struct RelyingParty {
    pub default_parameters: Parameters,
    pub provider: Provider,
    pub pages: Pages,
    pub sessions: Sessions,
}

type App = web::Data<RelyingParty>;

/// Every path of this service.
pub fn configure(app: &mut web::ServiceConfig, relying_party: &App) {
    let variation = |variation: Variation| {
        web::post().to(move |app: App, request: HttpRequest| async move {
            let parameters = variation.of(&app.default_parameters);
            or_error_page(&app, send_to_provider(&app, &request, &parameters).await)
        })
    };
    // Answers with a parameter twice, forms in another encoding: an error page like any other.
    let (for_queries, for_forms) = (relying_party.clone(), relying_party.clone());
    app.app_data(relying_party.clone())
        .app_data(web::QueryConfig::default().error_handler(move |error, _| unreadable(&for_queries, error)))
        .app_data(web::FormConfig::default().error_handler(move |error, _| unreadable(&for_forms, error)))
        .route("/", web::get().to(home))
        .route("/style.css", web::get().to(style))
        .route("/login", variation(Variation::Ordinary))
        .route("/select-organization", variation(Variation::SelectOrganization))
        .route("/update-userinfo", variation(Variation::UpdateUserinfo))
        .route("/force-login", variation(Variation::Reauthentication))
        .route("/force-2fa", variation(Variation::TwoFactors))
        .route(
            "/force-certification-dirigeant",
            variation(Variation::ExecutiveCertification),
        )
        .route("/custom-connection", web::post().to(custom_connection))
        .route("/chosen-parameters", web::post().to(chosen_parameters))
        .route("/login-callback", web::get().to(callback_by_query))
        .route("/login-callback", web::post().to(callback_by_form))
        .route("/logout", web::post().to(logout));
}

/// Headers of every answer: nothing is cached, nothing is loaded from anywhere else.
pub fn security_headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((
            "Content-Security-Policy",
            "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
        ))
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("Cache-Control", "no-store"))
}

async fn home(app: App, request: HttpRequest) -> HttpResponse {
    let signed_in = app.sessions.signed_in(&request);
    app.pages.home(signed_in.as_ref(), &app.default_parameters)
}

async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .body(include_str!("style.css"))
}

#[derive(Deserialize)]
struct CustomConnection {
    #[serde(rename = "custom-params")]
    custom_params: String,
}

/// The text area replaces the default parameters: what is taken out of it is not sent.
async fn custom_connection(
    app: App,
    request: HttpRequest,
    form: web::Form<CustomConnection>,
) -> HttpResponse {
    let answer = match parameters::parse_object("custom-params", &form.custom_params) {
        Ok(parameters) => send_to_provider(&app, &request, &parameters).await,
        Err(failure) => Err(failure),
    };
    or_error_page(&app, answer)
}

async fn chosen_parameters(app: App, request: HttpRequest, form: web::Form<ParametersForm>) -> HttpResponse {
    let answer = match form.into_inner().into_parameters() {
        Ok(parameters) => send_to_provider(&app, &request, &parameters).await,
        Err(failure) => Err(failure),
    };
    or_error_page(&app, answer)
}

async fn send_to_provider(
    app: &RelyingParty,
    request: &HttpRequest,
    parameters: &Parameters,
) -> Result<HttpResponse, Failure> {
    let query = parameters::to_query(parameters)?;
    let (url, login) = app.provider.authorization_request(query).await?;
    let cookie = app.sessions.begin_login(request, login);
    Ok(HttpResponse::SeeOther()
        .cookie(cookie)
        .insert_header((header::LOCATION, url.as_str()))
        .finish())
}

/// The authorization response (RFC 6749 §4.1.2, RFC 9207), in the query or in a form.
#[derive(Deserialize)]
struct AuthorizationResponse {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

async fn callback_by_query(
    app: App,
    request: HttpRequest,
    response: web::Query<AuthorizationResponse>,
) -> HttpResponse {
    or_error_page(&app, finish_login(&app, &request, response.into_inner()).await)
}

async fn callback_by_form(
    app: App,
    request: HttpRequest,
    response: web::Form<AuthorizationResponse>,
) -> HttpResponse {
    or_error_page(&app, finish_login(&app, &request, response.into_inner()).await)
}

async fn finish_login(
    app: &RelyingParty,
    request: &HttpRequest,
    response: AuthorizationResponse,
) -> Result<HttpResponse, Failure> {
    let login = response
        .state
        .as_deref()
        .and_then(|state| app.sessions.take_login(request, state));
    app.provider
        .check_response_issuer(response.iss.as_deref())
        .await?;
    // An error changes nothing here, so it is shown even when the browser has lost its session meanwhile.
    if let Some(error) = response.error {
        return Err(Failure::AuthorizationResponse {
            error,
            description: response.error_description,
        });
    }
    let login = login.ok_or(Failure::UnknownState)?;
    let code = response.code.ok_or(Failure::MissingCode)?;

    let signed_in = app.provider.finish_login(login, code).await?;
    let cookie = app.sessions.finish_login(request, signed_in);
    Ok(HttpResponse::SeeOther()
        .cookie(cookie)
        .insert_header((header::LOCATION, "/"))
        .finish())
}

async fn logout(app: App, request: HttpRequest) -> HttpResponse {
    let signed_in = app.sessions.end(&request);
    let id_token = signed_in.as_ref().map(|signed_in| &signed_in.id_token);
    let answer = app.provider.logout_request(id_token).await.map(|url| {
        let location = url.as_ref().map_or("/", Url::as_str);
        HttpResponse::SeeOther()
            .cookie(app.sessions.removal_cookie())
            .insert_header((header::LOCATION, location))
            .finish()
    });
    or_error_page(&app, answer)
}

fn unreadable<E>(app: &RelyingParty, error: E) -> actix_web::Error
where
    E: std::fmt::Display + std::fmt::Debug + 'static,
{
    let failure = Failure::InvalidParameters(format!("what was sent cannot be read: {error}"));
    let page = app.pages.failure(&failure);
    InternalError::from_response(error, page).into()
}

fn or_error_page(app: &RelyingParty, answer: Result<HttpResponse, Failure>) -> HttpResponse {
    answer.unwrap_or_else(|failure| {
        warn!(kind = failure.name(), "{failure}");
        app.pages.failure(&failure)
    })
}
