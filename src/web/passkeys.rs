//! Passkeys: options of ceremonies for the scripts of our pages, and the answers that these send as forms.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::app::App;
use super::confirmations::{self, ask, is_confirmed};
use super::cookies::Sid;
use super::error::PageError;
use super::fields::Fields;
use super::form::Form;
use super::gate::{go_on, redirect};
use super::second_factor::{Rename, actor};
use super::session::Browser;
use super::sign_in::{address_changed, identified, shows_another_address};
use super::verify_email::signed_in;
use crate::accounts::PasskeySignInOutcome;
use crate::domain::{CredentialId, PasskeyName, ProvenPasskey};
use crate::journey::Place;
use crate::mfa::passkeys::{
    FirstFactorOutcome, PasskeyChange, RegistrationOutcome, SecondFactorOutcome, SessionKey,
};

const ACCOUNT: &str = "/connection-and-account";
const CHOICE: &str = "/users/double-authentication-choice";
const CONFIGURED: &str = "/users/2fa-successfully-configured";
const SECOND_FACTOR: &str = "/users/2fa-sign-in";
const SIGN_IN: &str = "/users/sign-in";
const START: &str = "/users/start-sign-in";

/// Notification codes (spec/accounts.md §8).
const INVALID: &str = "invalid_passkey";
const UNKNOWN: &str = "passkey_not_found";

/// `GET /api/webauthn/generate-registration-options`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_registration_options(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let session = session_of(&browser)?;
    let options = app
        .mfa
        .passkey_registration_options(person.user_id, &person.email, &session)
        .await?;
    Ok(HttpResponse::Ok().json(options))
}

/// `GET /api/webauthn/generate-authentication-options-for-first-factor`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_first_factor_options(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let email = identified(&browser).await?;
    let options = app
        .mfa
        .first_factor_options(&email, &session_of(&browser)?)
        .await?;
    Ok(HttpResponse::Ok().json(options))
}

/// `GET /api/webauthn/generate-authentication-options-for-discoverable`: for browsers that offer passkeys where an address is typed. Only
/// a page of ours asks: whoever has no session has none open.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_discoverable_options(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    if browser.visit().await?.csrf_token.is_none() {
        return Err(PageError::BadRequest("Aucune page de connexion n’est ouverte."));
    }
    let options = app.mfa.discoverable_options(&session_of(&browser)?).await?;
    Ok(HttpResponse::Ok().json(options))
}

/// `GET /api/webauthn/generate-authentication-options-for-second-factor`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_second_factor_options(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let session = session_of(&browser)?;
    let options = app.mfa.second_factor_options(person.user_id, &session).await?;
    Ok(HttpResponse::Ok().json(options))
}

/// `POST /users/sign-in-with-passkey`: instead of the password.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post_first_factor(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let email = identified(&browser).await?;
    if shows_another_address(&fields, &email)? {
        return Ok(address_changed());
    }
    let Some(answer) = assertion(&fields)? else {
        return Ok(back_to(SIGN_IN, INVALID));
    };
    let session = session_of(&browser)?;
    let outcome = app
        .mfa
        .prove_first_factor(&email, &session, answer, &browser.device())
        .await?;
    sign_in_with(&app, &browser, outcome, SIGN_IN).await
}

/// `POST /users/sign-in-with-discoverable-passkey`: instead of address and password.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post_discoverable(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let Some(answer) = assertion(&fields)? else {
        return Ok(back_to(START, INVALID));
    };
    let session = session_of(&browser)?;
    let outcome = app
        .mfa
        .prove_discoverable(&session, answer, &browser.device())
        .await?;
    sign_in_with(&app, &browser, outcome, START).await
}

async fn sign_in_with(
    app: &App,
    browser: &Browser,
    outcome: FirstFactorOutcome,
    page: &str,
) -> Result<HttpResponse, PageError> {
    let passkey: ProvenPasskey = match outcome {
        FirstFactorOutcome::Proven(passkey) => passkey,
        FirstFactorOutcome::Unknown => return Ok(back_to(page, UNKNOWN)),
        FirstFactorOutcome::Refused => return Ok(back_to(page, INVALID)),
    };
    let sid = Sid::draw();
    let names = browser.names_for(&sid);
    match app
        .accounts
        .sign_in_with_passkey(&passkey, &names, &browser.device())
        .await?
    {
        PasskeySignInOutcome::Refused => Ok(back_to(page, INVALID)),
        PasskeySignInOutcome::SignedIn(user_id) => {
            browser.become_signed_in(sid).await?;
            browser.trust(user_id);
            go_on(browser).await
        }
    }
}

/// `POST /users/2fa-sign-in-with-passkey`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post_second_factor(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let Some(answer) = assertion(&fields)? else {
        return Ok(back_to(SECOND_FACTOR, INVALID));
    };
    let (rename, device) = (Rename::of(&browser), browser.device());
    let outcome = app
        .mfa
        .use_passkey_as_second_factor(actor(&person, &device), &rename.names, answer)
        .await?;
    match outcome {
        SecondFactorOutcome::Unknown => Ok(back_to(SECOND_FACTOR, UNKNOWN)),
        SecondFactorOutcome::Refused => Ok(back_to(SECOND_FACTOR, INVALID)),
        SecondFactorOutcome::Proven => {
            browser.continue_as(rename.sid).await?;
            browser.trust(person.user_id);
            go_on(&browser).await
        }
    }
}

/// `POST /passkeys/verify-registration`: from the account.
///
/// # Errors
/// When a part of the house does not answer: nothing is added then.
pub async fn post_registration(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let created = format!("{ACCOUNT}?notification=passkey_successfully_created");
    register(&app, &browser, &fields, &created, ACCOUNT).await
}

/// `POST /users/passkeys/verify-registration`: on the way to a service.
///
/// # Errors
/// When a part of the house does not answer: nothing is added then.
pub async fn post_registration_on_the_way(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    register(&app, &browser, &fields, CONFIGURED, CHOICE).await
}

async fn register(
    app: &App,
    browser: &Browser,
    fields: &Fields,
    created: &str,
    refused: &str,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(browser).await?;
    let Some(answer) = answer_in(fields, "webauthn_registration_response_string")? else {
        return Ok(back_to(refused, INVALID));
    };
    let (rename, device) = (Rename::of(browser), browser.device());
    let outcome = app
        .mfa
        .register_passkey(actor(&person, &device), &rename.names, answer)
        .await?;
    match outcome {
        RegistrationOutcome::Invalid => Ok(back_to(refused, INVALID)),
        RegistrationOutcome::NotAllowed => Ok(redirect(&Place::SecondFactorForAdministration.path())),
        RegistrationOutcome::Registered => {
            browser.continue_as(rename.sid).await?;
            if browser.visit().await?.lost_second_factor {
                browser.update(|visit| visit.lost_second_factor = false).await?;
            }
            Ok(redirect(created))
        }
    }
}

/// `POST /delete-passkeys/{credential_id}`, once it was confirmed.
///
/// # Errors
/// When a part of the house does not answer: nothing is removed then.
pub async fn post_delete(
    app: Data<App>,
    browser: Browser,
    credential_id: Path<String>,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let Ok(credential_id) = CredentialId::parse(&credential_id) else {
        return Ok(back_to(ACCOUNT, UNKNOWN));
    };
    if !is_confirmed(&fields)? {
        let Some(name) = app.mfa.passkey_name(person.user_id, &credential_id).await? else {
            return Ok(back_to(ACCOUNT, UNKNOWN));
        };
        return ask(
            &app,
            &browser,
            confirmations::REMOVE_PASSKEY,
            Some(name),
            format!("/delete-passkeys/{credential_id}"),
            ACCOUNT.to_owned(),
        )
        .await;
    }
    let change = app
        .mfa
        .remove_passkey(actor(&person, &browser.device()), &credential_id)
        .await?;
    Ok(tell(change, "passkey_successfully_deleted"))
}

/// `POST /passkeys/rename`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post_rename(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let Ok(credential_id) = CredentialId::parse(fields.one("credential_id")?.unwrap_or_default()) else {
        return Ok(back_to(ACCOUNT, UNKNOWN));
    };
    let Some(name) = PasskeyName::parse(fields.one("display_name")?.unwrap_or_default()) else {
        return Ok(back_to(ACCOUNT, "invalid_passkey_name"));
    };
    let change = app
        .mfa
        .rename_passkey(actor(&person, &browser.device()), &credential_id, &name)
        .await?;
    Ok(tell(change, "passkey_successfully_renamed"))
}

fn tell(change: PasskeyChange, done: &str) -> HttpResponse {
    match change {
        PasskeyChange::Done => back_to(ACCOUNT, done),
        PasskeyChange::Unknown => back_to(ACCOUNT, UNKNOWN),
    }
}

/// What a passkey has signed: the JSON that a script of ours has put into its form.
fn assertion(fields: &Fields) -> Result<Option<&str>, PageError> {
    answer_in(fields, "webauthn_authentication_response_string")
}

/// Authenticators that attest with their certificates, asked to or not, answer with more than anybody types.
fn answer_in<'a>(fields: &'a Fields, name: &'static str) -> Result<Option<&'a str>, PageError> {
    Ok(fields.long(name)?.filter(|answer| !answer.is_empty()))
}

/// What ceremonies are bound to. Whoever gets here has a session: the form token, or an address, is in it.
fn session_of(browser: &Browser) -> Result<SessionKey, PageError> {
    browser
        .session_digest()
        .ok_or_else(|| PageError::fault("a ceremony takes place in no session"))
}

fn back_to(page: &str, notification: &str) -> HttpResponse {
    redirect(&format!("{page}?notification={notification}"))
}
