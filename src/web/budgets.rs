//! Budgets of attempts (spec/accounts.md §7).
//!
//! What is limited by an account's address is counted together with the network that the attempts come from: whoever types somebody
//! else's address uses up their own budget, not the owner's.

use std::time::Duration;

use actix_web::dev::RequestHead;
use identite_actors::rate_limiter::{Budget, Verdict};

use super::app::App;
use super::client_address::address_of;
use super::error::PageError;
use super::session::Browser;
use crate::domain::Network;

/// A budget by address of the client, while `FEATURE_RATE_LIMIT_BY_IP` is on.
#[derive(Debug, Clone, Copy)]
pub struct IpBudget {
    /// Prefix of the counters.
    name: &'static str,
    budget: Budget,
}

const fn ip_budget(name: &'static str, points: u32, window: Duration) -> IpBudget {
    IpBudget {
        name,
        budget: Budget { points, window },
    }
}

/// Page views, pages of all groups together.
pub const PAGES: IpBudget = ip_budget("rate-limiter", 60, Duration::from_mins(1));
/// Questions under `/api`, of all scripts together.
pub const API: IpBudget = ip_budget("rate-limiter-api", 60, Duration::from_secs(1));
/// Look-ups of SIRETs that nobody has asked for lately: each may be a call of a register that grants a few a second to all of us together.
pub const REGISTER_CALLS: IpBudget = ip_budget("rate-limiter-api-register", 120, Duration::from_mins(1));
/// The public search grants all of us together seven calls a second.
pub const SEARCHES: IpBudget = ip_budget("rate-limiter-api-search", 40, Duration::from_secs(10));

/// A budget by address of an account.
#[derive(Debug, Clone, Copy)]
pub struct Limiter {
    /// Prefix of the counters.
    name: &'static str,
    budget: Budget,
    /// Whether it holds without `FEATURE_RATE_LIMIT_BY_EMAIL`.
    is_always_on: bool,
}

const fn limiter(name: &'static str, points: u32, window: Duration, is_always_on: bool) -> Limiter {
    Limiter {
        name,
        budget: Budget { points, window },
        is_always_on,
    }
}

/// Guesses at a password.
pub const PASSWORD: Limiter = limiter("rate-limiter-password", 10, Duration::from_mins(5), false);
/// Guesses at the code that proves an address.
pub const VERIFY_EMAIL: Limiter = limiter("rate-limiter-verify-email", 10, Duration::from_mins(5), false);
/// Guesses at a one-time code of an application, or at a recovery code.
pub const TOTP: Limiter = limiter("rate-limiter-totp", 5, Duration::from_mins(15), false);
/// The same of one account, wherever they come from and whatever the toggles say: whoever guesses knows the password already.
pub const FACTORS_PER_ACCOUNT: Limiter = limiter(
    "rate-limiter-factors-per-account",
    30,
    Duration::from_hours(1),
    true,
);
/// Links to choose another password.
pub const RESET_PASSWORD: Limiter = limiter("rate-limiter-reset-password", 5, Duration::from_mins(15), true);
/// Codes that prove an address.
pub const SEND_EMAIL_VERIFICATION: Limiter = limiter(
    "rate-limiter-send-email-verification",
    5,
    Duration::from_mins(15),
    false,
);
/// Codes for official contacts.
pub const SEND_CONTACT_CODE: Limiter = limiter(
    "rate-limiter-send-official-contact-email-verification",
    5,
    Duration::from_mins(15),
    false,
);
/// Links that sign in.
pub const SEND_MAGIC_LINK: Limiter =
    limiter("rate-limiter-send-magic-link", 5, Duration::from_mins(15), false);
/// Proofs of a relying party that failed, whatever the toggles say: by client and network. One that succeeds is not counted,
/// nor ever refused.
pub const CLIENT_AUTHENTICATION: Limiter = limiter(
    "rate-limiter-client-authentication",
    60,
    Duration::from_mins(1),
    true,
);
/// Guesses at a code in one session, whatever the toggles say.
pub const CODES_PER_SESSION: Limiter = limiter(
    "rate-limiter-codes-per-session",
    30,
    Duration::from_hours(1),
    true,
);

/// Guesses at the code that proves an address, of one account, whatever the toggles say: who knows a password opens sessions as they like.
pub const CODES_PER_ACCOUNT: Limiter = limiter(
    "rate-limiter-codes-per-account",
    100,
    Duration::from_hours(1),
    true,
);

/// Spends one request of the client's network.
///
/// # Errors
/// [`PageError::TooManyRequests`] when the budget is used up.
pub async fn spend_by_ip(app: &App, head: &RequestHead, by_ip: IpBudget) -> Result<(), PageError> {
    if !app.settings.rate_limit_by_ip {
        return Ok(());
    }
    let subject = Network::of(address_of(head)).to_string();
    let verdict = app.rate_limiter.hit(by_ip.name, &subject, by_ip.budget).await;
    admit(verdict)
}

/// Spends one attempt on the account with the address `email`.
///
/// # Errors
/// [`PageError::TooManyRequests`] when the budget is used up.
pub async fn spend(app: &App, browser: &Browser, limiter: Limiter, email: &str) -> Result<(), PageError> {
    spend_on(app, limiter, &format!("{email}|{}", browser.device().network())).await
}

/// Spends one attempt of `subject`.
///
/// # Errors
/// [`PageError::TooManyRequests`] when the budget is used up.
pub async fn spend_on(app: &App, limiter: Limiter, subject: &str) -> Result<(), PageError> {
    if !limiter.is_always_on && !app.settings.rate_limit_by_email {
        return Ok(());
    }
    let verdict = app.rate_limiter.hit(limiter.name, subject, limiter.budget).await;
    admit(verdict)
}

fn admit(verdict: Verdict) -> Result<(), PageError> {
    if verdict.allowed {
        Ok(())
    } else {
        Err(PageError::TooManyRequests {
            retry_after: verdict.retry_after,
        })
    }
}
