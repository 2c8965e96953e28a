//! Pages that a journey leads to: where a missing requirement is met, and where a request ends when none is missing.

use crate::domain::{ModerationId, OrganizationId, Siret};

/// A page on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    StartSignIn,
    /// The same, telling that a fresh sign-in is needed.
    SignInAgain,
    InclusionConnectWelcome,
    VerifyEmail,
    /// The address was proven too long ago.
    RenewEmailVerification,
    /// This browser is not known yet.
    AuthenticateBrowser,
    SecondFactor,
    /// The second factor protects the administration of the account.
    SecondFactorForAdministration,
    DoubleAuthenticationChoice,
    /// The same, for somebody whose second factor is lost.
    ReplaceSecondFactor,
    JoinOrganization {
        siret_hint: Option<Siret>,
    },
    SelectOrganization,
    FranceConnect,
    /// Where the registers are asked.
    Certification,
    PersonalInformation,
    OfficialContact {
        organization: OrganizationId,
    },
    /// The page of a request that nobody has decided on.
    PendingModeration {
        moderation: ModerationId,
    },
    /// No level that the relying party insists on can be reached: the page that says so, and leads back.
    AccessDenied {
        /// Name of the interaction in URLs.
        interaction: String,
    },
    /// The page that finishes the request of a relying party, or leads to what is still missing for it.
    FinishRequest {
        /// Name of the interaction in URLs.
        interaction: String,
    },
    Welcome,
    /// The same for certified executives.
    WelcomeExecutive,
}

impl Place {
    /// Path and query.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::StartSignIn => "/users/start-sign-in".to_owned(),
            Self::SignInAgain => "/users/start-sign-in?notification=login_required".to_owned(),
            Self::InclusionConnectWelcome => "/users/inclusionconnect-welcome".to_owned(),
            Self::VerifyEmail => "/users/verify-email".to_owned(),
            Self::RenewEmailVerification => {
                "/users/verify-email?notification=email_verification_renewal".to_owned()
            }
            Self::AuthenticateBrowser => "/users/verify-email?notification=browser_not_trusted".to_owned(),
            Self::SecondFactor => "/users/2fa-sign-in".to_owned(),
            Self::SecondFactorForAdministration => "/users/2fa-sign-in?notification=2fa_required".to_owned(),
            Self::DoubleAuthenticationChoice => "/users/double-authentication-choice".to_owned(),
            Self::ReplaceSecondFactor => {
                "/users/double-authentication-choice?notification=recovery_code_used".to_owned()
            }
            Self::JoinOrganization {
                siret_hint: Some(siret),
            } => {
                format!("/users/join-organization?siret_hint={siret}")
            }
            Self::JoinOrganization { siret_hint: None } => "/users/join-organization".to_owned(),
            Self::SelectOrganization => "/users/select-organization".to_owned(),
            Self::FranceConnect => "/users/franceconnect".to_owned(),
            Self::Certification => "/users/certification-dirigeant".to_owned(),
            Self::PersonalInformation => "/users/personal-information".to_owned(),
            Self::OfficialContact { organization } => {
                format!("/users/official-contact-email-verification/{organization}")
            }
            Self::PendingModeration { moderation } => {
                format!("/users/unable-to-auto-join-organization?moderation_id={moderation}")
            }
            Self::AccessDenied { interaction } => format!("/interaction/{interaction}/access-denied"),
            Self::FinishRequest { interaction } => format!("/interaction/{interaction}/login"),
            Self::Welcome => "/users/welcome".to_owned(),
            Self::WelcomeExecutive => "/users/welcome/dirigeant".to_owned(),
        }
    }

    /// Path and query for somebody who sent a form in vain: that what they typed is lost is told where nothing else says so.
    #[must_use]
    pub fn path_after_form(&self) -> String {
        match self {
            Self::StartSignIn => "/users/start-sign-in?notification=session_expired".to_owned(),
            place => place.path(),
        }
    }

    /// Whether the page asked for is remembered, to come back to it.
    #[must_use]
    pub fn remembers_the_way(&self) -> bool {
        matches!(
            self,
            Self::StartSignIn | Self::SignInAgain | Self::SecondFactorForAdministration
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_its_address() {
        let siret: Siret = "21340126800130".parse().unwrap();
        for (place, path) in [
            (Place::StartSignIn, "/users/start-sign-in"),
            (
                Place::SignInAgain,
                "/users/start-sign-in?notification=login_required",
            ),
            (Place::InclusionConnectWelcome, "/users/inclusionconnect-welcome"),
            (Place::VerifyEmail, "/users/verify-email"),
            (
                Place::RenewEmailVerification,
                "/users/verify-email?notification=email_verification_renewal",
            ),
            (
                Place::AuthenticateBrowser,
                "/users/verify-email?notification=browser_not_trusted",
            ),
            (Place::SecondFactor, "/users/2fa-sign-in"),
            (
                Place::SecondFactorForAdministration,
                "/users/2fa-sign-in?notification=2fa_required",
            ),
            (
                Place::DoubleAuthenticationChoice,
                "/users/double-authentication-choice",
            ),
            (
                Place::ReplaceSecondFactor,
                "/users/double-authentication-choice?notification=recovery_code_used",
            ),
            (
                Place::JoinOrganization { siret_hint: None },
                "/users/join-organization",
            ),
            (
                Place::JoinOrganization {
                    siret_hint: Some(siret),
                },
                "/users/join-organization?siret_hint=21340126800130",
            ),
            (Place::SelectOrganization, "/users/select-organization"),
            (Place::FranceConnect, "/users/franceconnect"),
            (Place::Certification, "/users/certification-dirigeant"),
            (Place::PersonalInformation, "/users/personal-information"),
            (
                Place::OfficialContact {
                    organization: OrganizationId(3),
                },
                "/users/official-contact-email-verification/3",
            ),
            (
                Place::PendingModeration {
                    moderation: ModerationId(4),
                },
                "/users/unable-to-auto-join-organization?moderation_id=4",
            ),
            (
                Place::AccessDenied {
                    interaction: "abc".to_owned(),
                },
                "/interaction/abc/access-denied",
            ),
            (
                Place::FinishRequest {
                    interaction: "abc".to_owned(),
                },
                "/interaction/abc/login",
            ),
            (Place::Welcome, "/users/welcome"),
            (Place::WelcomeExecutive, "/users/welcome/dirigeant"),
        ] {
            assert_eq!(place.path(), path);
        }
    }

    #[test]
    fn only_who_has_to_sign_in_comes_back_to_the_page_asked_for() {
        for place in [
            Place::StartSignIn,
            Place::SignInAgain,
            Place::SecondFactorForAdministration,
        ] {
            assert!(place.remembers_the_way(), "{place:?}");
        }
        for place in [Place::SecondFactor, Place::VerifyEmail, Place::SelectOrganization] {
            assert!(!place.remembers_the_way(), "{place:?}");
        }
    }
}
