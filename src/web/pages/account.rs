//! The account: identity, ways to sign in, open sessions.

use std::borrow::Cow;

use serde::Serialize;

use super::organizations::OrganizationTile;
use crate::domain::{FaultReason, Job, PersonName, PersonalFault, PersonalField};
use crate::web::render::{Layout, MenuEntry, Page};

/// « Renseigner votre identité », during a sign-in (spec ui D1).
#[derive(Debug, Clone, Default, Serialize)]
pub struct IdentityPage {
    /// Given name, when known.
    pub given_name: Option<String>,
    /// Family name, when known.
    pub family_name: Option<String>,
    /// Whether FranceConnect gave the names, which then cannot be typed.
    pub has_franceconnect_identity: bool,
    /// Whether to explain where the values come from (accounts migrated from `InclusionConnect`).
    pub needs_onboarding_help: bool,
    /// What was refused a moment ago.
    pub errors: FieldErrors,
}

impl Page for IdentityPage {
    const TEMPLATE: &'static str = "pages/personal-information";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Renseigner votre identité".into()
    }

    fn has_field_error(&self) -> bool {
        self.errors.any()
    }
}

/// What is told under the fields that were refused.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FieldErrors {
    given_name: Option<FieldError>,
    family_name: Option<FieldError>,
    phone_number: Option<FieldError>,
    job: Option<FieldError>,
}

#[derive(Debug, Clone, Serialize)]
struct FieldError {
    text: Cow<'static, str>,
    /// The first field of the form that is at fault.
    takes_focus: bool,
}

impl FieldErrors {
    /// What to tell of `faults`, which are in the order of the form. The names are chosen from lists, or typed.
    #[must_use]
    pub fn new(faults: &[PersonalFault], names_are_chosen: bool) -> Self {
        let told = |field: PersonalField| {
            let rank = faults.iter().position(|fault| fault.field == field)?;
            Some(FieldError {
                text: advice(faults[rank], names_are_chosen),
                takes_focus: rank == 0,
            })
        };
        Self {
            given_name: told(PersonalField::GivenName),
            family_name: told(PersonalField::FamilyName),
            phone_number: told(PersonalField::PhoneNumber),
            job: told(PersonalField::Job),
        }
    }

    fn any(&self) -> bool {
        [&self.given_name, &self.family_name, &self.phone_number, &self.job]
            .into_iter()
            .any(Option::is_some)
    }
}

/// How a telephone number is written: told by the script of the page, or here once it was refused.
pub const PHONE_NUMBER_ADVICE: &str = "Écrivez le numéro avec des chiffres et des espaces, sans point ni parenthèse, par exemple 06 12 34 56 78.";

fn advice(fault: PersonalFault, names_are_chosen: bool) -> Cow<'static, str> {
    let limit = match (fault.reason, fault.field) {
        (FaultReason::TooLong, PersonalField::GivenName | PersonalField::FamilyName) => {
            Some(PersonName::LIMIT_IN_CHARACTERS)
        }
        (FaultReason::TooLong, PersonalField::Job) => Some(Job::LIMIT_IN_CHARACTERS),
        (FaultReason::TooLong, PersonalField::PhoneNumber) | (FaultReason::Malformed, _) => None,
    };
    limit.map_or_else(
        || form_advice(fault.field, names_are_chosen).into(),
        |limit| format!("{limit} caractères au plus.").into(),
    )
}

const fn form_advice(field: PersonalField, names_are_chosen: bool) -> &'static str {
    match field {
        PersonalField::GivenName if names_are_chosen => "Choisissez l’un des prénoms de la liste.",
        PersonalField::GivenName => "Un prénom s’écrit avec des lettres, sans chiffre ni signe.",
        PersonalField::FamilyName if names_are_chosen => "Choisissez l’un des noms de la liste.",
        PersonalField::FamilyName => "Un nom s’écrit avec des lettres, sans chiffre ni signe.",
        PersonalField::PhoneNumber => PHONE_NUMBER_ADVICE,
        PersonalField::Job => "Un métier ou une fonction s’écrit en toutes lettres.",
    }
}

/// « Informations personnelles » (spec ui I2).
#[derive(Debug, Clone, Serialize)]
pub struct PersonalInformationPage {
    /// Given name, when known.
    pub given_name: Option<String>,
    /// Family name, when known.
    pub family_name: Option<String>,
    /// Professional phone number, when known.
    pub phone_number: Option<String>,
    /// Profession or role, when known.
    pub job: Option<String>,
    /// The names FranceConnect allows, when the person was identified by it.
    pub name_choices: Option<NameChoices>,
    /// What was refused a moment ago.
    pub errors: FieldErrors,
    /// What to tell of a telephone number that cannot be sent, [`PHONE_NUMBER_ADVICE`].
    pub phone_number_advice: &'static str,
}

/// The names a person identified by FranceConnect may choose among.
#[derive(Debug, Clone, Serialize)]
pub struct NameChoices {
    given_name: Choice,
    family_name: Choice,
}

#[derive(Debug, Clone, Serialize)]
struct Choice {
    options: Vec<NameOption>,
    has_selection: bool,
}

#[derive(Debug, Clone, Serialize)]
struct NameOption {
    value: String,
    selected: bool,
}

impl NameChoices {
    /// The names allowed, each with the one in use.
    #[must_use]
    pub fn new(
        (given_names, given_name): (Vec<String>, Option<&str>),
        (family_names, family_name): (Vec<String>, Option<&str>),
    ) -> Self {
        Self {
            given_name: Choice::new(given_names, given_name),
            family_name: Choice::new(family_names, family_name),
        }
    }
}

impl Choice {
    fn new(values: Vec<String>, current: Option<&str>) -> Self {
        let options: Vec<_> = values
            .into_iter()
            .map(|value| NameOption {
                selected: current == Some(value.as_str()),
                value,
            })
            .collect();
        Self {
            has_selection: options.iter().any(|option| option.selected),
            options,
        }
    }
}

impl Page for PersonalInformationPage {
    const TEMPLATE: &'static str = "pages/account/personal-information";
    const LAYOUT: Layout = Layout::Dashboard(MenuEntry::PersonalInformation);

    fn title(&self) -> Cow<'_, str> {
        "Informations personnelles".into()
    }

    fn has_field_error(&self) -> bool {
        self.errors.any()
    }
}

/// « Compte et connexion » (spec ui I7). Dates are written as they are shown, `Aujourd’hui à 14:03`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ConnectionAndAccountPage {
    /// The address of the account.
    pub email: String,
    /// When the application of one-time codes was configured, if one is.
    pub totp_created_at: Option<String>,
    /// The passkeys of the account.
    pub passkeys: Vec<PasskeyCard>,
    /// Whether any second factor is configured.
    pub is_2fa_capable: bool,
    /// Whether the second factor is asked on every site.
    pub force_2fa: bool,
    /// The recovery codes, for an account with a second factor.
    pub recovery_codes: RecoveryCodesCard,
}

/// How many recovery codes there are.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RecoveryCodesCard {
    are_drawn: bool,
    left: i64,
    are_few: bool,
}

impl RecoveryCodesCard {
    /// From then on fresh codes are advised.
    const FEW: i64 = 3;

    /// With so many codes left; `None` when none were drawn.
    #[must_use]
    pub fn new(left: Option<i64>) -> Self {
        Self {
            are_drawn: left.is_some(),
            left: left.unwrap_or_default(),
            are_few: left.is_some_and(|left| left <= Self::FEW),
        }
    }
}

/// A passkey as its card shows it.
#[derive(Debug, Clone, Serialize)]
pub struct PasskeyCard {
    /// Credential id, base64url.
    pub credential_id: String,
    /// Name, or `Clé ` and the first ten characters of the id.
    pub display_name: String,
    /// When it was added.
    pub created_at: String,
    /// When it was last used, if ever.
    pub last_used_at: Option<String>,
    /// How many times it was used.
    pub usage_count: i64,
    /// Whether it cannot replace the password.
    pub second_factor_only: bool,
}

impl Page for ConnectionAndAccountPage {
    const TEMPLATE: &'static str = "pages/account/connection-and-account";
    const LAYOUT: Layout = Layout::Dashboard(MenuEntry::ConnectionAndAccount);

    fn title(&self) -> Cow<'_, str> {
        "Compte et connexion".into()
    }
}

/// « Vos sessions »: where the account is open, and the means to close it there.
#[derive(Debug, Clone, Serialize)]
pub struct SessionsPage {
    sessions: Vec<SessionCard>,
    has_others: bool,
}

/// An open session as the list shows it. Dates are written as they are shown.
#[derive(Debug, Clone, Serialize)]
pub struct SessionCard {
    /// Public name of the session.
    pub uid: String,
    /// Browser and system, `Firefox sur Linux`.
    pub browser: String,
    /// When the person signed in.
    pub signed_in_at: String,
    /// When it was last used.
    pub last_seen_at: String,
    /// Address it was last used from, when recorded.
    pub ip_address: Option<String>,
    /// How the person signed in, `mot de passe`.
    pub method: String,
    /// Whether it is the session that asks.
    pub is_current: bool,
}

impl SessionsPage {
    /// The page for these sessions.
    #[must_use]
    pub fn new(sessions: Vec<SessionCard>) -> Self {
        Self {
            has_others: sessions.iter().any(|session| !session.is_current),
            sessions,
        }
    }
}

impl Page for SessionsPage {
    const TEMPLATE: &'static str = "pages/account/sessions";
    const LAYOUT: Layout = Layout::Dashboard(MenuEntry::ConnectionAndAccount);

    fn title(&self) -> Cow<'_, str> {
        "Vos sessions".into()
    }
}

/// « Historique de sécurité »: what happened to the account, the latest first.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryPage {
    /// The events of this page.
    pub entries: Vec<HistoryCard>,
    /// Where the page of older events begins, when there may be some.
    pub older: Option<i64>,
}

/// An event as the list shows it.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryCard {
    /// What happened.
    pub event: &'static str,
    /// When, as it is shown.
    pub occurred_at: String,
    /// How the person signed in, for a sign-in.
    pub method: Option<String>,
    /// Browser and system, when known.
    pub browser: Option<String>,
    /// Address, when known.
    pub ip_address: Option<String>,
}

impl Page for HistoryPage {
    const TEMPLATE: &'static str = "pages/account/history";
    const LAYOUT: Layout = Layout::Dashboard(MenuEntry::ConnectionAndAccount);

    fn title(&self) -> Cow<'_, str> {
        "Historique de sécurité".into()
    }
}

/// « Compte créé » (spec ui H1).
#[derive(Debug, Clone, Serialize)]
pub struct WelcomePage {
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Address of the account.
    pub email: String,
    /// The selected organization, when there is one.
    pub organization: Option<OrganizationTile>,
    /// Whether the account existed before, at `InclusionConnect`.
    pub onboarding_help: bool,
}

impl Page for WelcomePage {
    const TEMPLATE: &'static str = "pages/welcome";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Compte créé".into()
    }
}
