//! The pages: handlebars templates and the models they show.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use handlebars::Handlebars;
use serde::Serialize;
use serde_json::Value;
use tracing::error;

use crate::failure::Failure;
use crate::parameters::Parameters;
use crate::sessions::SignedIn;

/// The templates, compiled once.
pub struct Pages {
    name: String,
    templates: Handlebars<'static>,
}

/// A block of JSON, indented by two spaces.
#[derive(Serialize)]
struct JsonBlock {
    id: &'static str,
    title: &'static str,
    json: String,
}

#[derive(Serialize)]
struct Home<'a> {
    name: &'a str,
    signed_in: bool,
    blocks: Vec<JsonBlock>,
    scope: &'a str,
    login_hint: &'a str,
    siret_hint: &'a str,
    acr_values: &'a str,
    sp_name: &'a str,
    claims: String,
    default_parameters: String,
}

#[derive(Serialize)]
struct ErrorPage<'a> {
    name: &'a str,
    kind: &'a str,
    explanation: &'a str,
    error: Option<&'a str>,
    description: Option<&'a str>,
    detail: Option<String>,
}

impl Pages {
    /// `name` is the name of the service, in the title of every page.
    ///
    /// # Errors
    /// When a template does not compile.
    pub fn new(name: String) -> Result<Self, Box<handlebars::TemplateError>> {
        let mut templates = Handlebars::new();
        templates.set_strict_mode(true);
        templates
            .register_template_string("layout", include_str!("layout.hbs"))
            .map_err(Box::new)?;
        templates
            .register_template_string("home", include_str!("home.hbs"))
            .map_err(Box::new)?;
        templates
            .register_template_string("failure", include_str!("failure.hbs"))
            .map_err(Box::new)?;
        Ok(Self { name, templates })
    }

    /// The one page of the service: what it knows, and every way to ask for more.
    pub fn home(&self, signed_in: Option<&SignedIn>, defaults: &Parameters) -> HttpResponse {
        let text = |name: &str| defaults.get(name).and_then(Value::as_str).unwrap_or_default();
        let blocks = signed_in.map_or_else(Vec::new, |signed_in| {
            vec![
                block(
                    "userinfo",
                    "Informations sur l’utilisateur (userinfo)",
                    &signed_in.userinfo,
                ),
                block(
                    "id-token",
                    "Jeton d’identité (ID token)",
                    &signed_in.id_token_claims,
                ),
                block(
                    "token-response",
                    "Réponse du point d’accès aux jetons",
                    &signed_in.token_response,
                ),
            ]
        });
        self.render(
            StatusCode::OK,
            "home",
            &Home {
                name: &self.name,
                signed_in: signed_in.is_some(),
                blocks,
                scope: text("scope"),
                login_hint: text("login_hint"),
                siret_hint: text("siret_hint"),
                acr_values: text("acr_values"),
                sp_name: text("sp_name"),
                claims: defaults.get("claims").map(pretty).unwrap_or_default(),
                default_parameters: pretty(defaults),
            },
        )
    }

    /// The error page. The address stays that of the answer, so that it can be read there too.
    pub fn failure(&self, failure: &Failure) -> HttpResponse {
        let (status, error, description) = match failure {
            Failure::AuthorizationResponse { error, description } => (
                StatusCode::BAD_REQUEST,
                Some(error.as_str()),
                description.as_deref(),
            ),
            Failure::UnknownState
            | Failure::WrongIssuer(_)
            | Failure::MissingCode
            | Failure::InvalidParameters(_) => (StatusCode::BAD_REQUEST, None, None),
            Failure::Discovery(_) | Failure::TokenRequest(_) | Failure::IdToken(_) | Failure::Userinfo(_) => {
                (StatusCode::BAD_GATEWAY, None, None)
            }
        };
        self.render(
            status,
            "failure",
            &ErrorPage {
                name: &self.name,
                kind: failure.name(),
                explanation: failure.explanation(),
                error,
                description,
                detail: error.is_none().then(|| failure.to_string()),
            },
        )
    }

    fn render(&self, status: StatusCode, template: &str, model: &impl Serialize) -> HttpResponse {
        match self.templates.render(template, model) {
            Ok(html) => HttpResponse::build(status)
                .content_type("text/html; charset=utf-8")
                .body(html),
            Err(failure) => {
                error!(template, "{failure}");
                HttpResponse::InternalServerError().finish()
            }
        }
    }
}

fn block(id: &'static str, title: &'static str, value: &Value) -> JsonBlock {
    JsonBlock {
        id,
        title,
        json: pretty(value),
    }
}

fn pretty(value: &impl Serialize) -> String {
    // The values come from JSON, so they can be written as JSON.
    serde_json::to_string_pretty(value).unwrap_or_default()
}
