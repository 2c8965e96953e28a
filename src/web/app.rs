//! What handlers share: services of the floor below, and the settings of the web floor.

use std::sync::Arc;

use actix_web::http::header::HeaderName;
use chrono::TimeDelta;
use identite_actors::clock::SharedClock;
use identite_actors::rate_limiter::RateLimiter;
use identite_actors::sessions::Sessions;
use url::Url;

use super::cookies::CookieJarRules;
use super::operator::HttpMetrics;
use super::registers::Pings;
use super::render::Renderer;
use super::security_headers::SecurityHeaders;
use crate::accounts::{Accounts, SessionTable};
use crate::certification::Certification;
use crate::journey::{Journeys, Visit};
use crate::mfa::Mfa;
use crate::oidc::Oidc;
use crate::organizations::Organizations;
use crate::organizations::directory::{Directory, OfficialContacts};
use crate::telemetry::AccessLog;

/// Everything a handler may ask for; one for each worker, over connections of its own.
pub struct App {
    pub settings: Arc<WebSettings>,
    pub clock: SharedClock,
    pub renderer: Arc<Renderer>,
    pub sessions: Sessions<Visit, SessionTable>,
    pub rate_limiter: RateLimiter,
    pub journeys: Journeys,
    pub accounts: Accounts,
    pub certification: Certification,
    pub organizations: Organizations,
    pub directory: Directory,
    pub contacts: OfficialContacts,
    pub pings: Arc<Pings>,
    pub mfa: Mfa,
    pub oidc: Oidc,
    pub access_log: AccessLog,
    pub http_metrics: HttpMetrics,
}

/// Settings of the web floor.
pub struct WebSettings {
    /// `HOST`: the public origin.
    pub host: Url,
    pub cookies: CookieJarRules,
    pub security_headers: SecurityHeaders,
    /// Sliding life of a browser session.
    pub session_max_age: TimeDelta,
    /// `TRUSTED_BROWSER_COOKIE_MAX_AGE_IN_SECONDS`
    pub trusted_browser_max_age: TimeDelta,
    /// `FEATURE_RATE_LIMIT_BY_IP`
    pub rate_limit_by_ip: bool,
    /// `FEATURE_RATE_LIMIT_BY_EMAIL`
    pub rate_limit_by_email: bool,
    /// `TLS_CLIENT_CERTIFICATE_HEADER`
    pub client_certificate_header: Option<HeaderName>,
    /// `TLS_CLIENT_CERTIFICATE_VERIFIED_HEADER`
    pub certificate_verified_header: Option<HeaderName>,
    /// `FEATURE_DISPLAY_TEST_ENV_WARNING`
    pub is_test_instance: bool,
}
