//! The account: identity, ways to sign in, deletion.

use actix_web::HttpResponse;
use actix_web::web::Data;
use chrono::{DateTime, TimeDelta, Utc};

use super::app::App;
use super::confirmations::{self, ask, is_confirmed};
use super::error::PageError;
use super::fields::Fields;
use super::form::{Form, Query};
use super::gate::{go_on, redirect};
use super::moderations::go_on_after_correction;
use super::page::{html, notification, notification_code, shell};
use super::pages::account::{
    ConnectionAndAccountPage, FieldErrors, IdentityPage, NameChoices, PHONE_NUMBER_ADVICE, PasskeyCard,
    PersonalInformationPage, RecoveryCodesCard,
};
use super::session::Browser;
use super::verify_email::signed_in;
use crate::accounts::{InvalidPersonalInformation, PasskeyOverview, PersonalInformationForm};
use crate::db::sessions::EndReason;
use crate::domain::passkey::name_of_unnamed;
use crate::domain::text::ecmascript_trim;
use crate::domain::{Job, PersonName, PersonalField, PhoneNumber, calendar};
use crate::journey::{PersonalDraft, PersonalForm, Prompt, is_expired};

/// Tells in the query that a form was refused a moment ago.
const REFUSED: &str = "invalid_personal_informations";
/// For so long a form that was refused is shown again.
const DRAFT_WINDOW: TimeDelta = TimeDelta::minutes(10);

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
    let mut view = app.accounts.personal_information(person.user_id).await?;
    let mut errors = FieldErrors::default();
    if let Some(draft) = draft_to_show(&app, &browser, &query, PersonalForm::Account).await? {
        errors = FieldErrors::new(&draft.faults, view.choice.is_some());
        view.given_name = Some(draft.given_name);
        view.family_name = Some(draft.family_name);
        view.phone_number = Some(draft.phone_number);
        view.job = Some(draft.job);
    }
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
        errors,
        phone_number_advice: PHONE_NUMBER_ADVICE,
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
        Ok(()) => {
            take_draft(&browser).await?;
            "personal_information_update_success"
        }
        Err(refusal) => {
            keep_draft(&app, &browser, PersonalForm::Account, form, refusal).await?;
            REFUSED
        }
    };
    Ok(redirect(&format!("/personal-information?notification={code}")))
}

/// Keeps a form that was refused, to be shown again.
async fn keep_draft(
    app: &App,
    browser: &Browser,
    form: PersonalForm,
    typed: PersonalInformationForm<'_>,
    refusal: InvalidPersonalInformation,
) -> Result<(), PageError> {
    // What is right is shown as it is: a value on record may be longer than its field.
    let shown = |field: PersonalField, typed: Option<&str>, limit: usize| {
        let text = ecmascript_trim(typed.unwrap_or_default());
        let is_at_fault = refusal.faults.iter().any(|fault| fault.field == field);
        let limit = if is_at_fault { limit } else { usize::MAX };
        text.chars().take(limit).collect::<String>()
    };
    let name_limit = PersonName::LIMIT_IN_CHARACTERS;
    let draft = PersonalDraft {
        form,
        kept_at: app.clock.now(),
        given_name: shown(PersonalField::GivenName, typed.given_name, name_limit),
        family_name: shown(PersonalField::FamilyName, typed.family_name, name_limit),
        phone_number: shown(
            PersonalField::PhoneNumber,
            typed.phone_number,
            PhoneNumber::LIMIT_IN_CHARACTERS,
        ),
        job: shown(PersonalField::Job, typed.job, Job::LIMIT_IN_CHARACTERS),
        faults: refusal.faults,
    };
    browser
        .update(move |visit| visit.personal_draft = Some(draft.clone()))
        .await
}

/// What was refused of `form` a moment ago, where the query tells of it. Whatever was kept is forgotten with this: whoever comes by
/// another way finds what is on record.
async fn draft_to_show(
    app: &App,
    browser: &Browser,
    query: &Fields,
    form: PersonalForm,
) -> Result<Option<PersonalDraft>, PageError> {
    let (is_told, now) = (notification_code(query) == Some(REFUSED), app.clock.now());
    let draft = take_draft(browser).await?;
    Ok(draft
        .filter(|draft| is_told && draft.form == form && !is_expired(Some(draft.kept_at), DRAFT_WINDOW, now)))
}

/// What was refused last: it is forgotten with this.
async fn take_draft(browser: &Browser) -> Result<Option<PersonalDraft>, PageError> {
    if browser.visit().await?.personal_draft.is_none() {
        return Ok(None);
    }
    browser.update(|visit| visit.personal_draft.take()).await
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
    let mut view = app.accounts.personal_information(person.user_id).await?;
    let mut errors = FieldErrors::default();
    let draft = draft_to_show(&app, &browser, &query, PersonalForm::Names).await?;
    // Names that FranceConnect told are not typed.
    if let Some(draft) = draft.filter(|_| view.choice.is_none()) {
        errors = FieldErrors::new(&draft.faults, false);
        view.given_name = Some(draft.given_name);
        view.family_name = Some(draft.family_name);
    }
    let page = IdentityPage {
        given_name: view.given_name,
        family_name: view.family_name,
        has_franceconnect_identity: view.choice.is_some(),
        needs_onboarding_help: person.needs_inclusionconnect_onboarding_help,
        errors,
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
    let form = PersonalInformationForm {
        given_name: fields.one("given_name")?,
        family_name: fields.one("family_name")?,
        phone_number: None,
        job: None,
    };
    let outcome = app
        .accounts
        .complete_names(person.user_id, form.given_name, form.family_name)
        .await?;
    if let Err(refusal) = outcome {
        keep_draft(&app, &browser, PersonalForm::Names, form, refusal).await?;
        return Ok(redirect(&format!(
            "/users/personal-information?notification={REFUSED}"
        )));
    }
    let reopened = browser
        .update(|visit| {
            visit.answer_prompt(Prompt::UpdateUserinfo);
            visit.personal_draft = None;
            visit.reopened_request.take()
        })
        .await?;
    browser.look_again();
    match reopened {
        Some(reopened) => go_on_after_correction(&app, &browser, &person, &reopened).await,
        None => go_on(&browser).await,
    }
}

/// `POST /users/delete`, once it was confirmed.
///
/// # Errors
/// When a part of the house does not answer: nothing is deleted then.
pub async fn post_delete(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    if !is_confirmed(&fields)? {
        return ask(
            &app,
            &browser,
            confirmations::DELETE_ACCOUNT,
            None,
            "/users/delete".to_owned(),
            "/connection-and-account".to_owned(),
        )
        .await;
    }
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
