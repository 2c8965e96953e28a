//! Why a link between a person and an organization is trusted.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::assurance::OrganizationLevel;

macro_rules! verification_types {
    ($($(#[$doc:meta])* $variant:ident = $name:literal => $level:ident,)+) => {
        /// `users_organizations.verification_type`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum LinkVerificationType {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl LinkVerificationType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value of the column.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Whether a domain that is approved later makes the link one by that domain: nothing better has verified it.
            #[must_use]
            pub const fn is_upgraded_by_domain(self) -> bool {
                matches!(self.organization_level(), OrganizationLevel::Unverified)
                    || matches!(self, Self::DomainNotVerifiedYet)
            }

            /// What the link is worth (OAL, spec/accounts.md §6.3).
            #[must_use]
            pub const fn organization_level(self) -> OrganizationLevel {
                match self {
                    $(Self::$variant => OrganizationLevel::$level,)+
                }
            }
        }
    };
}

verification_types! {
    /// The structure has nothing that could be checked (historical).
    NoValidationMeansAvailable = "no_validation_means_available" => Unverified,
    /// A one-person company.
    NoVerificationMeansForEntrepriseUnipersonnelle =
        "no_verification_means_for_entreprise_unipersonnelle" => Unverified,
    /// A small association.
    NoVerificationMeansForSmallAssociation = "no_verification_means_for_small_association" => Unverified,
    /// A small organization of another kind.
    NoVerificationMeansForSmallOrganization = "no_verification_means_for_small_organization" => Unverified,
    /// The official contact confirmed with a code.
    CodeSentToOfficialContactEmail = "code_sent_to_official_contact_email" => Verified,
    /// The e-mail domain is approved for the organization.
    Domain = "domain" => Verified,
    /// Imported with that programme's accounts.
    ImportedFromCoopMediationNumerique = "imported_from_coop_mediation_numerique" => Verified,
    /// Imported with that service's accounts.
    ImportedFromInclusionConnect = "imported_from_inclusion_connect" => Verified,
    /// Found by a moderator among the executives of the associations' register.
    InListeDirigeantsRna = "in_liste_dirigeants_rna" => Verified,
    /// Found by a moderator among the executives of the companies' register.
    InListeDirigeantsRne = "in_liste_dirigeants_rne" => Verified,
    /// The person's address is the official contact.
    OfficialContactEmail = "official_contact_email" => Verified,
    /// The domain of a professional order.
    OrdreProfessionnelDomain = "ordre_professionnel_domain" => Verified,
    /// A moderator received a proof.
    ProofReceived = "proof_received" => Verified,
    /// Vouched for by that programme.
    VerifiedByCoopMediationNumerique = "verified_by_coop_mediation_numerique" => Verified,
    /// Moderation is switched off (sandbox).
    Bypassed = "bypassed" => Verified,
    /// The domain is known and awaits review.
    DomainNotVerifiedYet = "domain_not_verified_yet" => Verified,
    /// The official registers name the person as an executive.
    OrganizationDirigeant = "organization_dirigeant" => Certified,
}

impl LinkVerificationType {
    /// The values of the column that make a link worth `level` or more.
    #[must_use]
    pub fn names_worth(level: OrganizationLevel) -> &'static [&'static str] {
        static NAMES: LazyLock<[Vec<&'static str>; 3]> = LazyLock::new(|| {
            OrganizationLevel::ALL.map(|level| {
                let worthy = LinkVerificationType::ALL
                    .iter()
                    .filter(|kind| kind.organization_level() >= level);
                worthy.map(|kind| kind.as_str()).collect()
            })
        });
        &NAMES[level as usize]
    }
}

/// A text that names no verification type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a verification type of a link")]
pub struct UnknownLinkVerificationType;

impl FromStr for LinkVerificationType {
    type Err = UnknownLinkVerificationType;

    fn from_str(text: &str) -> Result<Self, UnknownLinkVerificationType> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == text)
            .ok_or(UnknownLinkVerificationType)
    }
}

impl fmt::Display for LinkVerificationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_back_and_has_its_level() {
        assert_eq!(LinkVerificationType::ALL.len(), 17);
        for kind in LinkVerificationType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert_eq!(kind.to_string(), kind.as_str());
            let expected = match kind.as_str() {
                "organization_dirigeant" => OrganizationLevel::Certified,
                name if name.starts_with("no_") => OrganizationLevel::Unverified,
                _ => OrganizationLevel::Verified,
            };
            assert_eq!(kind.organization_level(), expected, "{kind}");
        }
    }

    #[test]
    fn an_unknown_type_is_an_error() {
        assert_eq!(
            "verified_email_domain".parse::<LinkVerificationType>(),
            Err(UnknownLinkVerificationType)
        );
        assert_eq!(
            "".parse::<LinkVerificationType>(),
            Err(UnknownLinkVerificationType)
        );
    }

    #[test]
    fn a_link_is_worth_its_level_and_every_lower_one() {
        for kind in LinkVerificationType::ALL {
            for level in OrganizationLevel::ALL {
                let is_named = LinkVerificationType::names_worth(level).contains(&kind.as_str());
                assert_eq!(is_named, kind.organization_level() >= level, "{kind} {level:?}");
            }
        }
    }
}
