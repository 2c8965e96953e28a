//! Where the account is open, and what happened to it.

use actix_web::HttpResponse;
use actix_web::web::Data;
use chrono::{DateTime, Utc};

use super::app::App;
use super::confirmations::{self, ask, is_confirmed};
use super::error::PageError;
use super::form::{Form, Query};
use super::gate::redirect;
use super::page::{html, notification, shell};
use super::pages::account::{HistoryCard, HistoryPage, SessionCard, SessionsPage};
use super::session::Browser;
use super::verify_email::signed_in;
use crate::accounts::{HistoryEntry, OpenSession};
use crate::domain::{Amr, calendar, user_agent};

const SESSIONS: &str = "/mes-sessions";

/// `GET /mes-sessions`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get(app: Data<App>, browser: Browser, Query(query): Query) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let now = app.clock.now();
    let mut sessions = app.accounts.open_sessions(person.user_id).await?;
    // The one that asks comes first, the others as they were used.
    sessions.sort_by_key(|session| session.uid != person.session_uid);
    let cards = sessions
        .into_iter()
        .map(|session| {
            let is_current = session.uid == person.session_uid;
            session_card(session, is_current, now)
        })
        .collect();
    html(
        &app,
        &shell(&app, &browser, notification(&query)).await?,
        &SessionsPage::new(cards),
    )
}

/// `POST /mes-sessions/fermer`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post_end(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let uid = fields.required("session")?;
    let has_ended = app
        .accounts
        .end_session(person.user_id, uid, &browser.device())
        .await?;
    if !has_ended {
        // It has ended by itself, or is somebody else's: either way there is nothing to close.
        return Ok(redirect(SESSIONS));
    }
    Ok(redirect(&format!("{SESSIONS}?notification=session_closed")))
}

/// `POST /mes-sessions/fermer-les-autres`, once it was confirmed.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post_end_others(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    if !is_confirmed(&fields)? {
        return ask(
            &app,
            &browser,
            confirmations::END_OTHER_SESSIONS,
            None,
            format!("{SESSIONS}/fermer-les-autres"),
            SESSIONS.to_owned(),
        )
        .await;
    }
    let person = signed_in(&browser).await?;
    app.accounts
        .end_other_sessions(person.user_id, browser.session_digest(), &browser.device())
        .await?;
    Ok(redirect(&format!(
        "{SESSIONS}?notification=other_sessions_closed"
    )))
}

/// `GET /mes-sessions/historique`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_history(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let before = match query.one("avant")? {
        Some(text) => Some(
            text.parse()
                .map_err(|_| PageError::BadRequest("Cette page n’existe pas."))?,
        ),
        None => None,
    };
    let (entries, has_more) = app.accounts.history(person.user_id, before).await?;
    let now = app.clock.now();
    let older = entries.last().filter(|_| has_more).map(|entry| entry.id);
    let page = HistoryPage {
        entries: entries
            .into_iter()
            .map(|entry| history_card(entry, now))
            .collect(),
        older,
    };
    html(&app, &shell(&app, &browser, None).await?, &page)
}

fn session_card(session: OpenSession, is_current: bool, now: DateTime<Utc>) -> SessionCard {
    SessionCard {
        browser: user_agent::describe(session.user_agent.as_deref()),
        signed_in_at: calendar::relative(session.signed_in_at, now),
        last_seen_at: calendar::relative(session.last_seen_at, now),
        ip_address: session.ip_address,
        method: described(&session.methods),
        uid: session.uid,
        is_current,
    }
}

fn history_card(entry: HistoryEntry, now: DateTime<Utc>) -> HistoryCard {
    HistoryCard {
        event: entry.event.description(),
        occurred_at: calendar::relative(entry.occurred_at, now),
        method: entry.method.and_then(method_name).map(str::to_owned),
        browser: entry
            .user_agent
            .map(|header| user_agent::describe(Some(header.as_str()))),
        ip_address: entry.ip_address,
    }
}

/// `mot de passe, code par e-mail`
fn described(methods: &[Amr]) -> String {
    methods
        .iter()
        .filter_map(|method| method_name(*method))
        .collect::<Vec<_>>()
        .join(", ")
}

/// How a method is called; `None` for what is no step of its own.
fn method_name(method: Amr) -> Option<&'static str> {
    Some(match method {
        Amr::Pwd => "mot de passe",
        Amr::Pop => "clé d’accès",
        Amr::Totp => "code à usage unique",
        Amr::RecoveryCode => "code de secours",
        Amr::EmailLink => "lien de connexion",
        Amr::EmailOtp => "code par e-mail",
        Amr::Uv | Amr::Mfa => return None,
    })
}
