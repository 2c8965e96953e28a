//! The account: identity, ways to sign in, deletion.

use actix_web::HttpResponse;
use actix_web::web::Data;
use chrono::{DateTime, Utc};

use super::app::App;
use super::error::PageError;
use super::form::{Form, Query};
use super::gate::{go_on, redirect};
use super::page::{html, notification, shell};
use super::pages::account::{
    ConnectionAndAccountPage, IdentityPage, NameChoices, PasskeyCard, PersonalInformationPage,
    RecoveryCodesCard,
};
use super::session::Browser;
use super::verify_email::signed_in;
use crate::accounts::{PasskeyOverview, PersonalInformationForm};
use crate::db::sessions::EndReason;
use crate::domain::calendar;
use crate::domain::passkey::name_of_unnamed;
use crate::journey::Prompt;

/// `GET /connection-and-account`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_connection(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let overview = app.accounts.overview(person.user_id).await?;
    let codes_left = app.mfa.recovery_codes_left(person.user_id).await?;
    let now = app.clock.now();
    let page = ConnectionAndAccountPage {
        email: overview.email,
        totp_created_at: overview
            .totp_added_at
            .map(|instant| calendar::relative(instant, now)),
        is_2fa_capable: overview.totp_added_at.is_some() || !overview.passkeys.is_empty(),
        passkeys: overview
            .passkeys
            .into_iter()
            .map(|passkey| card(passkey, now))
            .collect(),
        force_2fa: overview.force_2fa,
        recovery_codes: RecoveryCodesCard::new(codes_left),
    };
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

fn card(passkey: PasskeyOverview, now: DateTime<Utc>) -> PasskeyCard {
    let unnamed = || name_of_unnamed(&passkey.credential_id);
    PasskeyCard {
        display_name: passkey.display_name.clone().unwrap_or_else(unnamed),
        created_at: calendar::relative(passkey.created_at, now),
        last_used_at: passkey
            .last_used_at
            .map(|instant| calendar::relative(instant, now)),
        usage_count: i64::from(passkey.usage_count),
        second_factor_only: passkey.is_second_factor_only,
        credential_id: passkey.credential_id,
    }
}

/// `GET /personal-information`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_personal_information(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let view = app.accounts.personal_information(person.user_id).await?;
    let name_choices = view.choice.map(|choice| {
        NameChoices::new(
            (choice.given_names, view.given_name.as_deref()),
            (choice.family_names, view.family_name.as_deref()),
        )
    });
    let page = PersonalInformationPage {
        given_name: view.given_name,
        family_name: view.family_name,
        phone_number: view.phone_number,
        job: view.job,
        name_choices,
    };
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// `POST /personal-information`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post_personal_information(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let form = PersonalInformationForm {
        given_name: fields.one("given_name")?,
        family_name: fields.one("family_name")?,
        phone_number: fields.one("phone_number")?,
        job: fields.one("job")?,
    };
    let outcome = app
        .accounts
        .update_personal_information(person.user_id, form, &browser.device())
        .await?;
    let code = match outcome {
        Ok(()) => "personal_information_update_success",
        Err(_) => "invalid_personal_informations",
    };
    Ok(redirect(&format!("/personal-information?notification={code}")))
}

/// `GET /users/personal-information`: the names, on the way to a service.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_identity(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let view = app.accounts.personal_information(person.user_id).await?;
    let page = IdentityPage {
        given_name: view.given_name,
        family_name: view.family_name,
        has_franceconnect_identity: view.choice.is_some(),
        needs_onboarding_help: person.needs_inclusionconnect_onboarding_help,
    };
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// `POST /users/personal-information`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post_identity(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let outcome = app
        .accounts
        .complete_names(
            person.user_id,
            fields.one("given_name")?,
            fields.one("family_name")?,
        )
        .await?;
    if outcome.is_err() {
        return Ok(redirect(
            "/users/personal-information?notification=invalid_personal_informations",
        ));
    }
    browser
        .update(|visit| visit.answer_prompt(Prompt::UpdateUserinfo))
        .await?;
    browser.look_again();
    go_on(&browser).await
}

/// `POST /users/delete`
///
/// # Errors
/// When a part of the house does not answer: nothing is deleted then.
pub async fn post_delete(app: Data<App>, browser: Browser, Form(_): Form) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    app.accounts
        .delete_account(person.user_id, &browser.device())
        .await?;
    browser.sign_out(EndReason::AccountDeleted).await?;
    browser.forget_person();
    Ok(redirect(
        "/users/start-sign-in?notification=user_successfully_deleted",
    ))
}
