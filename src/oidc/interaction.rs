//! An interaction: an authorization request that waits for a person, and what the pages need to know of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::authentication::Authentication;
use super::authorization_request::{AuthorizationRequest, SiretHint};
use super::client::Client;
use super::decision::{InteractionPrompt, Progress, Reason, login_reasons};
use super::error::ErrorCode;
use crate::domain::{EssentialAcr, Siret};

/// What is kept of an interaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interaction {
    pub request: AuthorizationRequest,
    pub client_name: String,
    pub is_proconnect_federation: bool,
    pub prompt: InteractionPrompt,
    pub reasons: Vec<Reason>,
    pub progress: Progress,
    /// An error with which the person goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<InteractionError>,
    pub expires_at: DateTime<Utc>,
}

/// An error that a page reports to the relying party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InteractionError {
    pub code: ErrorCode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Where an interaction starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstPage {
    /// `/users/start-sign-in`
    SignIn,
    /// `/interaction/<uid>/login`: the journey knows what is missing.
    Journey,
    /// `/users/select-organization`
    SelectOrganization,
    /// `/users/personal-information`
    PersonalInformation,
}

/// What the pages and the journey need to know of a pending interaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InteractionContext {
    pub uid: String,
    pub is_proconnect_federation: bool,
    /// The service behind a federation, as the relying party calls it.
    pub sp_name: Option<String>,
    /// What to fill into the sign-in page.
    pub login_hint: Option<String>,
    /// The organization to act for, unless the person is asked to choose.
    pub siret_hint: Option<Siret>,
    pub prompt: InteractionPrompt,
    /// The levels that the relying party insists on.
    pub essential_acr: Option<EssentialAcr>,
    /// A sign-in older than this does not count.
    pub began_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

impl Interaction {
    /// A new interaction for `request`.
    #[must_use]
    pub fn new(
        request: AuthorizationRequest,
        client: &Client,
        prompt: InteractionPrompt,
        reasons: Vec<Reason>,
        progress: Progress,
        expires_at: DateTime<Utc>,
    ) -> Self {
        Self {
            request,
            client_name: client.name.clone(),
            is_proconnect_federation: client.is_proconnect_federation,
            prompt,
            reasons,
            progress,
            error: None,
            expires_at,
        }
    }

    /// Whether the person must sign in (again) before anything else, because the sign-in of their session does not
    /// satisfy the request.
    #[must_use]
    pub fn needs_a_new_sign_in(&self, authentication: &Authentication, now: DateTime<Utc>) -> bool {
        let reasons = login_reasons(&self.request, Some(authentication), now);
        reasons.into_iter().any(Reason::needs_a_new_sign_in)
    }

    /// Where this interaction starts, for whoever is signed in at that moment.
    #[must_use]
    pub fn first_page(&self, authentication: Option<&Authentication>, now: DateTime<Utc>) -> FirstPage {
        let must_sign_in = match authentication {
            Some(authentication) => self.needs_a_new_sign_in(authentication, now),
            None => self.reasons.contains(&Reason::LoginPrompt),
        };
        if must_sign_in {
            return FirstPage::SignIn;
        }
        match self.prompt {
            InteractionPrompt::SelectOrganization => FirstPage::SelectOrganization,
            InteractionPrompt::UpdateUserinfo => FirstPage::PersonalInformation,
            InteractionPrompt::Login
            | InteractionPrompt::Consent
            | InteractionPrompt::ChooseOrganization
            | InteractionPrompt::Journey => FirstPage::Journey,
        }
    }

    /// What the pages need to know.
    #[must_use]
    pub fn context(&self, uid: &str) -> InteractionContext {
        let siret_hint = match self.request.siret_hint() {
            SiretHint::Valid(siret) if self.prompt != InteractionPrompt::SelectOrganization => Some(siret),
            _ => None,
        };
        InteractionContext {
            uid: uid.to_owned(),
            is_proconnect_federation: self.is_proconnect_federation,
            sp_name: self.request.sp_name.clone(),
            login_hint: self.request.login_hint.clone(),
            siret_hint,
            prompt: self.prompt,
            essential_acr: self.request.claims.essential_acr.clone(),
            began_at: self.request.began_at,
            expires_at: self.expires_at,
        }
    }
}
