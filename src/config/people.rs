//! Sessions, accounts, organizations, the protocol's lifetimes, and mails.

use std::time::Duration;

use lettre::Address;
use url::Url;

use super::environment::DeployEnv;
use super::masking;
use super::reader::Reader;
use super::smtp::SmtpServer;

/// How long a browser stays signed in.
#[derive(Debug, Clone)]
pub struct SessionsConfig {
    /// `SESSION_MAX_AGE_IN_SECONDS`: a session ends when unused for this long.
    pub max_age: Duration,
    /// `SESSION_ABSOLUTE_MAX_AGE_IN_SECONDS`: a session ends this long after the sign-in even if used.
    pub absolute_max_age: Duration,
    /// `RECENT_LOGIN_INTERVAL_IN_SECONDS`: sensitive pages ask for a sign-in at most this old.
    pub recent_login_interval: Duration,
    /// `TRUSTED_BROWSER_COOKIE_MAX_AGE_IN_SECONDS`
    pub trusted_browser_max_age: Duration,
}

impl SessionsConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            max_age: reader.seconds("SESSION_MAX_AGE_IN_SECONDS", 86_400),
            absolute_max_age: reader.seconds("SESSION_ABSOLUTE_MAX_AGE_IN_SECONDS", 30 * 86_400),
            recent_login_interval: reader.seconds("RECENT_LOGIN_INTERVAL_IN_SECONDS", 900),
            trusted_browser_max_age: reader.seconds("TRUSTED_BROWSER_COOKIE_MAX_AGE_IN_SECONDS", 7_776_000),
        }
    }
}

/// How an account is opened and proven.
#[derive(Debug, Clone)]
pub struct AccountsConfig {
    /// `FEATURE_AUTHENTICATE_BROWSER`: an unknown browser passes an e-mail verification.
    pub authenticate_browser: bool,
    /// `FEATURE_CHECK_EMAIL_DELIVERABILITY`: new addresses are submitted to Debounce.
    pub check_email_deliverability: bool,
    /// `MAGIC_LINK_TOKEN_EXPIRATION_DURATION_IN_MINUTES`
    pub magic_link_lifetime: Duration,
    /// `RESET_PASSWORD_TOKEN_EXPIRATION_DURATION_IN_MINUTES`
    pub reset_password_lifetime: Duration,
    /// `VERIFY_EMAIL_TOKEN_EXPIRATION_DURATION_IN_MINUTES`
    pub verify_email_lifetime: Duration,
    /// `MAX_DURATION_BETWEEN_TWO_EMAIL_ADDRESS_VERIFICATION_IN_MINUTES`: an address is verified again after this.
    pub email_verification_max_age: Duration,
    /// `MIN_DURATION_BETWEEN_TWO_VERIFICATION_CODE_SENDING_IN_SECONDS`: countdown before a new code may be asked.
    pub verification_code_resend_delay: Duration,
}

impl AccountsConfig {
    /// How long the code sent to an organization's official contact lives. Not configurable.
    pub const OFFICIAL_CONTACT_CODE_LIFETIME: Duration = Duration::from_hours(1);

    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            authenticate_browser: reader.flag("FEATURE_AUTHENTICATE_BROWSER", false),
            check_email_deliverability: reader.flag("FEATURE_CHECK_EMAIL_DELIVERABILITY", false),
            magic_link_lifetime: reader.minutes("MAGIC_LINK_TOKEN_EXPIRATION_DURATION_IN_MINUTES", 60),
            reset_password_lifetime: reader
                .minutes("RESET_PASSWORD_TOKEN_EXPIRATION_DURATION_IN_MINUTES", 60),
            verify_email_lifetime: reader.minutes("VERIFY_EMAIL_TOKEN_EXPIRATION_DURATION_IN_MINUTES", 60),
            email_verification_max_age: reader.minutes(
                "MAX_DURATION_BETWEEN_TWO_EMAIL_ADDRESS_VERIFICATION_IN_MINUTES",
                129_600,
            ),
            verification_code_resend_delay: reader.seconds(
                "MIN_DURATION_BETWEEN_TWO_VERIFICATION_CODE_SENDING_IN_SECONDS",
                1200,
            ),
        }
    }
}

/// How people join and represent organizations.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a toggle of its own that operators know by name"
)]
pub struct OrganizationsConfig {
    /// `FEATURE_BYPASS_MODERATION`: what would need a moderation becomes a link of type `bypassed`.
    pub bypass_moderation: bool,
    /// `FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_FREE`: every domain counts as a free mailbox provider; looked at first.
    pub consider_all_email_domains_as_free: bool,
    /// `FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE`: no domain counts as free; looked at second.
    pub consider_all_email_domains_as_non_free: bool,
    /// `FEATURE_USE_ANNUAIRE_EMAILS`: official contacts are written to; else `test_contact_email` replaces them.
    pub use_annuaire_emails: bool,
    /// `TEST_CONTACT_EMAIL`
    pub test_contact_email: String,
    /// `MAX_SUGGESTED_ORGANIZATIONS`: above, only those holding at least a fifth of the domain's members are suggested.
    pub max_suggested: u64,
    /// `ORGANIZATION_INFO_FRESH_IN_MINUTES`: what the register said is taken for this long.
    pub info_fresh_for: Duration,
    /// `ORGANIZATION_INFO_STALE_IN_MINUTES`: for this long after that it is taken while it is fetched anew.
    pub info_stale_for: Duration,
    /// `CERTIFICATION_DIRIGEANT_MAX_AGE_IN_MINUTES`: a dirigeant certification is checked again after this.
    pub certification_dirigeant_max_age: Duration,
    /// `FRANCECONNECT_VERIFICATION_MAX_AGE_IN_MINUTES`: a `FranceConnect` identity is valid for this long.
    pub franceconnect_verification_max_age: Duration,
}

impl OrganizationsConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            bypass_moderation: reader.flag("FEATURE_BYPASS_MODERATION", false),
            consider_all_email_domains_as_free: reader
                .flag("FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_FREE", false),
            consider_all_email_domains_as_non_free: reader
                .flag("FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE", true),
            use_annuaire_emails: reader.flag("FEATURE_USE_ANNUAIRE_EMAILS", false),
            test_contact_email: reader.text("TEST_CONTACT_EMAIL", "mairie@yopmail.com"),
            max_suggested: reader.number("MAX_SUGGESTED_ORGANIZATIONS", 3, 0..=u64::MAX),
            info_fresh_for: reader.minutes("ORGANIZATION_INFO_FRESH_IN_MINUTES", 60),
            info_stale_for: reader.minutes("ORGANIZATION_INFO_STALE_IN_MINUTES", 7 * 24 * 60),
            certification_dirigeant_max_age: reader
                .minutes("CERTIFICATION_DIRIGEANT_MAX_AGE_IN_MINUTES", 1440),
            franceconnect_verification_max_age: reader
                .minutes("FRANCECONNECT_VERIFICATION_MAX_AGE_IN_MINUTES", 129_600),
        }
    }
}

/// Lifetimes of the protocol's artefacts. Grants live as long as the session.
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// `AUTHORIZATION_CODE_TTL_IN_SECONDS`
    pub authorization_code_lifetime: Duration,
    /// `TLS_CLIENT_CERTIFICATE_HEADER`: where the trusted proxy puts the certificate of a client (RFC 8705); `None`: nowhere.
    pub client_certificate_header: Option<String>,
    /// `TLS_CLIENT_CERTIFICATE_VERIFIED_HEADER`: where it says whether it has verified that certificate; `None`: nowhere.
    pub certificate_verified_header: Option<String>,
    /// `FEATURE_LIMIT_CLAIMS_TO_CLIENT_SCOPES`: the parameter `claims` gives no more than the client's scopes allow.
    pub limit_claims_to_client_scopes: bool,
    /// `FEATURE_LIMIT_INTROSPECTION_TO_OWN_TOKENS`: a client learns about its own tokens only.
    pub limit_introspection_to_own_tokens: bool,
    /// `FEATURE_CONFIRM_LOGOUT`: a logout without a valid hint asks the person first.
    pub confirm_unhinted_logout: bool,
}

impl OidcConfig {
    /// How long an access token lives. Not configurable.
    pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_hours(1);
    /// How long a person may take between the authorization request and its answer. Not configurable.
    pub const INTERACTION_LIFETIME: Duration = Duration::from_hours(1);

    /// Whether the proxy says which certificates it has verified: clients can prove themselves by the name in theirs.
    #[must_use]
    pub const fn tells_verified_certificates(&self) -> bool {
        self.client_certificate_header.is_some() && self.certificate_verified_header.is_some()
    }

    pub(super) fn read(reader: &mut Reader) -> Self {
        let seconds = reader.number("AUTHORIZATION_CODE_TTL_IN_SECONDS", 600, 1..=3600);
        Self {
            authorization_code_lifetime: Duration::from_secs(seconds),
            client_certificate_header: read_header_name(reader, "TLS_CLIENT_CERTIFICATE_HEADER"),
            certificate_verified_header: read_header_name(reader, "TLS_CLIENT_CERTIFICATE_VERIFIED_HEADER"),
            limit_claims_to_client_scopes: reader.flag("FEATURE_LIMIT_CLAIMS_TO_CLIENT_SCOPES", false),
            limit_introspection_to_own_tokens: reader
                .flag("FEATURE_LIMIT_INTROSPECTION_TO_OWN_TOKENS", false),
            confirm_unhinted_logout: reader.flag("FEATURE_CONFIRM_LOGOUT", false),
        }
    }
}

/// The name of a header; an empty value counts as none.
fn read_header_name(reader: &mut Reader, variable: &'static str) -> Option<String> {
    let name = reader.text(variable, "").to_ascii_lowercase();
    if !name.bytes().all(is_of_a_token) {
        reader.reject(variable, "expected the name of a header");
    }
    Some(name).filter(|name| !name.is_empty())
}

/// Whether a token of HTTP, as the name of a header is one, may hold this byte (RFC 9110, section 5.6.2).
fn is_of_a_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Where mails go and whom they come from.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// `SMTP_URL`
    pub smtp: SmtpTarget,
    /// `SMTP_FROM`
    pub from: String,
    /// `SMTP_FROM_ALT`
    pub from_alt: String,
    /// `SMTP_FROM_ALT_RATIO_PERCENT`: from 0 to 100, share of mails sent from `from_alt`.
    pub from_alt_ratio_percent: f64,
    /// `USE_SMTP_FROM_ALT_FOR_DOMAINS`: recipient domains always written to from `from_alt`.
    pub from_alt_domains: Vec<String>,
    /// What subjects begin with: empty, or `Test - ` on a sandbox.
    pub subject_prefix: &'static str,
    /// `OUTBOX_POLL_IN_SECONDS`: period in which this node looks for mails that wait; those of its own leave at once.
    pub outbox_poll: Duration,
}

/// Who takes the mails.
#[derive(Debug, Clone)]
pub enum SmtpTarget {
    /// A mail server, by an `smtp://` or `smtps://` URL that may hold credentials and options.
    Server(SmtpServer),
    /// The standard output, for development.
    Console,
}

impl MailConfig {
    pub(super) fn read(reader: &mut Reader, deploy_env: DeployEnv) -> Self {
        Self {
            smtp: read_smtp_target(reader, deploy_env),
            from: read_sender(reader, "SMTP_FROM"),
            from_alt: read_sender(reader, "SMTP_FROM_ALT"),
            from_alt_ratio_percent: reader.decimal("SMTP_FROM_ALT_RATIO_PERCENT", 10.0, 0.0..=100.0),
            from_alt_domains: reader.list("USE_SMTP_FROM_ALT_FOR_DOMAINS", &[]),
            outbox_poll: Duration::from_secs(reader.number("OUTBOX_POLL_IN_SECONDS", 5, 1..=3600)),
            subject_prefix: if deploy_env == DeployEnv::Sandbox {
                "Test - "
            } else {
                ""
            },
        }
    }
}

/// An address that mails can come from.
fn read_sender(reader: &mut Reader, variable: &'static str) -> String {
    let sender = reader.text(variable, "nepasrepondre@email.proconnect.gouv.fr");
    if sender.parse::<Address>().is_err() {
        reader.reject(variable, "expected an e-mail address");
    }
    sender
}

fn read_smtp_target(reader: &mut Reader, deploy_env: DeployEnv) -> SmtpTarget {
    const VARIABLE: &str = "SMTP_URL";
    let Some(url) = reader.raw_filled(VARIABLE) else {
        reader.reject(VARIABLE, "a value is required");
        return SmtpTarget::Console;
    };
    reader.note(VARIABLE, masking::url(&url), false);

    let names_a_host = |url: &Url| url.host_str().is_some_and(|host| !host.is_empty());
    match Url::parse(&url) {
        Ok(url) if matches!(url.scheme(), "smtp" | "smtps") && names_a_host(&url) => {
            match SmtpServer::read(&url) {
                Ok(server) => return SmtpTarget::Server(server),
                Err(problems) => {
                    for problem in problems {
                        reader.reject(VARIABLE, problem);
                    }
                }
            }
        }
        Ok(url) if url.scheme() == "console" && deploy_env.is_localhost() => {}
        Ok(url) if url.scheme() == "console" => {
            reader.reject(VARIABLE, "mails are printed only where DEPLOY_ENV is localhost");
        }
        _ => reader.reject(VARIABLE, "expected an smtp or smtps URL, or console:"),
    }
    SmtpTarget::Console
}
