//! The code that the official contact of an organization hands on (spec/organizations.md §4.5).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use identite_actors::rate_limiter::Budget;

use super::directory::ContactError;
use super::{Organizations, OrganizationsError};
use crate::db;
use crate::db::official_contacts::{CheckedOrganization, NewCode};
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
        /// Whether there is another address to choose, as far as is remembered.
        offers_choice: bool,
        /// Why another address gets none, for whoever wanted one.
        refusal: Option<ChoiceRefusal>,
    },
    /// The organization has several addresses, or another one than the code went to: one is to be chosen.
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

/// Why a code stays where it is although another address was wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChoiceRefusal {
    /// Too many codes were sent.
    TooManyCodes,
    /// The directory does not answer: nobody knows whether the address is an official one.
    DirectoryAway,
    /// The directory does not list the address.
    NotOfficial,
    /// Another request has just had a code sent elsewhere.
    Overtaken,
    /// The directory lists no other address.
    NothingElse,
}

/// What became of a code that was to be sent.
enum Sending {
    Sent,
    /// Another request has sent one since the survey, or none is expected any more.
    Overtaken,
    /// Too many were sent already.
    TooMany {
        retry_after: Duration,
    },
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
    /// There is nothing to check.
    Known(ContactPage),
    Open(Box<OpenCheck>),
}

/// A code is expected.
struct OpenCheck {
    organization: CheckedOrganization,
    organization_type: TypeLabel,
    /// What was sent within its lifetime.
    living: Option<LivingCode>,
}

struct LivingCode {
    sent_to: String,
    sent_at: DateTime<Utc>,
}

impl Organizations {
    /// What the page that asks for one of several addresses shows, whether or not a code was sent to one of them. Sends nothing:
    /// [`ContactPage::CodeSent`] means that there is nothing to choose, and tells why where a code was sent.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn official_contacts_of(
        &self,
        user: UserId,
        organization: OrganizationId,
    ) -> Result<ContactPage, OrganizationsError> {
        let check = match self.survey(user, organization).await? {
            Survey::Known(page) => return Ok(page),
            Survey::Open(check) => check,
        };
        let contacts = self.listed_contacts(&check.organization).await;
        let (refusal, contacts) = match contacts {
            Ok(contacts) => (ChoiceRefusal::NothingElse, contacts),
            Err(ContactError::Unavailable) => (ChoiceRefusal::DirectoryAway, Vec::new()),
            Err(ContactError::NotFound | ContactError::Unusable) => (ChoiceRefusal::NothingElse, Vec::new()),
        };
        Ok(match (contacts.as_slice(), &check.living) {
            ([_, _, ..], _) => ContactPage::ChooseAddress(contacts),
            ([other], Some(living)) if other.as_str() != living.sent_to => {
                ContactPage::ChooseAddress(contacts)
            }
            (_, Some(living)) => self.code_sent(&check, &living.sent_to, Some(refusal)).await,
            ([only], None) => self.code_sent(&check, only.as_str(), None).await,
            ([], None) => ContactPage::DirectoryUnavailable,
        })
    }

    /// Sends a code to the official contact of `organization`, which `user` has joined, unless one was sent to it within its lifetime.
    /// `chosen`: the address among several; another one than before takes the place of the code that lives. Of requests that race, one
    /// sends.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn request_contact_code(
        &self,
        user: UserId,
        organization: OrganizationId,
        chosen: Option<&Email>,
    ) -> Result<ContactPage, OrganizationsError> {
        let check = match self.survey(user, organization).await? {
            Survey::Known(page) => return Ok(page),
            Survey::Open(check) => check,
        };
        if let Some(living) = &check.living
            && chosen.is_none_or(|chosen| chosen.as_str() == living.sent_to)
        {
            return Ok(self.code_sent(&check, &living.sent_to, None).await);
        }
        let contacts = self.listed_contacts(&check.organization).await;
        let email = match (chosen, contacts.as_deref()) {
            (Some(chosen), Ok(contacts)) if contacts.contains(chosen) => chosen,
            // The code stays where it is.
            (Some(_), answer) => {
                let refusal = match answer {
                    Err(ContactError::Unavailable) => ChoiceRefusal::DirectoryAway,
                    Ok(_) | Err(ContactError::NotFound | ContactError::Unusable) => {
                        ChoiceRefusal::NotOfficial
                    }
                };
                return Ok(match &check.living {
                    Some(living) => self.code_sent(&check, &living.sent_to, Some(refusal)).await,
                    None => ContactPage::DirectoryUnavailable,
                });
            }
            (None, Ok([only])) => only,
            (None, Ok([]) | Err(_)) => return Ok(ContactPage::DirectoryUnavailable),
            (None, Ok(several)) => return Ok(ContactPage::ChooseAddress(several.to_vec())),
        };
        let sending = self.send_contact_code(user, organization, email, &check).await?;
        Ok(match (sending, &check.living) {
            (Sending::Sent, _) => self.code_sent(&check, email.as_str(), None).await,
            (Sending::Overtaken, _) => return self.overtaken(user, organization, email).await,
            (Sending::TooMany { .. }, Some(living)) => {
                let refusal = Some(ChoiceRefusal::TooManyCodes);
                self.code_sent(&check, &living.sent_to, refusal).await
            }
            (Sending::TooMany { retry_after }, None) => ContactPage::TooManyCodes { retry_after },
        })
    }

    /// What to show to whoever wanted a code sent to `wanted` while another request had one sent.
    async fn overtaken(
        &self,
        user: UserId,
        organization: OrganizationId,
        wanted: &Email,
    ) -> Result<ContactPage, OrganizationsError> {
        let check = match self.survey(user, organization).await? {
            Survey::Known(page) => return Ok(page),
            Survey::Open(check) => check,
        };
        let Some(living) = &check.living else {
            // Another application has sent it, and has not noted where to: nobody knows better than the person.
            return Ok(self.code_sent(&check, wanted.as_str(), None).await);
        };
        let refusal = (living.sent_to != wanted.as_str()).then_some(ChoiceRefusal::Overtaken);
        Ok(self.code_sent(&check, &living.sent_to, refusal).await)
    }

    /// The page that asks for the code, which was sent to `email`.
    async fn code_sent(&self, check: &OpenCheck, email: &str, refusal: Option<ChoiceRefusal>) -> ContactPage {
        ContactPage::CodeSent {
            email: email.to_owned(),
            organization_type: check.organization_type,
            offers_choice: self.may_have_another(&check.organization, email).await,
            refusal,
        }
    }

    /// Whether `organization` has another address than `email`, or nobody remembers. Asks no directory: the page of the code is there
    /// whatever becomes of it.
    async fn may_have_another(&self, organization: &CheckedOrganization, email: &str) -> bool {
        let Some(directory) = organization.profile().contact_directory() else {
            return false;
        };
        let contacts = &self.services.contacts;
        let remembered = contacts
            .remembered(directory, &organization.siret, organization.commune())
            .await;
        match remembered {
            Some(Ok(contacts)) => contacts.iter().any(|contact| contact.as_str() != email),
            Some(Err(ContactError::NotFound | ContactError::Unusable)) => false,
            Some(Err(ContactError::Unavailable)) | None => true,
        }
    }

    /// Whether a code is expected, and which one lives.
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
        let living = check
            .sent_at
            .zip(check.sent_to)
            .filter(|(sent_at, _)| now - *sent_at <= LIFETIME)
            .map(|(sent_at, sent_to)| LivingCode { sent_to, sent_at });
        let profile = check.organization.profile();
        if living.is_none() && profile.contact_directory().is_none() {
            return Ok(Survey::Known(ContactPage::NotFound));
        }
        let organization_type = profile.type_label();
        Ok(Survey::Open(Box::new(OpenCheck {
            organization: check.organization,
            organization_type,
            living,
        })))
    }

    /// The addresses that could receive a code.
    async fn listed_contacts(&self, organization: &CheckedOrganization) -> Result<Vec<Email>, ContactError> {
        let Some(directory) = organization.profile().contact_directory() else {
            return Err(ContactError::NotFound);
        };
        let contacts = &self.services.contacts;
        contacts
            .ask(directory, &organization.siret, organization.commune())
            .await
            .inspect_err(|error| tracing::warn!(?error, "an official contact is not known"))
    }

    /// Sends a code, unless another request has done so since `check` was made.
    async fn send_contact_code(
        &self,
        user: UserId,
        organization: OrganizationId,
        email: &Email,
        check: &OpenCheck,
    ) -> Result<Sending, OrganizationsError> {
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
            replaces: check.living.as_ref().map(|living| living.sent_at),
        };
        if !db::official_contacts::issue(&transaction, fresh, now - LIFETIME, now).await? {
            return Ok(Sending::Overtaken);
        }
        let Some(person) = db::users::find_by_id(&transaction, user).await? else {
            return Ok(Sending::Overtaken);
        };
        // Counted once it is known that this request sends; a refusal leaves nothing behind, since nothing is committed.
        let subject = format!("{user}|{organization}");
        let verdict = self.services.rate_limiter.hit(CODES_SENT, &subject, CODES).await;
        if !verdict.allowed {
            return Ok(Sending::TooMany {
                retry_after: verdict.retry_after,
            });
        }
        let (given_name, family_name) = person.names();
        let CheckedOrganization { libelle, siret, .. } = &check.organization;
        let message = OfficialContactEmailVerification {
            given_name,
            family_name,
            email: person.email,
            libelle: libelle.as_ref().unwrap_or(siret).clone(),
            token: code.expose().to_owned(),
        };
        self.post(&transaction, email.as_str(), &message).await?;
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(Sending::Sent)
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
