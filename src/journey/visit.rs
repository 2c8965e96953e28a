//! What a browser session is doing: volatile. It proves nothing about the person; its one secret is the form token. Losing it makes a
//! person start again what they were in the middle of, a form or the way to a service, and forgets that somebody who came in with a
//! recovery code was still to be asked for another second factor.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::trusted_path::TrustedPath;
use crate::domain::{Email, EssentialAcr, ModerationId, OrganizationId, PersonalFault, Siret};

/// The volatile half of a browser session.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about what the session is doing"
)]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Visit {
    /// Token that every form must send back; made when the first form is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csrf_token: Option<String>,
    /// The validated address that somebody wants to sign in with. Proves nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// What was last typed as an address, when it is not `email`: shown again in the field, used for nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typed_email: Option<String>,
    /// Nobody could tell whether mail reaches `email`, which has no account: to be asked again before it opens one.
    #[serde(skip_serializing_if = "is_false")]
    pub deliverability_unknown: bool,
    /// The account of `email` comes from Inclusion Connect and has not seen the page that explains it.
    #[serde(skip_serializing_if = "is_false")]
    pub needs_inclusionconnect_welcome_page: bool,
    /// The account of `email` has a passkey.
    #[serde(skip_serializing_if = "is_false")]
    pub has_passkey: bool,
    /// The address that this browser asked to be sent a link. Unlike `email`, which a relying party may choose, it tells what the person
    /// wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_asked_for: Option<Email>,
    /// When the key of an application was first shown for it to be added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrolling_since: Option<DateTime<Utc>>,
    /// A recovery code stood in for a second factor that was lost: another one is asked for before the person goes on.
    #[serde(skip_serializing_if = "is_false")]
    pub lost_second_factor: bool,
    /// Where to go back to once a missing requirement is met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer: Option<TrustedPath>,
    /// The authorization request that waits for this person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction: Option<PendingInteraction>,
    /// The person has asked to act for this organization, and somebody has to decide: the request is not made yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_moderation: Option<OrganizationId>,
    /// The person has asked to act for this organization, and a register has to name them as an executive first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_certification: Option<OrganizationId>,
    /// Why a certification was refused, for the page that tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certification_refusal: Option<CertificationRefusal>,
    /// A form about the person that was refused, to be shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_draft: Option<PersonalDraft>,
    /// A request that the person has opened again to correct their names, which they have not done yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reopened_request: Option<ReopenedRequest>,
}

/// A form about the person that was refused, as it was typed: shown again once, used for nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonalDraft {
    /// The form that it was typed in.
    pub form: PersonalForm,
    /// When it was refused.
    pub kept_at: DateTime<Utc>,
    /// In the order of the form.
    pub faults: Vec<PersonalFault>,
    /// A value at fault is cut to what its field may hold.
    pub given_name: String,
    pub family_name: String,
    /// Empty for a form without it, as `job`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub phone_number: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub job: String,
}

/// A form in which people tell who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonalForm {
    /// The names, on the way to a service.
    Names,
    /// The form of the account.
    Account,
}

/// A request to join an organization that was opened again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReopenedRequest {
    /// The request.
    pub moderation: ModerationId,
    /// Name of the interaction that waited then: whoever has come for another service since has something else in mind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction: Option<String>,
}

/// A certification that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificationRefusal {
    /// Name of the organization.
    pub organization: String,
    /// Nine digits.
    pub siren: String,
    /// What the register is called.
    pub register: String,
    /// Names of the criteria in common with the closest executive; empty when nobody is close.
    #[serde(default)]
    pub matches: Vec<String>,
}

impl Visit {
    /// What survives a sign-in, when the session gets a new name: where the person was going, not what they had typed, and not the form
    /// token.
    #[must_use]
    pub fn carried_over_sign_in(self) -> Self {
        Self {
            referrer: self.referrer,
            interaction: self.interaction,
            ..Self::default()
        }
    }

    /// What survives a change of the session's name in the middle of a journey.
    #[must_use]
    pub fn without_form_token(self) -> Self {
        Self {
            csrf_token: None,
            ..self
        }
    }

    /// Notes that the person has done what `prompt` asks, if that is what the pending interaction asks.
    pub fn answer_prompt(&mut self, prompt: Prompt) {
        if let Some(interaction) = self
            .interaction
            .as_mut()
            .filter(|interaction| interaction.prompt == prompt)
        {
            interaction.prompt_is_answered = true;
        }
    }

    /// The authorization request in progress, if it waits at `now`.
    #[must_use]
    pub fn interaction_at(&self, now: DateTime<Utc>) -> Option<&PendingInteraction> {
        self.interaction
            .as_ref()
            .filter(|interaction| interaction.expires_at > now)
    }

    /// The relying party's request `uid` is over, and with it the way that led to it. What another tab has begun since then stays.
    pub fn forget_request(&mut self, uid: &str) {
        if self.holds_request(uid) {
            self.interaction = None;
            self.referrer = None;
        }
    }

    /// The person has something else in mind than the relying party's request `uid`. What another tab has begun since then stays.
    pub fn leave_request(&mut self, uid: &str) {
        if self.holds_request(uid) {
            self.interaction = None;
        }
    }

    fn holds_request(&self, uid: &str) -> bool {
        self.interaction
            .as_ref()
            .is_some_and(|interaction| interaction.uid == uid)
    }

    /// The pending `login_hint`, which is used up.
    pub fn take_login_hint(&mut self) -> Option<String> {
        self.interaction.as_mut()?.login_hint.take()
    }
}

/// An authorization request in progress, as far as the journey depends on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingInteraction {
    /// Name of the interaction in URLs.
    pub uid: String,
    /// Afterwards the relying party's request is dead.
    pub expires_at: DateTime<Utc>,
    /// What the provider asks of the person.
    pub prompt: Prompt,
    /// The person has done on a page what the prompt asks.
    #[serde(default)]
    pub prompt_is_answered: bool,
    /// `login_hint`, until the sign-in form has used it: afterwards the person may type another address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// `siret_hint`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub siret_hint: Option<Siret>,
    /// `sp_name`: the service behind a federation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sp_name: Option<String>,
    /// The client is the `ProConnect` federation.
    #[serde(default)]
    pub is_federation: bool,
    /// The acr that the request insists on, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub essential_acr: Option<EssentialAcr>,
    /// The first factor must have been used at or after this moment (`prompt=login`, `max_age`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticated_since: Option<DateTime<Utc>>,
}

impl PendingInteraction {
    /// Whether a certification of the executive is asked for, and no eidas level would do.
    #[must_use]
    pub fn requests_certification_dirigeant(&self) -> bool {
        self.essential_acr
            .as_ref()
            .is_some_and(EssentialAcr::asks_for_certification_dirigeant)
    }
}

/// What the provider asks of the person (spec/oidc.md §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Meet the requirements on the way to the relying party.
    Journey,
    /// Choose the organization anew.
    SelectOrganization,
    /// Look over one's identity.
    UpdateUserinfo,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::{FaultReason, PersonalField};
    use crate::journey::tests::interaction;

    fn busy() -> Visit {
        let mut pending = interaction();
        pending.login_hint = Some("jean@exemple.fr".to_owned());
        Visit {
            csrf_token: Some("token".to_owned()),
            email: Email::parse("jean@exemple.fr").ok(),
            link_asked_for: Email::parse("jean@exemple.fr").ok(),
            referrer: serde_json::from_value("/personal-information".into()).ok(),
            interaction: Some(pending),
            ..Visit::default()
        }
    }

    #[test]
    fn a_sign_in_keeps_where_the_person_was_going_and_nothing_that_was_typed() {
        let visit = busy();
        assert!(visit.referrer.is_some() && visit.link_asked_for.is_some());
        let expected = Visit {
            csrf_token: None,
            email: None,
            link_asked_for: None,
            ..visit.clone()
        };
        assert_eq!(visit.carried_over_sign_in(), expected);
    }

    #[test]
    fn a_change_of_the_name_of_a_session_ends_its_forms_and_nothing_else() {
        let visit = busy();
        let expected = Visit {
            csrf_token: None,
            ..visit.clone()
        };
        assert_eq!(visit.without_form_token(), expected);
    }

    #[test]
    fn a_login_hint_is_used_once() {
        let mut visit = busy();
        assert_eq!(visit.take_login_hint().as_deref(), Some("jean@exemple.fr"));
        assert_eq!(visit.take_login_hint(), None);
        assert_eq!(Visit::default().take_login_hint(), None);
    }

    #[test]
    fn a_request_waits_until_it_expires() {
        let visit = busy();
        let expires_at = visit.interaction.as_ref().unwrap().expires_at;
        let before = expires_at - TimeDelta::milliseconds(1);
        assert_eq!(visit.interaction_at(before), visit.interaction.as_ref());
        assert_eq!(visit.interaction_at(expires_at), None);
        assert_eq!(Visit::default().interaction_at(before), None);
    }

    #[test]
    fn a_request_is_forgotten_with_the_way_that_led_to_it() {
        let mut visit = busy();
        visit.forget_request("interaction");
        let expected = Visit {
            interaction: None,
            referrer: None,
            ..busy()
        };
        assert_eq!(visit, expected);
    }

    #[test]
    fn a_request_is_left_without_forgetting_the_way() {
        let mut visit = busy();
        visit.leave_request("interaction");
        let expected = Visit {
            interaction: None,
            ..busy()
        };
        assert_eq!(visit, expected);
    }

    #[test]
    fn the_request_of_another_tab_stays() {
        let mut visit = busy();
        visit.forget_request("another");
        visit.leave_request("another");
        assert_eq!(visit, busy());
        let mut visit = Visit {
            interaction: None,
            ..busy()
        };
        visit.forget_request("interaction");
        assert!(visit.referrer.is_some(), "the way of something else");
    }

    #[test]
    fn what_is_stored_tells_only_what_is_going_on() {
        assert_eq!(
            serde_json::to_value(Visit::default()).unwrap(),
            serde_json::json!({})
        );
        let visit = Visit {
            has_passkey: true,
            lost_second_factor: true,
            personal_draft: Some(PersonalDraft {
                form: PersonalForm::Names,
                kept_at: DateTime::UNIX_EPOCH,
                faults: vec![PersonalFault {
                    field: PersonalField::GivenName,
                    reason: FaultReason::TooLong,
                }],
                given_name: "R2".to_owned(),
                family_name: "Durand".to_owned(),
                phone_number: String::new(),
                job: String::new(),
            }),
            reopened_request: Some(ReopenedRequest {
                moderation: ModerationId(7),
                interaction: None,
            }),
            ..busy()
        };
        let stored = serde_json::to_value(&visit).unwrap();
        assert_eq!(serde_json::from_value::<Visit>(stored).unwrap(), visit);
    }
}
