//! The code that the official contact of an organization hands on (spec/organizations.md §4.5).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use identite_actors::rate_limiter::Budget;

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
        /// Another address was chosen, and gets none: too many codes were sent.
        is_choice_refused: bool,
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

impl OpenCheck {
    /// The page that asks for the code, which was sent to `email`.
    fn code_sent(&self, email: &str) -> ContactPage {
        ContactPage::CodeSent {
            email: email.to_owned(),
            organization_type: self.organization_type,
            is_choice_refused: false,
        }
    }
}

impl Organizations {
    /// What the page that asks for one of several addresses shows, whether or not a code was sent to one of them. Sends nothing:
    /// [`ContactPage::CodeSent`] means that there is nothing to choose.
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
        let contacts = self.known_contacts_of(&check.organization).await;
        Ok(match (contacts.as_slice(), &check.living) {
            ([_, _, ..], _) => ContactPage::ChooseAddress(contacts),
            (_, Some(living)) => check.code_sent(&living.sent_to),
            ([only], None) => check.code_sent(only.as_str()),
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
            return Ok(check.code_sent(&living.sent_to));
        }
        let contacts = self.known_contacts_of(&check.organization).await;
        let email = match (contacts.as_slice(), chosen, &check.living) {
            ([only], None, _) => only,
            (contacts, Some(chosen), _) if contacts.contains(chosen) => chosen,
            // Not one of theirs, as far as is known: the code stays where it is.
            (_, _, Some(living)) => return Ok(check.code_sent(&living.sent_to)),
            (_, Some(_), None) | ([], None, None) => return Ok(ContactPage::DirectoryUnavailable),
            (_, None, None) => return Ok(ContactPage::ChooseAddress(contacts)),
        };
        let refusal = self.send_contact_code(user, organization, email, &check).await?;
        Ok(match (refusal, &check.living) {
            (None, _) => check.code_sent(email.as_str()),
            (Some(_), Some(living)) => ContactPage::CodeSent {
                email: living.sent_to.clone(),
                organization_type: check.organization_type,
                is_choice_refused: true,
            },
            (Some(retry_after), None) => ContactPage::TooManyCodes { retry_after },
        })
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

    /// The addresses that could receive a code; none when the directory does not answer.
    async fn known_contacts_of(&self, organization: &CheckedOrganization) -> Vec<Email> {
        let Some(directory) = organization.profile().contact_directory() else {
            return Vec::new();
        };
        let commune = organization
            .code_officiel_geographique
            .as_deref()
            .unwrap_or_default();
        let contacts = &self.services.contacts;
        contacts
            .ask(directory, &organization.siret, commune)
            .await
            .unwrap_or_else(|error| {
                tracing::warn!(?error, "an official contact is not known");
                Vec::new()
            })
    }

    /// Sends a code, unless another request has done so since `check` was made. Gives how long to wait when too many were sent already.
    async fn send_contact_code(
        &self,
        user: UserId,
        organization: OrganizationId,
        email: &Email,
        check: &OpenCheck,
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
            replaces: check.living.as_ref().map(|living| living.sent_at),
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
