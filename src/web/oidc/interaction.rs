//! An authorization request that waits for a person: its first page, its end, its end with an error.

use actix_web::cookie::time::OffsetDateTime;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};

use super::seen_by_provider::authentication_of;
use crate::journey::{Journey, PendingInteraction, Place, Prompt};
use crate::oidc::cookies::{INTERACTION_COOKIE, RESUME_COOKIE, SIGNATURE_SUFFIX, is_signed, signature};
use crate::oidc::{ACR_NOT_MET, ErrorEnd, Finish, FirstPage, InteractionContext, InteractionPrompt, Start};
use crate::web::app::App;
use crate::web::error::PageError;
use crate::web::form::Query;
use crate::web::gate::redirect;
use crate::web::session::Browser;

/// `GET /interaction/{uid}`
pub(super) async fn start(
    app: Data<App>,
    browser: Browser,
    request: HttpRequest,
    uid: Path<String>,
) -> Result<HttpResponse, PageError> {
    require_binding(&app, &request, &uid)?;
    let authentication = authentication_of(&browser).await?;
    match app.oidc.start_interaction(&uid, authentication.as_ref()).await? {
        Start::Gone => Err(PageError::InteractionExpired),
        Start::InvalidSiretHint { context, hint } => {
            remember(&browser, &context, false).await?;
            Err(PageError::InvalidSiretHint(hint))
        }
        Start::Page { context, page } => {
            remember(&browser, &context, page == FirstPage::SignIn).await?;
            let place = match page {
                FirstPage::SignIn => Place::StartSignIn,
                FirstPage::Journey => finish_place(context.uid),
                FirstPage::SelectOrganization => Place::SelectOrganization,
                FirstPage::PersonalInformation => Place::PersonalInformation,
            };
            Ok(redirect(&place.path()))
        }
    }
}

/// `GET /interaction/{uid}/login`: the person has met every requirement.
pub(super) async fn finish(
    app: Data<App>,
    browser: Browser,
    request: HttpRequest,
    uid: Path<String>,
) -> Result<HttpResponse, PageError> {
    require_binding(&app, &request, &uid)?;
    let journey = browser.journey().await?;
    if pending_uid(&journey) != Some(uid.as_str()) {
        // Another tab began something else since: the journey is to be made for this request.
        let context = app
            .oidc
            .interaction(&uid)
            .await?
            .ok_or(PageError::InteractionExpired)?;
        remember(&browser, &context, false).await?;
        return Ok(redirect(&finish_place(context.uid).path()));
    }
    let authentication = authentication_of(&browser)
        .await?
        .ok_or_else(|| PageError::fault("the gate let somebody through who is not signed in"))?;
    match app.oidc.finish_interaction(&uid, &authentication).await? {
        Finish::Gone => {
            forget(&browser, &uid).await?;
            Err(PageError::InteractionExpired)
        }
        Finish::SignInAgain(context) => {
            remember(&browser, &context, true).await?;
            Ok(redirect(&Place::StartSignIn.path()))
        }
        Finish::AcrNotMet => Err(PageError::AcrNotMet(ACR_NOT_MET)),
        Finish::Resume => resume(&app, &browser, &uid).await,
    }
}

/// `GET /interaction/{uid}/access-denied`: no step of this person leads to what the relying party insists on.
pub(super) async fn access_denied(
    app: Data<App>,
    browser: Browser,
    request: HttpRequest,
    uid: Path<String>,
) -> Result<HttpResponse, PageError> {
    require_binding(&app, &request, &uid)?;
    let journey = browser.journey().await?;
    let is_out_of_reach = journey
        .request_out_of_reach()
        .is_some_and(|pending| pending.uid == *uid);
    if is_out_of_reach {
        return Err(PageError::AcrNotMet(ACR_NOT_MET));
    }
    Ok(redirect(&finish_place(uid.into_inner()).path()))
}

/// `GET /interaction/{uid}/error`: the person returns to the relying party from an error page.
pub(super) async fn error(
    app: Data<App>,
    browser: Browser,
    request: HttpRequest,
    uid: Path<String>,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    require_binding(&app, &request, &uid)?;
    let (error, description) = (query.one("error")?, query.one("error_description")?);
    match app.oidc.interaction_error(&uid, error, description).await? {
        ErrorEnd::Gone => {
            forget(&browser, &uid).await?;
            Err(PageError::InteractionExpired)
        }
        ErrorEnd::Invalid => Err(PageError::BadRequest(
            "Ce lien n’est pas un lien de retour valable.",
        )),
        ErrorEnd::Resume => resume(&app, &browser, &uid).await,
    }
}

async fn resume(app: &App, browser: &Browser, uid: &str) -> Result<HttpResponse, PageError> {
    forget(browser, uid).await?;
    let target = app.oidc.settings().url(&format!("/oauth/authorize/{uid}"));
    Ok(HttpResponse::SeeOther()
        .insert_header((LOCATION, target))
        .finish())
}

fn finish_place(interaction: String) -> Place {
    Place::FinishRequest { interaction }
}

fn pending_uid(journey: &Journey) -> Option<&str> {
    journey.interaction().map(|pending| pending.uid.as_str())
}

/// Notes what the pages and the journey need to know. `signs_in_again`: the sign-in of this session is not good enough.
async fn remember(
    browser: &Browser,
    context: &InteractionContext,
    signs_in_again: bool,
) -> Result<(), PageError> {
    let prompt = match context.prompt {
        InteractionPrompt::SelectOrganization => Prompt::SelectOrganization,
        InteractionPrompt::UpdateUserinfo => Prompt::UpdateUserinfo,
        InteractionPrompt::Login
        | InteractionPrompt::Consent
        | InteractionPrompt::ChooseOrganization
        | InteractionPrompt::Journey => Prompt::Journey,
    };
    let pending = PendingInteraction {
        uid: context.uid.clone(),
        expires_at: context.expires_at,
        prompt,
        prompt_is_answered: false,
        login_hint: context.login_hint.clone(),
        siret_hint: context.siret_hint.clone(),
        sp_name: context.sp_name.clone(),
        is_federation: context.is_proconnect_federation,
        essential_acr: context.essential_acr.clone(),
        authenticated_since: signs_in_again.then_some(context.began_at),
    };
    browser
        .update(move |visit| visit.interaction = Some(pending.clone()))
        .await
}

/// The interaction `uid` is over. What another tab of this browser has begun since then goes on waiting.
async fn forget(browser: &Browser, uid: &str) -> Result<(), PageError> {
    let uid = uid.to_owned();
    browser.update(move |visit| visit.forget_request(&uid)).await
}

fn require_binding(app: &App, request: &HttpRequest, uid: &str) -> Result<(), PageError> {
    if is_bound(app, request, INTERACTION_COOKIE, uid) {
        Ok(())
    } else {
        Err(PageError::InteractionExpired)
    }
}

/// Whether the request carries the signed cookie `name` that binds the interaction `uid` to this browser.
pub(super) fn is_bound(app: &App, request: &HttpRequest, name: &str, uid: &str) -> bool {
    let cookie = |name: &str| request.cookie(name).map(|cookie| cookie.value().to_owned());
    let (Some(value), Some(signature)) = (cookie(name), cookie(&format!("{name}{SIGNATURE_SUFFIX}"))) else {
        return false;
    };
    value == uid && is_signed(&app.settings.cookies.secrets(), name, &value, &signature)
}

/// The cookies that bind the interaction `uid` to a browser until `expires_at`.
pub(super) fn bind(app: &App, uid: &str, expires_at: DateTime<Utc>) -> Vec<Cookie<'static>> {
    bound_paths(uid)
        .into_iter()
        .flat_map(|(name, path)| {
            let signature = app
                .settings
                .cookies
                .secrets()
                .first()
                .map(|secret| signature(secret, name, uid))
                .unwrap_or_default();
            [
                cookie(app, name.to_owned(), uid.to_owned(), path.clone(), expires_at),
                cookie(
                    app,
                    format!("{name}{SIGNATURE_SUFFIX}"),
                    signature,
                    path,
                    expires_at,
                ),
            ]
        })
        .collect()
}

/// The cookies that end that binding where the interaction is resumed.
pub(super) fn unbind(app: &App, uid: &str) -> Vec<Cookie<'static>> {
    let path = format!("/oauth/authorize/{uid}");
    [
        RESUME_COOKIE.to_owned(),
        format!("{RESUME_COOKIE}{SIGNATURE_SUFFIX}"),
    ]
    .into_iter()
    .map(|name| cookie(app, name, String::new(), path.clone(), DateTime::UNIX_EPOCH))
    .collect()
}

fn bound_paths(uid: &str) -> [(&'static str, String); 2] {
    [
        (INTERACTION_COOKIE, format!("/interaction/{uid}")),
        (RESUME_COOKIE, format!("/oauth/authorize/{uid}")),
    ]
}

fn cookie(app: &App, name: String, value: String, path: String, expires: DateTime<Utc>) -> Cookie<'static> {
    let expires =
        OffsetDateTime::from_unix_timestamp(expires.timestamp()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    Cookie::build(name, value)
        .path(path)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(app.settings.cookies.is_secure())
        .expires(expires)
        .finish()
}
