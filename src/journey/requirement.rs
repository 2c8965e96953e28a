//! The requirements, each with its check (spec/accounts.md §4).

use chrono::TimeDelta;

use super::{Effect, Journey, PendingInteraction, Person, Place, Prompt, Step, is_expired};
use crate::domain::assurance::{is_within_reach, second_factor_would_help, verified_identity_would_help};
use crate::domain::{AuthenticationLevel, IdentityLevel, LinkVerificationType, OrganizationLevel};

/// Whoever was shown the key of an application in time may give its first code for this long.
pub const ENROLMENT_WINDOW: TimeDelta = TimeDelta::minutes(15);

/// One rung. A check looks only at its own subject; those before it in the ladder hold already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Requirement {
    /// An address was typed and accepted.
    EmailTyped,
    /// An account of Inclusion Connect has seen the page that explains the move.
    InclusionConnectWelcomeSeen,
    /// A first factor was used in this session. Every requirement after it looks at the person, and so demands the same.
    SignedIn,
    /// … less than `RECENT_LOGIN_INTERVAL_IN_SECONDS` ago.
    SignedInRecently,
    /// … or began, when it was recent, to add an application of one-time codes, which takes its time.
    SignedInRecentlyOrEnrolling,
    /// … since the authorization request demanded it anew (`prompt=login`, `max_age`).
    SignedInForThisRequest,
    /// Some step leads to a level that the relying party insists on: nobody is led through others in vain.
    AcrWithinReach,
    /// The address was proven, and not too long ago.
    EmailVerified,
    /// A second factor was used if the person or the relying party insists.
    SecondFactor,
    /// The browser has proven to be the person's.
    TrustedBrowser,
    /// Whoever came in with a recovery code was asked for a new second factor.
    SecondFactorReplaced,
    /// Who has a second factor uses it before changing the account.
    SecondFactorForAdministration,
    /// At least one organization.
    Organization,
    /// Member of the organization that the relying party announced, which becomes the selected one.
    HintedOrganization,
    /// One organization is selected; an only one is taken without asking.
    SelectedOrganization,
    /// An identity that `FranceConnect` told is still valid, and is there where it alone is missing for the request.
    VerifiedIdentity,
    /// Who wants to join an organization as its executive has been certified.
    PendingCertification,
    /// A register names the person as an executive of the selected organization, where the relying party asks for it.
    CertifiedExecutive,
    /// Given name and family name are known.
    Names,
    /// What somebody has to decide has been asked.
    ModerationRequested,
    /// The official contact of the organization knows the person.
    OfficialContactVerified,
    /// What the relying party asked the person to do has been done (`prompt`).
    PromptAnswered,
    /// Who represents an organization for the first time has seen the page that says so.
    Greeted,
}

impl Requirement {
    /// Whether the requirement is met by `journey`, and if not what to do.
    #[must_use]
    pub fn check(self, journey: &Journey) -> Step {
        match self {
            Self::EmailTyped => met_or(journey.visit.email.is_some(), Place::StartSignIn),
            Self::InclusionConnectWelcomeSeen => met_or(
                !journey.visit.needs_inclusionconnect_welcome_page,
                Place::InclusionConnectWelcome,
            ),
            _ => match &journey.person {
                Some(person) => self.check_person(journey, person),
                None => Step::GoTo(Place::StartSignIn),
            },
        }
    }

    fn check_person(self, journey: &Journey, person: &Person) -> Step {
        let rules = &journey.rules;
        match self {
            Self::EmailTyped | Self::InclusionConnectWelcomeSeen | Self::SignedIn => Step::Continue,
            Self::SignedInRecently => {
                let is_recent = !is_expired(
                    Some(person.signed_in_at),
                    rules.recent_login_interval,
                    journey.now,
                );
                met_or(is_recent, Place::SignInAgain)
            }
            Self::SignedInRecentlyOrEnrolling => {
                let is_enrolling = !is_expired(journey.visit.enrolling_since, ENROLMENT_WINDOW, journey.now);
                if is_enrolling {
                    Step::Continue
                } else {
                    Self::SignedInRecently.check_person(journey, person)
                }
            }
            Self::SignedInForThisRequest => {
                let since = journey
                    .interaction()
                    .and_then(|interaction| interaction.authenticated_since);
                met_or(
                    since.is_none_or(|since| person.signed_in_at >= since),
                    Place::StartSignIn,
                )
            }
            Self::AcrWithinReach => match journey.request_out_of_reach() {
                None => Step::Continue,
                Some(interaction) => Step::GoTo(Place::AccessDenied {
                    interaction: interaction.uid.clone(),
                }),
            },
            Self::EmailVerified if !person.email_verified || person.has_pending_password => {
                Step::GoTo(Place::VerifyEmail)
            }
            Self::EmailVerified => {
                let is_fresh = !is_expired(
                    person.email_verified_at,
                    rules.email_verification_max_age,
                    journey.now,
                );
                met_or(is_fresh, Place::RenewEmailVerification)
            }
            Self::SecondFactor if !journey.needs_second_factor(person) => Step::Continue,
            Self::SecondFactor if person.is_second_factor_capable() => Step::GoTo(Place::SecondFactor),
            Self::SecondFactor => Step::GoTo(Place::DoubleAuthenticationChoice),
            Self::TrustedBrowser => met_or(journey.browser_is_trusted(), Place::AuthenticateBrowser),
            Self::SecondFactorReplaced => {
                met_or(!journey.visit.lost_second_factor, Place::ReplaceSecondFactor)
            }
            Self::SecondFactorForAdministration => {
                let is_protected = !person.is_second_factor_capable() || person.used_two_factors();
                met_or(is_protected, Place::SecondFactorForAdministration)
            }
            Self::Organization => met_or(!person.links.is_empty(), journey.join_place()),
            Self::HintedOrganization => check_hinted_organization(journey, person),
            Self::SelectedOrganization => check_selected_organization(journey, person),
            Self::VerifiedIdentity => met_or(!journey.needs_identity(person), Place::FranceConnect),
            Self::ModerationRequested => match journey.visit.pending_moderation {
                None => Step::Continue,
                // Whoever decides, and the organization, are told who asks.
                Some(_) if !person.has_names() => Step::GoTo(Place::PersonalInformation),
                Some(organization) => Step::Perform(Effect::RequestModeration(organization)),
            },
            Self::OfficialContactVerified => match person.link_to_verify() {
                None => Step::Continue,
                Some(_) if !person.has_names() => Step::GoTo(Place::PersonalInformation),
                Some(link) => Step::GoTo(Place::OfficialContact {
                    organization: link.organization,
                }),
            },
            Self::PendingCertification if journey.visit.pending_certification.is_none() => Step::Continue,
            Self::PendingCertification | Self::CertifiedExecutive => check_certification(journey, person),
            Self::Names => met_or(person.has_names(), Place::PersonalInformation),
            Self::PromptAnswered => check_prompt(journey),
            Self::Greeted => check_greeting(person),
        }
    }
}

impl Journey {
    fn join_place(&self) -> Place {
        let siret_hint = self
            .interaction()
            .and_then(|interaction| interaction.siret_hint.clone());
        Place::JoinOrganization { siret_hint }
    }

    /// The pending request when it insists on levels that no step of this person leads to (spec/accounts.md §6.4).
    #[must_use]
    pub fn request_out_of_reach(&self) -> Option<&PendingInteraction> {
        let person = self.person.as_ref()?;
        let interaction = self.interaction()?;
        let is_within_reach = is_within_reach(
            interaction.essential_acr.as_ref(),
            person.identity_level(self),
            AuthenticationLevel::of(&person.amr),
            self.settled_organization_level(person, interaction),
        );
        (!is_within_reach).then_some(interaction)
    }

    /// What the link is worth that the answer will be about; `None` as long as the person may choose or join an organization.
    fn settled_organization_level(
        &self,
        person: &Person,
        interaction: &PendingInteraction,
    ) -> Option<OrganizationLevel> {
        if interaction.siret_hint.is_some() || interaction.prompt == Prompt::SelectOrganization {
            return None;
        }
        match (person.selected_link(), person.links.as_slice()) {
            (Some(link), _) | (None, [link]) => Some(person.level_of(link, self)),
            (None, _) => None,
        }
    }

    /// The identity is to be renewed, or a verified one is what the request lacks (spec/accounts.md §4.5).
    fn needs_identity(&self, person: &Person) -> bool {
        if person.identity_level(self) == IdentityLevel::Verified {
            return false;
        }
        if person.franceconnect_updated_at.is_some() {
            return true;
        }
        let request = self
            .interaction()
            .and_then(|interaction| interaction.essential_acr.as_ref());
        person
            .levels(self)
            .is_some_and(|levels| verified_identity_would_help(request, levels))
    }

    /// The person asked for two factors everywhere, or the relying party insists on levels that a second factor alone
    /// brings within reach.
    fn needs_second_factor(&self, person: &Person) -> bool {
        if person.used_two_factors() {
            return false;
        }
        let request = self
            .interaction()
            .and_then(|interaction| interaction.essential_acr.as_ref());
        let would_help = second_factor_would_help(
            request,
            person.identity_level(self),
            AuthenticationLevel::of(&person.amr),
            person.organization_level(self),
        );
        person.force_2fa || would_help
    }
}

fn check_hinted_organization(journey: &Journey, person: &Person) -> Step {
    let Some(hint) = journey
        .interaction()
        .and_then(|interaction| interaction.siret_hint.as_ref())
    else {
        return Step::Continue;
    };
    match person.links.iter().find(|link| link.siret == hint.as_str()) {
        Some(link)
            if person
                .selected_link()
                .is_some_and(|selected| selected.organization == link.organization) =>
        {
            Step::Continue
        }
        Some(link) => Step::Perform(Effect::SelectOrganization(link.organization)),
        None => Step::GoTo(journey.join_place()),
    }
}

fn check_selected_organization(journey: &Journey, person: &Person) -> Step {
    if person.selected_link().is_some() {
        return Step::Continue;
    }
    let must_choose = journey
        .interaction()
        .is_some_and(PendingInteraction::requests_certification_dirigeant);
    match person.links.as_slice() {
        [only] if !must_choose => Step::Perform(Effect::SelectOrganization(only.organization)),
        _ => Step::GoTo(Place::SelectOrganization),
    }
}

/// The registers are asked about a verified identity.
fn check_certification(journey: &Journey, person: &Person) -> Step {
    if journey.organization_to_certify().is_none() {
        return Step::Continue;
    }
    match person.identity_level(journey) {
        IdentityLevel::Declared => Step::GoTo(Place::FranceConnect),
        IdentityLevel::Verified => Step::GoTo(Place::Certification),
    }
}

/// Executives are greeted with the identity that they were certified by: whoever has none on record is asked for one first.
fn check_greeting(person: &Person) -> Step {
    match person.link_to_greet().map(|link| link.verification_type) {
        None => Step::Continue,
        Some(LinkVerificationType::OrganizationDirigeant) if person.franceconnect_updated_at.is_none() => {
            Step::GoTo(Place::FranceConnect)
        }
        Some(LinkVerificationType::OrganizationDirigeant) => Step::GoTo(Place::WelcomeExecutive),
        Some(_) => Step::GoTo(Place::Welcome),
    }
}

fn check_prompt(journey: &Journey) -> Step {
    let unanswered = journey
        .interaction()
        .filter(|interaction| !interaction.prompt_is_answered);
    match unanswered.map(|interaction| interaction.prompt) {
        Some(Prompt::SelectOrganization) => Step::GoTo(Place::SelectOrganization),
        Some(Prompt::UpdateUserinfo) => Step::GoTo(Place::PersonalInformation),
        Some(Prompt::Journey) | None => Step::Continue,
    }
}

fn met_or(is_met: bool, place: Place) -> Step {
    if is_met { Step::Continue } else { Step::GoTo(place) }
}
