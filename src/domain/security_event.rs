//! What the history of an account tells: things that matter to whoever wonders whether somebody else was there.

use std::fmt;
use std::str::FromStr;

macro_rules! security_events {
    ($($(#[$doc:meta])* $variant:ident = $name:literal => $text:literal,)+) => {
        /// `identite_events.kind`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum SecurityEvent {
            $($(#[$doc])* $variant,)+
        }

        impl SecurityEvent {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value of the column.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What the account's owner reads.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

security_events! {
    /// A first factor opened a session.
    SignIn = "sign_in" => "Connexion",
    /// The same, from a browser that was not seen with this account before.
    SignInFromNewBrowser = "sign_in_new_browser" => "Connexion depuis un nouveau navigateur",
    /// The person closed a session from another one.
    SessionEndedElsewhere = "session_ended_elsewhere" => "Session fermée à distance",
    /// … or all others at once.
    OtherSessionsEnded = "other_sessions_ended" => "Toutes les autres sessions fermées",
    /// The account was opened.
    AccountCreated = "account_created" => "Création du compte",
    /// The address was proven with a code.
    EmailVerified = "email_verified" => "Adresse e-mail confirmée",
    /// The account got its first password.
    PasswordSet = "password_set" => "Mot de passe défini",
    /// A link to choose another password was asked for.
    PasswordResetRequested = "password_reset_requested" => "Réinitialisation du mot de passe demandée",
    PasswordChanged = "password_changed" => "Mot de passe modifié",
    /// A password that nobody had proven to be the owner's was dropped.
    UnprovenPasswordDiscarded = "unproven_password_discarded" => "Mot de passe jamais confirmé retiré",
    /// The password turned up in leaks after it was chosen.
    PasswordFoundInLeaks = "password_found_in_leaks" => "Mot de passe retrouvé dans une fuite de données",
    /// A second factor was shown in a session.
    SecondFactorUsed = "second_factor_used" => "Double authentification validée",
    RecoveryCodesDrawn = "recovery_codes_drawn" => "Nouveaux codes de secours créés",
    /// An operator replaced the key that they were made with.
    RecoveryCodesForgotten = "recovery_codes_forgotten" => "Codes de secours retirés, de nouveaux peuvent être créés",
    RecoveryCodeUsed = "recovery_code_used" => "Code de secours utilisé",
    TotpAdded = "totp_added" => "Application d’authentification ajoutée",
    TotpRemoved = "totp_removed" => "Application d’authentification retirée",
    PasskeyAdded = "passkey_added" => "Clé d’accès ajoutée",
    PasskeyRemoved = "passkey_removed" => "Clé d’accès retirée",
    PasskeyRenamed = "passkey_renamed" => "Clé d’accès renommée",
    /// The counter of signatures went backwards: two authenticators may hold the same key. The passkey was refused.
    PasskeyRefused = "passkey_refused" => "Clé d’accès refusée, une copie a peut-être été utilisée",
    SecondFactorEverywhere = "second_factor_everywhere" => "Double authentification activée sur tous les sites",
    SecondFactorWhereRequired =
        "second_factor_where_required" => "Double authentification limitée aux sites qui l’exigent",
    PersonalInformationChanged = "personal_information_changed" => "Informations personnelles modifiées",
    /// `FranceConnect` told who the person is.
    IdentityVerified = "identity_verified" => "Identité vérifiée par FranceConnect",
    /// … and it was not the person of this account.
    IdentityRefused = "identity_refused" => "Identité FranceConnect d’une autre personne refusée",
    /// A register names the person as an executive of an organization.
    ExecutiveCertified = "executive_certified" => "Certification dirigeant obtenue",
    AccountDeleted = "account_deleted" => "Suppression du compte",
}

/// A text that names no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a security event")]
pub struct UnknownSecurityEvent;

impl FromStr for SecurityEvent {
    type Err = UnknownSecurityEvent;

    fn from_str(text: &str) -> Result<Self, UnknownSecurityEvent> {
        Self::ALL
            .iter()
            .copied()
            .find(|event| event.as_str() == text)
            .ok_or(UnknownSecurityEvent)
    }
}

impl fmt::Display for SecurityEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_reads_back() {
        for event in SecurityEvent::ALL {
            assert_eq!(event.as_str().parse(), Ok(*event));
            assert_eq!(event.to_string(), event.as_str());
            assert!(!event.description().is_empty());
        }
        assert_eq!("".parse::<SecurityEvent>(), Err(UnknownSecurityEvent));
    }
}
