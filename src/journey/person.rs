//! Who is signed in, as the requirements see it: one row read per request.

use chrono::{DateTime, Utc};

use super::{Journey, is_expired};
use crate::domain::amr::is_two_factor;
use crate::domain::{
    Amr, AuthenticationLevel, IdentityLevel, Levels, LinkVerificationType, OrganizationId, OrganizationLevel,
    UserId,
};

/// A signed-in session with its account, its organizations and what is known of the person.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about a person, each a column"
)]
#[derive(Debug, Clone)]
pub struct Person {
    /// Stable public name of the signed-in session.
    pub session_uid: String,
    /// Instant of the first factor in this session.
    pub signed_in_at: DateTime<Utc>,
    /// Methods used in this session, in their order.
    pub amr: Vec<Amr>,
    pub user_id: UserId,
    pub email: String,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub email_verified: bool,
    pub email_verified_at: Option<DateTime<Utc>>,
    /// The person wants two factors on every service.
    pub force_2fa: bool,
    /// A TOTP key is configured.
    pub has_totp: bool,
    /// At least one passkey is registered.
    pub has_passkey: bool,
    pub needs_inclusionconnect_onboarding_help: bool,
    /// In this session a password was chosen that is not the account's yet: the address is still to be proven here.
    pub has_pending_password: bool,
    /// Browsers trusted before this instant are not trusted any more.
    pub credentials_changed_at: Option<DateTime<Utc>>,
    /// When `FranceConnect` last told the identity; `None` when it never did.
    pub franceconnect_updated_at: Option<DateTime<Utc>>,
    /// The organization that is known longest first.
    pub links: Vec<Link>,
    /// What the session acts for; may point to an organization that the person has left.
    pub selected_organization: Option<OrganizationId>,
}

/// Membership of an organization.
#[derive(Debug, Clone)]
pub struct Link {
    pub organization: OrganizationId,
    pub siret: String,
    /// `cached_libelle`
    pub libelle: Option<String>,
    /// `cached_adresse`
    pub adresse: Option<String>,
    /// `cached_libelle_activite_principale`
    pub libelle_activite_principale: Option<String>,
    /// Headquarters of its legal unit; unknown for organizations not refreshed yet.
    pub is_siege_social: Option<bool>,
    pub verification_type: LinkVerificationType,
    pub verified_at: Option<DateTime<Utc>>,
    pub has_been_greeted: bool,
    pub needs_official_contact_email_verification: bool,
}

impl Person {
    /// Whether a second factor could be asked for.
    #[must_use]
    pub fn is_second_factor_capable(&self) -> bool {
        self.has_totp || self.has_passkey
    }

    /// Whether this session was opened with two factors.
    #[must_use]
    pub fn used_two_factors(&self) -> bool {
        is_two_factor(&self.amr)
    }

    /// Whether given name and family name are known.
    #[must_use]
    pub fn has_names(&self) -> bool {
        let is_known = |name: &Option<String>| name.as_deref().is_some_and(|name| !name.is_empty());
        is_known(&self.given_name) && is_known(&self.family_name)
    }

    /// How the header names the person: both names, or the address.
    #[must_use]
    pub fn label(&self) -> String {
        match (self.given_name.as_deref(), self.family_name.as_deref()) {
            (Some(given), Some(family)) if self.has_names() => format!("{given} {family}"),
            _ => self.email.clone(),
        }
    }

    /// The membership of the selected organization, unless the person has left it.
    #[must_use]
    pub fn selected_link(&self) -> Option<&Link> {
        let selected = self.selected_organization?;
        self.links.iter().find(|link| link.organization == selected)
    }

    /// The membership that its official contact has yet to confirm: the selected organization's, or without one the first.
    #[must_use]
    pub fn link_to_verify(&self) -> Option<&Link> {
        match self.selected_link() {
            Some(selected) => Some(selected).filter(|link| link.needs_official_contact_email_verification),
            None => self
                .links
                .iter()
                .find(|link| link.needs_official_contact_email_verification),
        }
    }

    /// The membership whose beginning the person is still to be told of: the selected organization's, or without one the first.
    #[must_use]
    pub fn link_to_greet(&self) -> Option<&Link> {
        let mut links = self.links.iter();
        match self.selected_link() {
            Some(selected) => Some(selected).filter(|link| !link.has_been_greeted),
            None => links.find(|link| !link.has_been_greeted),
        }
    }

    /// What is known of the person's identity at the moment of `journey`.
    #[must_use]
    pub fn identity_level(&self, journey: &Journey) -> IdentityLevel {
        let max_age = journey.rules.franceconnect_max_age;
        if is_expired(self.franceconnect_updated_at, max_age, journey.now) {
            IdentityLevel::Declared
        } else {
            IdentityLevel::Verified
        }
    }

    /// What the link to the selected organization is worth at the moment of `journey`; `None` without a selection.
    #[must_use]
    pub fn organization_level(&self, journey: &Journey) -> Option<OrganizationLevel> {
        self.selected_link().map(|link| self.level_of(link, journey))
    }

    /// What `link` is worth at the moment of `journey`. A certification that is too old, or older than the identity that it was
    /// made for, is a verified link like any other.
    #[must_use]
    pub fn level_of(&self, link: &Link, journey: &Journey) -> OrganizationLevel {
        let level = link.verification_type.organization_level();
        if level != OrganizationLevel::Certified {
            return level;
        }
        let is_outdated = is_expired(link.verified_at, journey.rules.certification_max_age, journey.now)
            || self.franceconnect_updated_at > link.verified_at;
        if is_outdated {
            OrganizationLevel::Verified
        } else {
            level
        }
    }

    /// The three levels at the moment of `journey`; `None` as long as no organization is selected.
    #[must_use]
    pub fn levels(&self, journey: &Journey) -> Option<Levels> {
        Some(Levels {
            identity: self.identity_level(journey),
            authentication: AuthenticationLevel::of(&self.amr),
            organization: self.organization_level(journey)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::journey::tests::complete;

    #[test]
    fn the_header_shows_both_names_or_the_address() {
        let mut person = complete().person.unwrap();
        assert_eq!(person.label(), "Jean Test");
        for (given, family) in [
            (None, Some("Test")),
            (Some("Jean"), None),
            (Some(""), Some("Test")),
            (Some("Jean"), Some("")),
        ] {
            person.given_name = given.map(str::to_owned);
            person.family_name = family.map(str::to_owned);
            assert_eq!(person.label(), "jean@exemple.fr", "{given:?} {family:?}");
        }
    }
}
