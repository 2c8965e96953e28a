//! The code that the official contact of an organization hands on (spec/organizations.md §4.5).

use std::time::Duration;

use chrono::TimeDelta;
use identite_actors::rate_limiter::Budget;

use super::{Organizations, OrganizationsError};
use crate::db;
use crate::db::official_contacts::NewCode;
use crate::domain::one_time_secret::Purpose;
use crate::domain::organization::TypeLabel;
use crate::domain::{ContactCode, Email, OrganizationId, UserId};
use crate::mail::messages::OfficialContactEmailVerification;

/// How long a code is good.
const LIFETIME: TimeDelta = TimeDelta::hours(1);
/// Wrong guesses after which a code is dead.
const GUESSES: i32 = 20;
/// Codes that one person has sent to the contacts of one organization. What is stored with the membership ends with it: whoever quits and
/// joins again would get another code, and other guesses, each time.
const CODES: Budget = Budget {
    points: 3,
    window: Duration::from_hours(1),
};
/// Prefix of their counters.
const CODES_SENT: &str = "rate-limiter-official-contact-codes-sent";

/// What the page of the code shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactPage {
    /// A code is on its way to this address.
    CodeSent {
        email: String,
        organization_type: TypeLabel,
    },
    /// The organization has several addresses: one is to be chosen.
    ChooseAddress(Vec<Email>),
    /// The membership needs no check, or not any more.
    NotNeeded,
    /// No such membership, or an organization without official contact.
    NotFound,
    /// The directory does not answer, or does not know the address that was chosen.
    DirectoryUnavailable,
    /// No other code is sent before this is over, on the wish of this person.
    TooManyCodes { retry_after: Duration },
}

/// What became of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactCodeOutcome {
    Verified,
    /// Wrong, too old or used: never told apart.
    Invalid,
    NotNeeded,
    NotFound,
}

/// Where the check of a membership stands.
enum Survey {
    /// Nothing is to be sent.
    Known(ContactPage),
    Open(OpenSurvey),
}

/// A code is to be sent to one of the contacts.
struct OpenSurvey {
    contacts: Vec<Email>,
    organization_type: TypeLabel,
    libelle: String,
}

impl Organizations {
    /// What the page that asks for one of several addresses shows. Sends nothing: [`ContactPage::CodeSent`] means that there is nothing
    /// to choose.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn official_contacts_of(
        &self,
        user: UserId,
        organization: OrganizationId,
    ) -> Result<ContactPage, OrganizationsError> {
        Ok(match self.survey(user, organization).await? {
            Survey::Known(page) => page,
            Survey::Open(open) => match open.contacts.as_slice() {
                [] => ContactPage::DirectoryUnavailable,
                [only] => ContactPage::CodeSent {
                    email: only.to_string(),
                    organization_type: open.organization_type,
                },
                _ => ContactPage::ChooseAddress(open.contacts),
            },
        })
    }

    /// Sends a code to the official contact of `organization`, which `user` has joined, unless one was sent within its lifetime. `chosen`:
    /// the address among several. Of requests that race, one sends.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn request_contact_code(
        &self,
        user: UserId,
        organization: OrganizationId,
        chosen: Option<&Email>,
    ) -> Result<ContactPage, OrganizationsError> {
        let open = match self.survey(user, organization).await? {
            Survey::Known(page) => return Ok(page),
            Survey::Open(open) => open,
        };
        let email = match (open.contacts.as_slice(), chosen) {
            ([only], None) => only,
            (contacts, Some(chosen)) if contacts.contains(chosen) => chosen,
            (_, Some(_)) | ([], None) => return Ok(ContactPage::DirectoryUnavailable),
            (_, None) => return Ok(ContactPage::ChooseAddress(open.contacts)),
        };
        let refusal = self
            .send_contact_code(user, organization, email, &open.libelle)
            .await?;
        if let Some(retry_after) = refusal {
            return Ok(ContactPage::TooManyCodes { retry_after });
        }
        Ok(ContactPage::CodeSent {
            email: email.to_string(),
            organization_type: open.organization_type,
        })
    }

    /// Whether a code is to be sent, and who could receive it.
    async fn survey(&self, user: UserId, organization: OrganizationId) -> Result<Survey, OrganizationsError> {
        let now = self.services.clock.now();
        let found = {
            let client = self.services.pool.get().await?;
            db::official_contacts::find(&client, user, organization).await?
        };
        let Some(check) = found else {
            return Ok(Survey::Known(ContactPage::NotFound));
        };
        if !check.is_needed {
            return Ok(Survey::Known(ContactPage::NotNeeded));
        }
        let row = check.organization;
        let profile = row.profile();
        let organization_type = profile.type_label();
        let is_alive = check.sent_at.is_some_and(|sent_at| now - sent_at <= LIFETIME);
        if let Some(email) = check.sent_to.filter(|_| is_alive) {
            return Ok(Survey::Known(ContactPage::CodeSent {
                email,
                organization_type,
            }));
        }
        let Some(directory) = profile.contact_directory() else {
            return Ok(Survey::Known(ContactPage::NotFound));
        };
        let commune = row.code_officiel_geographique.as_deref().unwrap_or_default();
        let contacts = &self.services.contacts;
        let found = contacts.ask(directory, &row.siret, commune).await;
        Ok(match found {
            Ok(contacts) => Survey::Open(OpenSurvey {
                contacts,
                organization_type,
                libelle: row.libelle.unwrap_or(row.siret),
            }),
            Err(error) => {
                tracing::warn!(?error, "an official contact is not known");
                Survey::Known(ContactPage::DirectoryUnavailable)
            }
        })
    }

    /// Sends a code, unless one was sent within its lifetime. Gives how long to wait when too many were sent already.
    async fn send_contact_code(
        &self,
        user: UserId,
        organization: OrganizationId,
        email: &Email,
        libelle: &str,
    ) -> Result<Option<Duration>, OrganizationsError> {
        let now = self.services.clock.now();
        let code = ContactCode::draw(&mut rand::rng());
        let digest = code.digest(
            &self.services.secrets,
            Purpose::OfficialContact(user, organization),
        );
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let fresh = NewCode {
            user,
            organization,
            digest: &digest,
            email: email.as_str(),
        };
        if !db::official_contacts::issue(&transaction, fresh, now - LIFETIME, now).await? {
            return Ok(None);
        }
        let Some(person) = db::users::find_by_id(&transaction, user).await? else {
            return Ok(None);
        };
        // Counted once it is known that this request sends; a refusal leaves nothing behind, since nothing is committed.
        let subject = format!("{user}|{organization}");
        let verdict = self.services.rate_limiter.hit(CODES_SENT, &subject, CODES).await;
        if !verdict.allowed {
            return Ok(Some(verdict.retry_after));
        }
        let (given_name, family_name) = person.names();
        let message = OfficialContactEmailVerification {
            given_name,
            family_name,
            email: person.email,
            libelle: libelle.to_owned(),
            token: code.expose().to_owned(),
        };
        self.post(&transaction, email.as_str(), &message).await?;
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(None)
    }

    /// Checks what `user` typed, and uses the code up: they are known to the official contact of `organization` then.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn verify_contact_code(
        &self,
        user: UserId,
        organization: OrganizationId,
        typed: &str,
    ) -> Result<ContactCodeOutcome, OrganizationsError> {
        let now = self.services.clock.now();
        let client = self.services.pool.get().await?;
        match db::official_contacts::find(&client, user, organization).await? {
            None => return Ok(ContactCodeOutcome::NotFound),
            Some(check) if !check.is_needed => return Ok(ContactCodeOutcome::NotNeeded),
            Some(_) => {}
        }
        let Some(code) = ContactCode::parse(typed) else {
            return Ok(ContactCodeOutcome::Invalid);
        };
        let purpose = Purpose::OfficialContact(user, organization);
        let forms = code.stored_forms(&self.services.secrets, purpose);
        let sent_since = now - LIFETIME;
        if db::official_contacts::consume(&client, user, organization, &forms, sent_since, now).await? {
            return Ok(ContactCodeOutcome::Verified);
        }
        db::official_contacts::count_failure(&client, user, organization, GUESSES).await?;
        Ok(ContactCodeOutcome::Invalid)
    }
}
