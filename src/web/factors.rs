//! Adding and removing second factors, in the account and on the way to a service.

use actix_web::HttpResponse;
use actix_web::web::Data;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qrcode::QrCode;
use qrcode::render::svg;

use super::app::App;
use super::confirmations::{self, ask, is_confirmed};
use super::error::PageError;
use super::form::{Form, Query};
use super::gate::{go_on, pass_by, redirect};
use super::page::{html, notification, notification_code, shell};
use super::pages::factors::{
    ChoicePage, ConfiguredPage, DuringSignIn, InAccount, RecoveryCodesPage, ToolType, TotpConfigurationPage,
    TotpSetUp, TotpToolPage, Way,
};
use super::second_factor::{INVALID_CODE, Rename, actor, spend_attempt, typed_code};
use super::session::Browser;
use super::verify_email::signed_in;
use crate::domain::{RecoveryCode, calendar};
use crate::journey::{ENROLMENT_WINDOW, Place, is_expired};
use crate::mfa::{EverywhereOutcome, TotpEnrolmentOutcome};

const ACCOUNT: &str = "/connection-and-account";
/// Side of the QR code, in units of the picture.
const QR_CODE_SIDE: u32 = 200;

/// `GET /double-authentication`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_choice_in_account(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let page = ChoicePage::<InAccount>::new(None, false);
    html(&app, &shell(&app, &browser, None).await?, &page)
}

/// `GET /users/double-authentication-choice`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_choice_during_sign_in(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let service = service_name(&browser).await?;
    let person = signed_in(&browser).await?;
    let service = service.unwrap_or_else(|| "ce service".to_owned());
    let page = ChoicePage::<DuringSignIn>::new(Some(service), person.used_two_factors());
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// The name that the relying party gives to the service behind it.
async fn service_name(browser: &Browser) -> Result<Option<String>, PageError> {
    let journey = browser.journey().await?;
    Ok(journey
        .interaction()
        .and_then(|interaction| interaction.sp_name.clone()))
}

/// `GET [/users]/is-totp-app-installed`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_tool<W: Way>(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let choice = query.one("radio-2fa")?;
    if choice == Some("dont-know") {
        return Ok(redirect(&format!("{}/mfa-decision-helper", W::PREFIX)));
    }
    // Where passkeys can be made, a script does so instead of coming here.
    let page = TotpToolPage::<W>::new(choice == Some("passkey"));
    html(&app, &shell(&app, &browser, None).await?, &page)
}

/// `GET [/users]/totp-configuration`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_totp<W: Way>(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let now = app.clock.now();
    if is_expired(browser.visit().await?.enrolling_since, ENROLMENT_WINDOW, now) {
        browser
            .update(move |visit| visit.enrolling_since = Some(now))
            .await?;
    }
    let enrolment = app
        .mfa
        .totp_enrolment(person.user_id, &person.session_uid, &person.email)
        .await?;
    let page = TotpConfigurationPage::<W>::new(TotpSetUp {
        qr_code: qr_code(&enrolment.uri)?,
        human_readable_key: enrolment.human_readable_key,
        tool_type: query.one("totp-tool-type")?.and_then(ToolType::parse),
        has_code_error: notification_code(&query) == Some(INVALID_CODE),
        replaces_another: person.has_totp,
    });
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// A picture of `text` for scanners, as an address that holds it whole.
fn qr_code(text: &str) -> Result<String, PageError> {
    let code = QrCode::new(text).map_err(PageError::fault)?;
    let picture = code
        .render::<svg::Color<'_>>()
        .min_dimensions(QR_CODE_SIDE, QR_CODE_SIDE)
        .build();
    Ok(format!("data:image/svg+xml;base64,{}", STANDARD.encode(picture)))
}

/// `POST [/users]/totp-configuration`
///
/// # Errors
/// When a part of the house does not answer, or the budget for this account is spent.
pub async fn post_totp<W: Way>(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    spend_attempt(&app, &browser, &person).await?;
    let typed = typed_code(&fields, "totpToken")?;
    let tool_type = fields.one("totp-tool-type")?.and_then(ToolType::parse);
    let (rename, device) = (Rename::of(&browser), browser.device());
    let outcome = app
        .mfa
        .enrol_totp(actor(&person, &device), &rename.names, typed)
        .await?;
    match outcome {
        TotpEnrolmentOutcome::Enrolled => {
            browser.continue_as(rename.sid).await?;
            browser
                .update(|visit| {
                    visit.lost_second_factor = false;
                    visit.enrolling_since = None;
                })
                .await?;
            Ok(redirect(W::ENROLLED))
        }
        TotpEnrolmentOutcome::InvalidCode | TotpEnrolmentOutcome::NoKeyOnTrial => {
            let tool_type = tool_type
                .map(|tool_type| format!("&totp-tool-type={}", tool_type.as_str()))
                .unwrap_or_default();
            let prefix = W::PREFIX;
            Ok(redirect(&format!(
                "{prefix}/totp-configuration?notification={INVALID_CODE}{tool_type}"
            )))
        }
        // Somebody added a factor elsewhere a moment ago: it is to be shown first.
        TotpEnrolmentOutcome::Refused => Ok(redirect(&Place::SecondFactorForAdministration.path())),
    }
}

/// `GET /users/2fa-successfully-configured`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_configured(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    if !signed_in(&browser).await?.used_two_factors() {
        return pass_by(&browser).await;
    }
    let page = ConfiguredPage {
        service: service_name(&browser).await?,
    };
    html(&app, &shell(&app, &browser, None).await?, &page)
}

/// `POST /users/2fa-successfully-configured`: goes on, also for somebody who replaces a lost factor later.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post_configured(browser: Browser, Form(_): Form) -> Result<HttpResponse, PageError> {
    if browser.visit().await?.lost_second_factor {
        browser.update(|visit| visit.lost_second_factor = false).await?;
    }
    go_on(&browser).await
}

/// `POST /delete-totp-configuration`, once it was confirmed.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post_delete_totp(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    if !is_confirmed(&fields)? {
        return ask(
            &app,
            &browser,
            confirmations::REMOVE_TOTP,
            None,
            "/delete-totp-configuration".to_owned(),
            ACCOUNT.to_owned(),
        )
        .await;
    }
    let person = signed_in(&browser).await?;
    app.mfa.remove_totp(actor(&person, &browser.device())).await?;
    Ok(redirect(&format!(
        "{ACCOUNT}?notification=authenticator_successfully_deleted"
    )))
}

/// `POST /set-force-2fa`
///
/// # Errors
/// When a part of the house does not answer, or the account has no second factor to ask for.
pub async fn post_everywhere(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let (everywhere, code) = match fields.required("force2fa")? {
        "enable" => (true, "2fa_successfully_enabled"),
        "disable" => (false, "2fa_successfully_disabled"),
        _ => return Err(PageError::BadRequest("Ce choix n’existe pas.")),
    };
    let person = signed_in(&browser).await?;
    let device = browser.device();
    match app
        .mfa
        .set_everywhere(actor(&person, &device), everywhere)
        .await?
    {
        EverywhereOutcome::Noted => Ok(redirect(&format!("{ACCOUNT}?notification={code}"))),
        EverywhereOutcome::NotCapable => Err(PageError::Unprocessable(
            "Ajoutez d’abord un second moyen de vous connecter.",
        )),
    }
}

/// `GET /codes-de-secours`: codes are shown once, where they are drawn.
///
/// # Errors
/// Never.
pub async fn get_recovery_codes(_: Browser) -> Result<HttpResponse, PageError> {
    Ok(redirect(ACCOUNT))
}

/// `POST /codes-de-secours`. That they replace others is confirmed first.
///
/// # Errors
/// When a part of the house does not answer, or the account has no second factor that they could stand in for.
pub async fn post_recovery_codes(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    if !is_confirmed(&fields)? && app.mfa.recovery_codes_left(person.user_id).await?.is_some() {
        return ask(
            &app,
            &browser,
            confirmations::REPLACE_RECOVERY_CODES,
            None,
            "/codes-de-secours".to_owned(),
            ACCOUNT.to_owned(),
        )
        .await;
    }
    let (device, session) = (browser.device(), browser.session_digest());
    let Some(codes) = app
        .mfa
        .draw_recovery_codes(actor(&person, &device), session.as_ref())
        .await?
    else {
        return Err(PageError::Unprocessable(
            "Ajoutez d’abord un second moyen de vous connecter.",
        ));
    };
    let page = RecoveryCodesPage {
        email: person.email,
        created_at: calendar::absolute(app.clock.now()),
        codes: codes.iter().map(RecoveryCode::expose).collect(),
    };
    html(&app, &shell(&app, &browser, None).await?, &page)
}
