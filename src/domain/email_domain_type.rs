//! What an e-mail domain is worth for an organization.

use std::str::FromStr;

/// `email_domains.verification_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailDomainType {
    /// Reviewed by an agent.
    Verified,
    /// Of staff that is not employed there.
    External,
    /// Proven by the postal procedure of Trackdéchets.
    TrackdechetsPostalMail,
    /// Of the official contact.
    OfficialContact,
    /// Usable, and to be reviewed.
    NotVerifiedYet,
    /// Nobody joins with it.
    Refused,
    /// Declared and unused; hinders nobody.
    Blacklisted,
}

/// A text that names no type of domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a type of e-mail domain")]
pub struct UnknownEmailDomainType;

impl EmailDomainType {
    const ALL: [Self; 7] = [
        Self::Verified,
        Self::External,
        Self::TrackdechetsPostalMail,
        Self::OfficialContact,
        Self::NotVerifiedYet,
        Self::Refused,
        Self::Blacklisted,
    ];

    /// The value of the column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::External => "external",
            Self::TrackdechetsPostalMail => "trackdechets_postal_mail",
            Self::OfficialContact => "official_contact",
            Self::NotVerifiedYet => "not_verified_yet",
            Self::Refused => "refused",
            Self::Blacklisted => "blacklisted",
        }
    }

    /// Whether an address under the domain is proof enough.
    #[must_use]
    pub const fn is_approved(self) -> bool {
        matches!(
            self,
            Self::Verified | Self::External | Self::TrackdechetsPostalMail | Self::OfficialContact
        )
    }
}

impl FromStr for EmailDomainType {
    type Err = UnknownEmailDomainType;

    fn from_str(text: &str) -> Result<Self, UnknownEmailDomainType> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(UnknownEmailDomainType)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_back() {
        for kind in EmailDomainType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("".parse::<EmailDomainType>(), Err(UnknownEmailDomainType));
        assert_eq!(
            EmailDomainType::ALL
                .iter()
                .filter(|kind| kind.is_approved())
                .count(),
            4
        );
    }
}
