//! What a person tells of themselves (spec/accounts.md §5.14), and what their account page shows.

use chrono::{DateTime, Utc};

use super::{Accounts, AccountsError};
use crate::db;
use crate::db::franceconnect::CertifiedNames;
use crate::db::users::{PersonalInformation, User};
use crate::domain::Device;
use crate::domain::job::InvalidJob;
use crate::domain::person_name::InvalidName;
use crate::domain::text::{ecmascript_trim, has_visible_character};
use crate::domain::{
    FaultReason, Job, PersonName, PersonalFault, PersonalField, PhoneNumber, SecurityEvent, UserId,
};
use crate::mail::messages::{Change, UpdatePersonalData};

/// The form of the account, as it was filled in; `None` for a field that was not sent.
#[derive(Debug, Clone, Copy)]
pub struct PersonalInformationForm<'a> {
    pub given_name: Option<&'a str>,
    pub family_name: Option<&'a str>,
    pub phone_number: Option<&'a str>,
    pub job: Option<&'a str>,
}

/// A value is missing, is not what its field asks for, or is a name that `FranceConnect` did not tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a value is missing or is not what its field asks for")]
pub struct InvalidPersonalInformation {
    /// In the order of the form.
    pub faults: Vec<PersonalFault>,
}

/// The names that a person with a `FranceConnect` identity chooses from.
#[derive(Clone, PartialEq, Eq)]
pub struct NameChoice {
    pub given_names: Vec<String>,
    pub family_names: Vec<String>,
}

/// What the forms show.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonalInformationView {
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub phone_number: Option<String>,
    pub job: Option<String>,
    /// `None` without a `FranceConnect` identity: the names are typed.
    pub choice: Option<NameChoice>,
}

/// What the account page shows.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountOverview {
    pub email: String,
    /// Since when there is an application of one-time codes, if there is one.
    pub totp_added_at: Option<DateTime<Utc>>,
    pub passkeys: Vec<PasskeyOverview>,
    pub force_2fa: bool,
}

/// A passkey on the account page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyOverview {
    pub credential_id: String,
    pub display_name: Option<String>,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub usage_count: i32,
    /// It cannot replace the password.
    pub is_second_factor_only: bool,
}

impl NameChoice {
    /// Every given name alone or all together; the name at birth or the one in use.
    fn of(certified: &CertifiedNames) -> Self {
        let mut given_names = vec![certified.given_name.clone()];
        let parts = certified.given_name.split(' ').filter(|part| !part.is_empty());
        for part in parts {
            if !given_names.iter().any(|known| known == part) {
                given_names.push(part.to_owned());
            }
        }
        let mut family_names = vec![certified.family_name.clone()];
        family_names.extend(
            certified
                .preferred_username
                .clone()
                .filter(|name| *name != certified.family_name),
        );
        Self {
            given_names,
            family_names,
        }
    }
}

impl InvalidPersonalInformation {
    /// At fault are the fields whose value could not be read.
    fn among<const N: usize>(fields: [(PersonalField, Option<FaultReason>); N]) -> Self {
        let faults = fields
            .into_iter()
            .filter_map(|(field, reason)| reason.map(|reason| PersonalFault { field, reason }));
        Self {
            faults: faults.collect(),
        }
    }
}

impl Accounts {
    /// What the forms of `user` show.
    ///
    /// # Errors
    /// When the database does not answer, or the account is gone.
    pub async fn personal_information(&self, user: UserId) -> Result<PersonalInformationView, AccountsError> {
        let client = self.services.pool.get().await?;
        let person = db::users::find_by_id(&client, user).await?.ok_or(GONE)?;
        let certified = db::franceconnect::names_of(&client, user).await?;
        Ok(PersonalInformationView {
            given_name: person.given_name,
            family_name: person.family_name,
            phone_number: person.phone_number,
            job: person.job,
            choice: certified.as_ref().map(NameChoice::of),
        })
    }

    /// Takes the form of the account and tells the person by e-mail what changed, if something did. What is on record may stay as it is,
    /// whatever its field asks for by now.
    ///
    /// # Errors
    /// When the database does not answer, or the account is gone.
    pub async fn update_personal_information(
        &self,
        user: UserId,
        form: PersonalInformationForm<'_>,
        device: &Device,
    ) -> Result<Result<(), InvalidPersonalInformation>, AccountsError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let former = db::users::lock(&transaction, user).await?.ok_or(GONE)?;
        let certified = db::franceconnect::names_of(&transaction, user).await?;
        let information = match read(
            form,
            OnRecord::of(&former),
            certified.as_ref().map(NameChoice::of).as_ref(),
        ) {
            Ok(information) => information,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let changes = changes(&former, &information);
        db::users::set_personal_information(&transaction, user, &information, now).await?;
        if !changes.is_empty() {
            let event = device.event(user, SecurityEvent::PersonalInformationChanged);
            db::events::record(&transaction, &event, now).await?;
            let (given_name, family_name) = former.names();
            let message = UpdatePersonalData {
                given_name,
                family_name,
                changes,
            };
            self.post(&transaction, &former.email, &message).await?;
        }
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(Ok(()))
    }

    /// Takes the names of the form that is met on the way to a service. Names that `FranceConnect` told stay as they are.
    ///
    /// # Errors
    /// When the database does not answer, or the account is gone.
    pub async fn complete_names(
        &self,
        user: UserId,
        given_name: Option<&str>,
        family_name: Option<&str>,
    ) -> Result<Result<(), InvalidPersonalInformation>, AccountsError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let person = db::users::lock(&transaction, user).await?.ok_or(GONE)?;
        if db::franceconnect::names_of(&transaction, user).await?.is_some() {
            return Ok(Ok(()));
        }
        let names = (
            read_name(given_name, None, None),
            read_name(family_name, None, None),
        );
        let (Ok(given_name), Ok(family_name)) = &names else {
            return Ok(Err(InvalidPersonalInformation::among([
                (PersonalField::GivenName, names.0.err()),
                (PersonalField::FamilyName, names.1.err()),
            ])));
        };
        let information = PersonalInformation {
            given_name: Some(given_name.clone()),
            family_name: Some(family_name.clone()),
            phone_number: person.phone_number,
            job: person.job,
        };
        db::users::set_personal_information(&transaction, user, &information, now).await?;
        transaction.commit().await?;
        Ok(Ok(()))
    }

    /// What the account page of `user` shows.
    ///
    /// # Errors
    /// When the database does not answer, or the account is gone.
    pub async fn overview(&self, user: UserId) -> Result<AccountOverview, AccountsError> {
        let client = self.services.pool.get().await?;
        let person = db::users::find_by_id(&client, user).await?.ok_or(GONE)?;
        let passkeys = db::authenticators::of_user(&client, user).await?;
        let passkeys = passkeys.into_iter().map(|passkey| PasskeyOverview {
            credential_id: passkey.credential_id,
            display_name: passkey.display_name,
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
            usage_count: passkey.usage_count,
            is_second_factor_only: !passkey.user_verified,
        });
        let totp_added_at = person
            .has_totp
            .then(|| person.totp_key_verified_at.unwrap_or(person.updated_at));
        Ok(AccountOverview {
            email: person.email,
            totp_added_at,
            passkeys: passkeys.collect(),
            force_2fa: person.force_2fa,
        })
    }
}

const GONE: AccountsError = AccountsError::Fault("the account is gone");

/// What is known of a person before they fill in a form.
#[derive(Clone, Copy, Default)]
struct OnRecord<'a> {
    given_name: Option<&'a str>,
    family_name: Option<&'a str>,
    phone_number: Option<&'a str>,
    job: Option<&'a str>,
}

impl<'a> OnRecord<'a> {
    fn of(user: &'a User) -> Self {
        Self {
            given_name: user.given_name.as_deref(),
            family_name: user.family_name.as_deref(),
            phone_number: user.phone_number.as_deref(),
            job: user.job.as_deref(),
        }
    }
}

fn read(
    form: PersonalInformationForm<'_>,
    former: OnRecord<'_>,
    choice: Option<&NameChoice>,
) -> Result<PersonalInformation, InvalidPersonalInformation> {
    let given_name = read_name(
        form.given_name,
        former.given_name,
        choice.map(|choice| choice.given_names.as_slice()),
    );
    let family_name = read_name(
        form.family_name,
        former.family_name,
        choice.map(|choice| choice.family_names.as_slice()),
    );
    let phone_number = read_optional(form.phone_number, former.phone_number, |text| {
        let number = PhoneNumber::parse_optional(text).map_err(|_| FaultReason::Malformed)?;
        Ok(number.map(|number| number.as_str().to_owned()))
    });
    let job = read_optional(form.job, former.job, |text| {
        let job = Job::parse_optional(text).map_err(|error| match error {
            InvalidJob::TooLong => FaultReason::TooLong,
            InvalidJob::NoJob => FaultReason::Malformed,
        })?;
        Ok(job.map(|job| job.as_str().to_owned()))
    });
    match (given_name, family_name, phone_number, job) {
        (Ok(given_name), Ok(family_name), Ok(phone_number), Ok(job)) => Ok(PersonalInformation {
            given_name: Some(given_name),
            family_name: Some(family_name),
            phone_number,
            job,
        }),
        (given_name, family_name, phone_number, job) => Err(InvalidPersonalInformation::among([
            (PersonalField::GivenName, given_name.err()),
            (PersonalField::FamilyName, family_name.err()),
            (PersonalField::PhoneNumber, phone_number.err()),
            (PersonalField::Job, job.err()),
        ])),
    }
}

/// What is on record as `former`, if `text` is the same and shows something.
fn unchanged(text: &str, former: Option<&str>) -> Option<String> {
    former
        .filter(|former| has_visible_character(former) && ecmascript_trim(former) == ecmascript_trim(text))
        .map(str::to_owned)
}

/// A name that was typed, or chosen where there is a `choice`.
fn read_name(
    text: Option<&str>,
    former: Option<&str>,
    choice: Option<&[String]>,
) -> Result<String, FaultReason> {
    let text = text.ok_or(FaultReason::Malformed)?;
    if let Some(names) = choice {
        let chosen = names.iter().find(|name| *name == text);
        return chosen.cloned().ok_or(FaultReason::Malformed);
    }
    if let Some(former) = unchanged(text, former) {
        return Ok(former);
    }
    match PersonName::parse(text) {
        Ok(name) => Ok(name.as_str().to_owned()),
        Err(InvalidName::TooLong) => Err(FaultReason::TooLong),
        Err(InvalidName::NoName) => Err(FaultReason::Malformed),
    }
}

fn read_optional(
    text: Option<&str>,
    former: Option<&str>,
    parse: impl FnOnce(&str) -> Result<Option<String>, FaultReason>,
) -> Result<Option<String>, FaultReason> {
    let text = text.ok_or(FaultReason::Malformed)?;
    match unchanged(text, former) {
        Some(former) => Ok(Some(former)),
        None => parse(text),
    }
}

fn changes(former: &User, now: &PersonalInformation) -> Vec<Change> {
    [
        ("Prénom", &former.given_name, &now.given_name),
        ("Nom de famille", &former.family_name, &now.family_name),
        ("Numéro de téléphone", &former.phone_number, &now.phone_number),
        (
            "Profession ou rôle au sein de votre organisation",
            &former.job,
            &now.job,
        ),
    ]
    .into_iter()
    .filter(|(_, before, after)| {
        before.as_deref().unwrap_or_default() != after.as_deref().unwrap_or_default()
    })
    .map(|(label, _, after)| Change::new(label, after.as_deref()))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form<'a>(given_name: &'a str, family_name: &'a str) -> PersonalInformationForm<'a> {
        PersonalInformationForm {
            given_name: Some(given_name),
            family_name: Some(family_name),
            phone_number: Some(""),
            job: Some(" Dev "),
        }
    }

    #[test]
    fn every_field_must_be_sent_and_be_good() {
        let read_names =
            read(form(" Jean ", "User"), OnRecord::default(), None).unwrap_or_else(|_| panic!("a good form"));
        assert_eq!(read_names.given_name.as_deref(), Some("Jean"));
        assert_eq!(
            (read_names.phone_number, read_names.job.as_deref()),
            (None, Some("Dev"))
        );
        for broken in [
            PersonalInformationForm {
                given_name: None,
                ..form("Jean", "User")
            },
            PersonalInformationForm {
                phone_number: None,
                ..form("Jean", "User")
            },
            PersonalInformationForm {
                phone_number: Some("FR"),
                ..form("Jean", "User")
            },
            PersonalInformationForm {
                job: None,
                ..form("Jean", "User")
            },
            PersonalInformationForm {
                job: Some("\u{200b}"),
                ..form("Jean", "User")
            },
            form("\u{200b}", "User"),
            form("Jean", "<b>"),
        ] {
            assert!(read(broken, OnRecord::default(), None).is_err(), "{broken:?}");
        }
    }

    fn faults(form: PersonalInformationForm<'_>, choice: Option<&NameChoice>) -> Vec<PersonalField> {
        match read(form, OnRecord::default(), choice) {
            Ok(_) => Vec::new(),
            Err(refusal) => refusal.faults.into_iter().map(|fault| fault.field).collect(),
        }
    }

    #[test]
    fn every_field_at_fault_is_named() {
        assert!(faults(form("Jean", "User"), None).is_empty());
        assert_eq!(faults(form("   ", "Durand"), None), [PersonalField::GivenName]);
        let all_wrong = PersonalInformationForm {
            phone_number: Some("FR"),
            job: None,
            ..form("R2", "D2")
        };
        assert_eq!(
            faults(all_wrong, None),
            [
                PersonalField::GivenName,
                PersonalField::FamilyName,
                PersonalField::PhoneNumber,
                PersonalField::Job
            ]
        );
        let choice = NameChoice {
            given_names: vec!["Angela".to_owned()],
            family_names: vec!["DUBOIS".to_owned()],
        };
        assert_eq!(
            faults(form("Angela", "Dubois"), Some(&choice)),
            [PersonalField::FamilyName]
        );
    }

    #[test]
    fn what_is_on_record_may_stay_and_nothing_else_is_too_long() {
        let long = "é".repeat(150);
        let record = OnRecord {
            given_name: Some(&long),
            family_name: Some("\u{200b}"),
            ..OnRecord::default()
        };
        let read_names = read(form(&long, "User"), record, None).unwrap_or_else(|_| panic!("a good form"));
        assert_eq!(read_names.given_name.as_deref(), Some(long.as_str()));
        let longer = "é".repeat(151);
        let reasons = |form| match read(form, record, None) {
            Ok(_) => Vec::new(),
            Err(refusal) => refusal.faults,
        };
        let fault = |field, reason| PersonalFault { field, reason };
        assert_eq!(
            reasons(form(&longer, "\u{200b}")),
            [
                fault(PersonalField::GivenName, FaultReason::TooLong),
                fault(PersonalField::FamilyName, FaultReason::Malformed)
            ]
        );
        let story = "é".repeat(201);
        let verbose = PersonalInformationForm {
            job: Some(&story),
            ..form("Jean", "User")
        };
        assert_eq!(
            reasons(verbose),
            [fault(PersonalField::Job, FaultReason::TooLong)]
        );
    }

    #[test]
    fn with_franceconnect_names_are_chosen() {
        let choice = NameChoice::of(&CertifiedNames {
            given_name: "Angela Claire Louise".to_owned(),
            family_name: "DUBOIS".to_owned(),
            preferred_username: Some("MARTIN".to_owned()),
        });
        assert_eq!(
            choice.given_names,
            ["Angela Claire Louise", "Angela", "Claire", "Louise"]
        );
        assert_eq!(choice.family_names, ["DUBOIS", "MARTIN"]);
        for (given_name, family_name, expected) in [
            ("Angela Claire Louise", "DUBOIS", true),
            ("Claire", "MARTIN", true),
            ("Angela Claire", "DUBOIS", false),
            ("angela", "DUBOIS", false),
            ("Angela", "", false),
        ] {
            assert_eq!(
                read(form(given_name, family_name), OnRecord::default(), Some(&choice)).is_ok(),
                expected,
                "{given_name}"
            );
        }
    }
}
