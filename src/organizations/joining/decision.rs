//! Whether a person may act for an organization: the ordered list of spec/organizations.md §4.2, one `if` a step, the first that holds
//! decides. Pure: everything that it looks at is in [`Candidacy`].
//!
//! Steps 14 and 15 ask directories, which takes time and is seldom needed: the first time the answer is [`Decision::Ask`], then the
//! caller asks and decides again.

use crate::domain::email_domain::{self, FreeMailRules};
use crate::domain::organization::{ContactDirectory, OrganizationProfile};
use crate::domain::{Email, EmailDomainType, LinkVerificationType, ModerationId, Siret};

/// Somebody who wants to act for an organization, and what is known of both.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the specification names"
)]
pub struct Candidacy<'a> {
    pub siret: &'a Siret,
    /// Whether the establishment is open, when known.
    pub is_active: Option<bool>,
    pub organization: OrganizationProfile<'a>,
    /// Of the account.
    pub email: &'a Email,
    pub is_member: bool,
    /// A request to join that nobody has decided on.
    pub pending_request: Option<ModerationId>,
    /// A request to join that was refused.
    pub rejected_request: Option<ModerationId>,
    /// What the organization says of the domain of the address, in the order of storage.
    pub domain_types: &'a [EmailDomainType],
    /// The service on whose behalf the person comes asks for executives.
    pub certification_requested: bool,
    /// The person insists on an address that is not a professional one.
    pub is_confirmed: bool,
    /// Official contacts, once a directory was asked.
    pub contacts: &'a Contacts,
    pub free_mail: FreeMailRules,
    /// `FEATURE_BYPASS_MODERATION`
    pub bypasses_moderation: bool,
}

/// Official contacts of the organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contacts {
    NotAsked,
    /// Those that the directory names, in its order; none as well when it did not answer.
    Known(Vec<Email>),
}

/// What becomes of a candidacy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub outcome: Outcome,
    /// Domains of official contacts that were met on the way: they stand for the organization, whatever the outcome.
    pub contact_domains: Vec<String>,
}

/// See [`Decision`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Refused(Refusal),
    /// A register must name the person as an executive first.
    CertifyDirigeant,
    /// Ask this directory for [`Contacts`], then decide again.
    Ask(ContactDirectory),
    Link(NewLink),
    /// Somebody has to decide.
    Moderate,
}

/// Why a candidacy is refused at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    OrganizationNotActive,
    AlreadyMember,
    AlreadyAsked(ModerationId),
    Rejected(ModerationId),
    DomainNotAllowed,
    DomainRefused,
    /// An address of the State, for a private organization.
    GouvFrForPrivateOrganization,
    /// Anybody's address, for a public service.
    RestrictedToPublicServiceEmails,
    /// Perhaps a professional address was forgotten.
    MustConfirm,
}

/// How the person comes to act for the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewLink {
    pub verification_type: LinkVerificationType,
    pub is_external: bool,
    /// The official contact is sent a code, which is still to be brought.
    pub needs_contact_code: bool,
    /// The domain is to be reviewed afterwards.
    pub opens_domain_review: bool,
}

/// Decides. The numbers are those of the specification.
#[must_use]
pub fn decide(candidacy: &Candidacy<'_>) -> Decision {
    let mut contact_domains = Vec::new();
    let outcome = first_that_holds(candidacy, &mut contact_domains);
    Decision {
        outcome,
        contact_domains,
    }
}

fn first_that_holds(candidacy: &Candidacy<'_>, contact_domains: &mut Vec<String>) -> Outcome {
    use LinkVerificationType as By;
    let organization = &candidacy.organization;
    let domain = candidacy.email.domain();
    let is_free = candidacy.free_mail.is_free_for_joining(candidacy.email.as_str());
    let is_small_etablissement_public = organization.is_small_etablissement_public();
    let has_domain_type = |kind| candidacy.domain_types.contains(&kind);

    // 1
    if candidacy.is_active != Some(true) {
        return Outcome::Refused(Refusal::OrganizationNotActive);
    }
    // 2
    if candidacy.is_member {
        return Outcome::Refused(Refusal::AlreadyMember);
    }
    // 3
    if let Some(request) = candidacy.pending_request {
        return Outcome::Refused(Refusal::AlreadyAsked(request));
    }
    // 4
    if let Some(request) = candidacy.rejected_request {
        return Outcome::Refused(Refusal::Rejected(request));
    }
    // 5
    if !email_domain::is_allowed(candidacy.siret, domain) {
        return Outcome::Refused(Refusal::DomainNotAllowed);
    }
    // 6
    if has_domain_type(EmailDomainType::Refused) {
        return Outcome::Refused(Refusal::DomainRefused);
    }
    // 7
    if email_domain::is_gouv_fr(domain) && !organization.is_service_public() {
        return Outcome::Refused(Refusal::GouvFrForPrivateOrganization);
    }
    // 8
    if candidacy.certification_requested {
        return Outcome::CertifyDirigeant;
    }
    // 9
    if organization.is_entreprise_unipersonnelle() {
        return Outcome::link(By::NoVerificationMeansForEntrepriseUnipersonnelle);
    }
    // 10
    if is_free && organization.is_small_association() {
        return Outcome::link(By::NoVerificationMeansForSmallAssociation);
    }
    // 11
    if is_free && organization.is_small_organization() {
        return Outcome::link(By::NoVerificationMeansForSmallOrganization);
    }
    // 12
    if is_free
        && organization.is_service_public()
        && !organization.is_commune_or_community()
        && !is_small_etablissement_public
    {
        return Outcome::Refused(Refusal::RestrictedToPublicServiceEmails);
    }
    // 13
    if is_free
        && !organization.has_less_than_fifty_employees()
        && !candidacy.is_confirmed
        && !is_small_etablissement_public
    {
        return Outcome::Refused(Refusal::MustConfirm);
    }
    // 14 for a town, 15 for a school
    if let Some(directory) = organization.contact_directory() {
        let Contacts::Known(contacts) = candidacy.contacts else {
            return Outcome::Ask(directory);
        };
        let link = match directory {
            ContactDirectory::ServicePublic => by_town_hall(candidacy, contacts, is_free, contact_domains),
            ContactDirectory::EducationNationale => by_school(candidacy.email, contacts),
        };
        if let Some(link) = link {
            return link;
        }
    }
    // 16: where several types are approved, one that makes nobody external counts
    let approved = candidacy.domain_types.iter().filter(|kind| kind.is_approved());
    if let Some(approved) = approved.min_by_key(|kind| **kind == EmailDomainType::External) {
        return Outcome::Link(NewLink {
            is_external: *approved == EmailDomainType::External,
            ..NewLink::by(By::Domain)
        });
    }
    // 17
    if candidacy.bypasses_moderation {
        return Outcome::link(By::Bypassed);
    }
    // 18
    if has_domain_type(EmailDomainType::NotVerifiedYet) {
        return Outcome::Link(NewLink {
            opens_domain_review: true,
            ..NewLink::by(By::DomainNotVerifiedYet)
        });
    }
    // 19
    Outcome::Moderate
}

/// §4.4: who writes from the town hall, or from its domain, is known there; others with a mailbox of their own bring a code.
fn by_town_hall(
    candidacy: &Candidacy<'_>,
    contacts: &[Email],
    is_free: bool,
    contact_domains: &mut Vec<String>,
) -> Option<Outcome> {
    for contact in contacts {
        let domain = contact.domain();
        let stands_for_town = !candidacy.free_mail.is_free(domain);
        if stands_for_town {
            contact_domains.push(domain.to_owned());
        }
        if contact == candidacy.email {
            return Some(Outcome::link(LinkVerificationType::OfficialContactEmail));
        }
        if stands_for_town && domain == candidacy.email.domain() {
            return Some(Outcome::link(LinkVerificationType::Domain));
        }
    }
    (is_free && !contacts.is_empty()).then_some(Outcome::CODE)
}

/// §4.4: who writes from the school's own address is known there; everybody else brings a code.
fn by_school(email: &Email, contacts: &[Email]) -> Option<Outcome> {
    let contact = contacts.first()?;
    if contact == email {
        return Some(Outcome::link(LinkVerificationType::OfficialContactEmail));
    }
    Some(Outcome::CODE)
}

impl Outcome {
    const CODE: Self = Self::Link(NewLink {
        needs_contact_code: true,
        ..NewLink::by(LinkVerificationType::CodeSentToOfficialContactEmail)
    });

    const fn link(verification_type: LinkVerificationType) -> Self {
        Self::Link(NewLink::by(verification_type))
    }
}

impl NewLink {
    const fn by(verification_type: LinkVerificationType) -> Self {
        Self {
            verification_type,
            is_external: false,
            needs_contact_code: false,
            opens_domain_review: false,
        }
    }
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
