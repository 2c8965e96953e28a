//! The one table where a reader sees every path with its requirements, its budget and its handlers.

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{ServiceConfig, get, head, method, post, resource, to};
use actix_web::{Resource, Route};

use super::error::PageError;
use super::gate::{self, AuthorizationHeader, Caching, Gate};
use super::pages::factors::{DuringSignIn, InAccount};
use super::{
    account, api, assets, budgets, certification, decision_helper, factors, franceconnect, home,
    join_organization, legal, magic_link, manage_organizations, moderations, official_contact, oidc,
    passkeys, passwords, registers, second_factor, select_organization, sign_in, sign_up, verify_email,
    welcome, where_signed_in,
};
use crate::journey::{Ladder, ladders};

/// Mounts everything that people and relying parties reach.
pub fn mount(config: &mut ServiceConfig) {
    oidc::mount(config);
    registers::mount(config);
    asset_files(config);
    account_pages(config);
    sign_in_pages(config);
    organization_pages(config);
    way_pages(config);
    factor_pages(config);
    second_factor_pages(config);
    ceremonies(config);
    config.service(unknown());
}

/// What browsers load besides pages.
fn asset_files(config: &mut ServiceConfig) {
    const DIST: &str = "/dist/{path:.*}";
    const FAVICON: &str = "/favicon.ico";
    config
        .route(DIST, get().to(assets::dist))
        .route(DIST, head().to(assets::dist))
        .route(DIST, method(Method::OPTIONS).to(asset_methods))
        .route(FAVICON, get().to(assets::favicon))
        .route(FAVICON, head().to(assets::favicon))
        .route(FAVICON, method(Method::OPTIONS).to(asset_methods));
}

async fn asset_methods() -> actix_web::HttpResponse {
    gate::options("GET,HEAD")
}

/// The account. Path, requirements, handlers.
#[rustfmt::skip]
fn account_pages(config: &mut ServiceConfig) {
    config
        .service(account_page("/", ladders::DASHBOARD, Methods::get(home::get)))
        .service(account_page("/connection-and-account", ladders::ADMINISTRATION, Methods::get(account::get_connection)))
        .service(account_page("/personal-information", ladders::DASHBOARD, Methods::get(account::get_personal_information).post(account::post_personal_information)))
        .service(account_page("/mes-sessions", ladders::DASHBOARD, Methods::get(where_signed_in::get)))
        .service(account_page("/mes-sessions/fermer", ladders::DASHBOARD, Methods::only_post(where_signed_in::post_end)))
        .service(account_page("/mes-sessions/fermer-les-autres", ladders::DASHBOARD, Methods::only_post(where_signed_in::post_end_others)))
        .service(account_page("/mes-sessions/historique", ladders::DASHBOARD, Methods::get(where_signed_in::get_history)))
        .service(account_page("/manage-organizations", ladders::DASHBOARD, Methods::get(manage_organizations::get)))
        .service(account_page("/users/quit-organization/{id}", ladders::MEMBER, Methods::only_post(manage_organizations::post_quit)))
        .service(account_page("/users/cancel-moderation/{id}", ladders::DASHBOARD, Methods::only_post(manage_organizations::post_cancel)))
        .service(account_page("/users/delete", ladders::ADMINISTRATION, Methods::only_post(account::post_delete)))
        .service(stop("/conditions-generales-d-utilisation", ladders::OPEN, Methods::get(legal::get_terms)))
        .service(stop("/politique-de-confidentialite", ladders::OPEN, Methods::get(legal::get_privacy)))
        .service(stop("/accessibilite", ladders::OPEN, Methods::get(legal::get_accessibility)));
}

/// Signing in and up; proving an address; passwords.
#[rustfmt::skip]
fn sign_in_pages(config: &mut ServiceConfig) {
    config
        .service(page("/users/start-sign-in", ladders::OPEN, Methods::get(sign_in::get_start).post(sign_in::post_start)))
        .service(page("/users/inclusionconnect-welcome", ladders::EMAIL_TYPED, Methods::get(sign_up::get_welcome).post(sign_up::post_welcome)))
        .service(password_page("/users/sign-in", ladders::CREDENTIAL_PROMPT, Methods::get(sign_in::get_password).post(sign_in::post_password)))
        .service(password_page("/users/sign-up", ladders::CREDENTIAL_PROMPT, Methods::get(sign_up::get).post(sign_up::post)))
        .service(page("/users/send-magic-link", ladders::CREDENTIAL_PROMPT, Methods::only_post(magic_link::post_send)))
        .service(page("/users/magic-link-sent", ladders::OPEN, Methods::get(magic_link::get_sent)))
        .service(page("/users/sign-in-with-magic-link", ladders::OPEN, Methods::get(magic_link::get).post(magic_link::post)))
        .service(page("/users/verify-email", ladders::SIGNED_IN, Methods::get(verify_email::get).post(verify_email::post)))
        .service(page("/users/send-email-verification", ladders::SIGNED_IN, Methods::only_post(verify_email::post_send)))
        .service(page("/users/reset-password", ladders::OPEN, Methods::get(passwords::get_reset).post(passwords::post_reset)))
        .service(password_page("/users/change-password", ladders::OPEN, Methods::get(passwords::get_change).post(passwords::post_change)));
}

/// Showing a second factor; choosing one; where it is asked for; recovery codes.
#[rustfmt::skip]
fn second_factor_pages(config: &mut ServiceConfig) {
    config
        .service(page("/users/2fa-sign-in", ladders::EMAIL_VERIFIED, Methods::get(second_factor::get)))
        .service(page("/users/2fa-sign-in-with-totp", ladders::EMAIL_VERIFIED, Methods::only_post(second_factor::post_totp)))
        .service(page("/users/2fa-sign-in-with-recovery-code", ladders::EMAIL_VERIFIED, Methods::get(second_factor::get_recovery).post(second_factor::post_recovery)))
        .service(page("/users/double-authentication-choice", ladders::ENROLMENT, Methods::get(factors::get_choice_during_sign_in)))
        .service(page("/users/2fa-successfully-configured", ladders::EMAIL_PROVEN, Methods::get(factors::get_configured).post(factors::post_configured)))
        .service(account_page("/double-authentication", ladders::ADMINISTRATION, Methods::get(factors::get_choice_in_account)))
        .service(account_page("/delete-totp-configuration", ladders::ADMINISTRATION, Methods::only_post(factors::post_delete_totp)))
        .service(account_page("/set-force-2fa", ladders::ADMINISTRATION, Methods::only_post(factors::post_everywhere)))
        .service(account_page("/codes-de-secours", ladders::ADMINISTRATION, Methods::get(factors::get_recovery_codes).post(factors::post_recovery_codes)));
}

/// Adding an application of one-time codes, and the questions that lead to a factor: the same in the account and on the way to a service.
#[rustfmt::skip]
fn factor_pages(config: &mut ServiceConfig) {
    config
        .service(account_page("/is-totp-app-installed", ladders::ADMINISTRATION, Methods::get(factors::get_tool::<InAccount>)))
        .service(account_page("/totp-configuration", ladders::TOTP_ADMINISTRATION, Methods::get(factors::get_totp::<InAccount>).post(factors::post_totp::<InAccount>)))
        .service(account_page("/mfa-decision-helper", ladders::ADMINISTRATION, Methods::get(decision_helper::get_device::<InAccount>)))
        .service(account_page("/mfa-decision-helper/passkey", ladders::ADMINISTRATION, Methods::get(decision_helper::get_passkey::<InAccount>)))
        .service(account_page("/mfa-decision-helper/can-install-software", ladders::ADMINISTRATION, Methods::get(decision_helper::get_software_question::<InAccount>)))
        .service(account_page("/mfa-decision-helper/can-install-software/software", ladders::ADMINISTRATION, Methods::get(decision_helper::get_software::<InAccount>)))
        .service(account_page("/mfa-decision-helper/can-install-software/smartphone", ladders::ADMINISTRATION, Methods::get(decision_helper::get_smartphone_question::<InAccount>)))
        .service(account_page("/mfa-decision-helper/can-install-software/smartphone/app", ladders::ADMINISTRATION, Methods::get(decision_helper::get_smartphone::<InAccount>)))
        .service(account_page("/mfa-decision-helper/can-install-software/external-help-needed", ladders::ADMINISTRATION, Methods::get(decision_helper::get_external_help::<InAccount>)))
        .service(page("/users/is-totp-app-installed", ladders::ENROLMENT, Methods::get(factors::get_tool::<DuringSignIn>)))
        .service(page("/users/totp-configuration", ladders::TOTP_ENROLMENT, Methods::get(factors::get_totp::<DuringSignIn>).post(factors::post_totp::<DuringSignIn>)))
        .service(page("/users/mfa-decision-helper", ladders::ENROLMENT, Methods::get(decision_helper::get_device::<DuringSignIn>)))
        .service(page("/users/mfa-decision-helper/passkey", ladders::ENROLMENT, Methods::get(decision_helper::get_passkey::<DuringSignIn>)))
        .service(page("/users/mfa-decision-helper/can-install-software", ladders::ENROLMENT, Methods::get(decision_helper::get_software_question::<DuringSignIn>)))
        .service(page("/users/mfa-decision-helper/can-install-software/software", ladders::ENROLMENT, Methods::get(decision_helper::get_software::<DuringSignIn>)))
        .service(page("/users/mfa-decision-helper/can-install-software/smartphone", ladders::ENROLMENT, Methods::get(decision_helper::get_smartphone_question::<DuringSignIn>)))
        .service(page("/users/mfa-decision-helper/can-install-software/smartphone/app", ladders::ENROLMENT, Methods::get(decision_helper::get_smartphone::<DuringSignIn>)))
        .service(page("/users/mfa-decision-helper/can-install-software/external-help-needed", ladders::ENROLMENT, Methods::get(decision_helper::get_external_help::<DuringSignIn>)));
}

/// Joining an organization.
#[rustfmt::skip]
fn organization_pages(config: &mut ServiceConfig) {
    config
        .service(page("/users/join-organization", ladders::DASHBOARD, Methods::get(join_organization::get).post(join_organization::post)))
        .service(page("/users/organization-suggestions", ladders::DASHBOARD, Methods::get(join_organization::get_suggestions)))
        .service(page("/users/join-organization-confirm", ladders::DASHBOARD, Methods::get(join_organization::get_confirm)))
        .service(page("/users/domain-not-allowed-for-organization", ladders::DASHBOARD, Methods::get(join_organization::get_domain_not_allowed)))
        .service(page("/users/domain-refused-for-organization", ladders::DASHBOARD, Methods::get(join_organization::get_domain_refused)))
        .service(page("/users/access-restricted-to-public-sector-email", ladders::DASHBOARD, Methods::get(join_organization::get_public_sector_only)))
        .service(page("/users/access-restricted-to-private-sector-email", ladders::DASHBOARD, Methods::get(join_organization::get_private_sector)))
        .service(page("/users/unable-to-auto-join-organization", ladders::DASHBOARD, Methods::get(moderations::get_pending)))
        .service(page("/users/moderation-rejected", ladders::DASHBOARD, Methods::get(moderations::get_rejected)))
        .service(page("/users/cancel-moderation-and-redirect-to-sign-in/{id}", ladders::DASHBOARD, Methods::only_post(moderations::post_cancel_to_sign_in)))
        .service(page("/users/cancel-moderation-and-redirect-to-join-org/{id}", ladders::DASHBOARD, Methods::only_post(moderations::post_cancel_to_join)))
        .service(page("/users/cancel-moderation-and-redirect-to-personal-information/{id}", ladders::DASHBOARD, Methods::only_post(moderations::post_cancel_to_personal_information)))
        .service(page("/users/reopen-moderation/{id}", ladders::DASHBOARD, Methods::only_post(moderations::post_reopen)))
        .service(page("/users/official-contact-ask-which-email/{id}", ladders::SELECTED, Methods::get(official_contact::get_ask)))
        .service(page("/users/official-contact-email-verification/{id}", ladders::SELECTED, Methods::get(official_contact::get).post(official_contact::post)));
}

/// What is met on the way to a service.
#[rustfmt::skip]
fn way_pages(config: &mut ServiceConfig) {
    config
        .service(page("/users/personal-information", ladders::DASHBOARD, Methods::get(account::get_identity).post(account::post_identity)))
        .service(page("/users/franceconnect", ladders::DASHBOARD, Methods::get(franceconnect::get)))
        .service(page("/users/franceconnect/login", ladders::DASHBOARD, Methods::only_post(franceconnect::post_login)))
        .service(page("/users/franceconnect/login/callback", ladders::DASHBOARD, Methods::get(franceconnect::get_login_callback)))
        .service(page("/users/franceconnect/logout/callback", ladders::DASHBOARD, Methods::get(franceconnect::get_logout_callback)))
        .service(page("/users/personal-information/franceconnect/login", ladders::DASHBOARD, Methods::only_post(franceconnect::post_account_login)))
        .service(page("/users/personal-information/franceconnect/login/callback", ladders::DASHBOARD, Methods::get(franceconnect::get_account_login_callback)))
        .service(page("/users/personal-information/franceconnect/logout/callback", ladders::DASHBOARD, Methods::get(franceconnect::get_account_logout_callback)))
        .service(page("/users/certification-dirigeant", ladders::DASHBOARD, Methods::get(certification::get)))
        .service(page("/users/certification-dirigeant/organization-not-covered-error", ladders::DASHBOARD, Methods::get(certification::get_not_covered)))
        .service(page("/users/certification-dirigeant/no-match-error", ladders::DASHBOARD, Methods::get(certification::get_no_match)))
        .service(page("/users/certification-dirigeant/close-match-error", ladders::DASHBOARD, Methods::get(certification::get_close_match)))
        .service(page("/users/welcome/dirigeant", ladders::DASHBOARD, Methods::get(certification::get_welcome)))
        .service(page("/users/select-organization", ladders::MEMBER, Methods::get(select_organization::get).post(select_organization::post)))
        .service(page("/users/welcome", ladders::CONFIRMED, Methods::get(welcome::get).post(welcome::post)));
}

/// Passkeys: what scripts ask, what they send.
#[rustfmt::skip]
fn ceremonies(config: &mut ServiceConfig) {
    config
        .service(api::question("/api/webauthn/generate-registration-options", ladders::ENROLMENT, passkeys::get_registration_options))
        .service(api::question("/api/webauthn/generate-authentication-options-for-first-factor", ladders::CREDENTIAL_PROMPT, passkeys::get_first_factor_options))
        .service(api::question("/api/webauthn/generate-authentication-options-for-second-factor", ladders::EMAIL_VERIFIED, passkeys::get_second_factor_options))
        .service(api::question("/api/webauthn/generate-authentication-options-for-discoverable", ladders::OPEN, passkeys::get_discoverable_options))
        .service(page("/users/sign-in-with-passkey", ladders::CREDENTIAL_PROMPT, Methods::only_post(passkeys::post_first_factor)))
        .service(page("/users/sign-in-with-discoverable-passkey", ladders::OPEN, Methods::only_post(passkeys::post_discoverable)))
        .service(page("/users/2fa-sign-in-with-passkey", ladders::EMAIL_VERIFIED, Methods::only_post(passkeys::post_second_factor)))
        .service(page("/users/passkeys/verify-registration", ladders::ENROLMENT, Methods::only_post(passkeys::post_registration_on_the_way)))
        .service(account_page("/passkeys/verify-registration", ladders::ADMINISTRATION, Methods::only_post(passkeys::post_registration)))
        .service(account_page("/passkeys/rename", ladders::ADMINISTRATION, Methods::only_post(passkeys::post_rename)))
        .service(account_page("/delete-passkeys/{credential_id}", ladders::ADMINISTRATION, Methods::only_post(passkeys::post_delete)));
}

/// The handlers of a path.
pub struct Methods {
    routes: Vec<Route>,
    allow: &'static str,
}

impl Methods {
    /// Answers GET.
    pub fn get<F, Args>(handler: F) -> Self
    where
        F: actix_web::Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        Self {
            routes: vec![get().to(handler)],
            allow: "GET,HEAD",
        }
    }

    /// Answers POST only.
    pub fn only_post<F, Args>(handler: F) -> Self
    where
        F: actix_web::Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        Self {
            routes: vec![post().to(handler)],
            allow: "POST",
        }
    }

    /// … and POST.
    #[must_use]
    pub fn post<F, Args>(mut self, handler: F) -> Self
    where
        F: actix_web::Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        self.routes.push(post().to(handler));
        self.allow = "GET,HEAD,POST";
        self
    }
}

/// A page of ours behind its gate, on the budget of pages.
#[must_use]
pub fn page(path: &str, ladder: Ladder, methods: Methods) -> impl HttpServiceFactory + 'static {
    gated(path, page_gate(ladder, &methods), methods)
}

/// A page of somebody's account.
#[must_use]
fn account_page(path: &str, ladder: Ladder, methods: Methods) -> impl HttpServiceFactory + 'static {
    let gate = Gate {
        leaves_request: true,
        ..page_gate(ladder, &methods)
    };
    gated(path, gate, methods)
}

/// A page with a form that holds a password.
#[must_use]
fn password_page(path: &str, ladder: Ladder, methods: Methods) -> impl HttpServiceFactory + 'static {
    let gate = Gate {
        hashes_passwords: true,
        ..page_gate(ladder, &methods)
    };
    gated(path, gate, methods)
}

/// A stop on the way from or to a relying party, or a text for whoever comes by: the header `Authorization`, which programs may add to
/// requests, is passed over (spec/accounts.md Q-24).
#[must_use]
pub fn stop(path: &str, ladder: Ladder, methods: Methods) -> impl HttpServiceFactory + 'static {
    let gate = Gate {
        authorization: AuthorizationHeader::Ignored,
        ..page_gate(ladder, &methods)
    };
    gated(path, gate, methods)
}

/// What every page asks for.
fn page_gate(ladder: Ladder, methods: &Methods) -> Gate {
    Gate {
        ladder,
        budget_by_ip: Some(budgets::PAGES),
        allow: methods.allow,
        caching: Caching::NoStoreAnywhere,
        authorization: AuthorizationHeader::Refused,
        hashes_passwords: false,
        leaves_request: false,
    }
}

fn gated(path: &str, gate: Gate, methods: Methods) -> impl HttpServiceFactory + 'static {
    methods
        .routes
        .into_iter()
        .fold(resource(path), Resource::route)
        .default_service(to(not_found))
        .wrap(from_fn(move |request, next| gate::pass(gate, request, next)))
}

/// Everything else.
fn unknown() -> impl HttpServiceFactory + 'static {
    let gate = Gate {
        ladder: ladders::OPEN,
        budget_by_ip: None,
        allow: "",
        caching: Caching::NoStoreAnywhere,
        authorization: AuthorizationHeader::Ignored,
        hashes_passwords: false,
        leaves_request: false,
    };
    resource("/{path:.*}")
        .default_service(to(not_found))
        .wrap(from_fn(move |request, next| gate::pass(gate, request, next)))
}

async fn not_found() -> Result<actix_web::HttpResponse, PageError> {
    Err(PageError::NotFound)
}
