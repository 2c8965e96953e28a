//! Joining an organization (spec/organizations.md §4.2, §4.4): what is known is gathered, [`decision::decide`] decides, and what it
//! decided is written in one transaction.

pub mod decision;

use decision::{Candidacy, Contacts, Decision, NewLink, Outcome, Refusal, decide};

use super::directory::{ContactError, Establishment, LookUpError};
use super::{Organizations, OrganizationsError};
use crate::db;
use crate::db::memberships::{JoiningFacts, NewMembership};
use crate::db::moderations::{NON_VERIFIED_DOMAIN, NewModeration};
use crate::domain::email_domain::is_listed_as_free;
use crate::domain::organization::ContactDirectory;
use crate::domain::{Email, EmailDomainType, OrganizationId, Siret, UserId};

/// Somebody who wants to act for an organization.
#[derive(Debug, Clone, Copy)]
pub struct JoinRequest<'a> {
    pub user: UserId,
    /// Of the account.
    pub email: &'a str,
    pub siret: &'a Siret,
    /// They insist on an address that is not a professional one.
    pub is_confirmed: bool,
    /// The service on whose behalf they come asks for executives.
    pub certification_requested: bool,
    /// The service on whose behalf they come.
    pub sp_name: Option<&'a str>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinOutcome {
    /// They act for it now.
    Linked(OrganizationId),
    /// Somebody has to decide: to be asked with [`Organizations::request_moderation`].
    NeedsModeration(OrganizationId),
    /// A register must name them as an executive first.
    NeedsCertification(OrganizationId),
    Refused(OrganizationId, Refusal),
    /// No register knows such an establishment.
    UnknownSiret,
    /// The register does not answer: nothing is known.
    RegisterUnavailable,
}

impl Organizations {
    /// Makes a person act for an organization if what is known of both allows it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn join(&self, request: JoinRequest<'_>) -> Result<JoinOutcome, OrganizationsError> {
        let establishment = match self.services.directory.establish(request.siret).await {
            Ok(establishment) => establishment,
            Err(LookUpError::Unprocessable | LookUpError::NotFound) => return Ok(JoinOutcome::UnknownSiret),
            Err(LookUpError::Unavailable | LookUpError::OverQuota) => {
                return Ok(JoinOutcome::RegisterUnavailable);
            }
            Err(LookUpError::Database(error)) => return Err(error.into()),
        };
        let email = Email::parse(request.email)
            .map_err(|_| OrganizationsError::Fault("the address of an account is none"))?;
        let organization = establishment.organization_id;
        let facts = {
            let client = self.services.pool.get().await?;
            db::memberships::joining_facts(&client, request.user, organization, email.domain()).await?
        };
        let decision = self.decide(request, &email, &establishment, &facts).await;
        self.act(request, organization, decision).await
    }

    /// Decides, after a look into a directory when that matters.
    async fn decide(
        &self,
        request: JoinRequest<'_>,
        email: &Email,
        establishment: &Establishment,
        facts: &JoiningFacts,
    ) -> Decision {
        let domain_types: Vec<EmailDomainType> = facts
            .domain_types
            .iter()
            .filter_map(|kind| kind.parse().ok())
            .collect();
        let rules = &self.services.rules;
        let mut candidacy = Candidacy {
            siret: request.siret,
            is_active: Some(establishment.info.est_active),
            organization: establishment.info.profile(),
            email,
            is_member: facts.is_member,
            pending_request: facts.pending_request,
            rejected_request: facts.rejected_request,
            domain_types: &domain_types,
            certification_requested: request.certification_requested,
            is_confirmed: request.is_confirmed,
            contacts: &Contacts::NotAsked,
            free_mail: rules.free_mail,
            bypasses_moderation: rules.bypasses_moderation,
        };
        let decision = decide(&candidacy);
        let Outcome::Ask(directory) = decision.outcome else {
            return decision;
        };
        let contacts = Contacts::Known(self.contacts_of(directory, establishment).await);
        candidacy.contacts = &contacts;
        decide(&candidacy)
    }

    /// The official contacts of an organization; a directory that does not answer names none.
    async fn contacts_of(&self, directory: ContactDirectory, establishment: &Establishment) -> Vec<Email> {
        let info = &establishment.info;
        let commune = &info.code_officiel_geographique;
        let contacts = &self.services.contacts;
        let found = contacts.ask(directory, &info.siret, commune).await;
        found.unwrap_or_else(|error| {
            match error {
                ContactError::Unavailable => {
                    tracing::error!(?directory, %error, "nobody knows an official contact now");
                }
                ContactError::NotFound | ContactError::Unusable => {
                    tracing::warn!(?directory, %error, "an official contact is not known");
                }
            }
            Vec::new()
        })
    }

    /// Writes what was decided, in one transaction.
    async fn act(
        &self,
        request: JoinRequest<'_>,
        organization: OrganizationId,
        decision: Decision,
    ) -> Result<JoinOutcome, OrganizationsError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        // A mailbox that anybody can have stands for no organization, even where it is the one of its contact.
        let domains: Vec<String> = decision
            .contact_domains
            .into_iter()
            .filter(|domain| !is_listed_as_free(domain))
            .collect();
        db::email_domains::approve_official_contacts(&transaction, organization, &domains, now).await?;
        let outcome = match decision.outcome {
            Outcome::Link(link) => self.link(&transaction, request, organization, link).await?,
            Outcome::Moderate => JoinOutcome::NeedsModeration(organization),
            Outcome::CertifyDirigeant => JoinOutcome::NeedsCertification(organization),
            Outcome::Refused(refusal) => JoinOutcome::Refused(organization, refusal),
            Outcome::Ask(_) => {
                return Err(OrganizationsError::Fault(
                    "a directory was asked and is asked again",
                ));
            }
        };
        transaction.commit().await?;
        Ok(outcome)
    }

    async fn link(
        &self,
        transaction: &db::Transaction<'_>,
        request: JoinRequest<'_>,
        organization: OrganizationId,
        link: NewLink,
    ) -> Result<JoinOutcome, OrganizationsError> {
        let now = self.services.clock.now();
        let membership = NewMembership {
            verification_type: link.verification_type,
            is_external: link.is_external,
            needs_contact_code: link.needs_contact_code,
        };
        if !db::memberships::begin(transaction, request.user, organization, membership, now).await? {
            // The same person was faster, in another window.
            return Ok(JoinOutcome::Refused(organization, Refusal::AlreadyMember));
        }
        if link.opens_domain_review {
            let review = NewModeration {
                user: request.user,
                organization,
                kind: NON_VERIFIED_DOMAIN,
                sp_name: request.sp_name,
            };
            db::moderations::open(transaction, review, now).await?;
        }
        Ok(JoinOutcome::Linked(organization))
    }
}
