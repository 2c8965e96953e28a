//! *Decide*: a sound request, who is signed in, and what this request already asked of them become one of three
//! decisions (spec/oidc.md §5.2). Pure.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::authentication::Authentication;
use super::authorization_request::{AuthorizationRequest, Prompt, SiretHint};
use super::error::{ErrorCode, ProtocolError};
use crate::domain::text::ecmascript_trim;
use crate::domain::{Acr, UserId};

/// What an interaction is for: the first of these that is needed, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InteractionPrompt {
    /// Sign in, sign in again, or reach a level.
    Login,
    /// Never a page: consent is always given.
    Consent,
    /// No organization is selected, or not the one hinted at.
    ChooseOrganization,
    /// Something else stands between this person and any relying party.
    Journey,
    /// The relying party wants the person to choose again.
    SelectOrganization,
    /// The relying party wants the person to look at their personal data.
    UpdateUserinfo,
}

/// Why an interaction is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    LoginPrompt,
    NoSession,
    MaxAge,
    IdTokenHint,
    ClaimsIdTokenSubValue,
    LoginHint,
    EssentialAcrs,
    EssentialAcr,
    ConsentPrompt,
    OrganizationMissing,
    JourneyIncomplete,
    SelectOrganizationPrompt,
    UpdateUserinfoPrompt,
}

impl Reason {
    /// What a relying party reads that forbade pages (`prompt=none`).
    const fn error_without_pages(self) -> ErrorCode {
        match self {
            Self::LoginPrompt
            | Self::NoSession
            | Self::MaxAge
            | Self::IdTokenHint
            | Self::ClaimsIdTokenSubValue
            | Self::LoginHint
            | Self::EssentialAcrs
            | Self::EssentialAcr => ErrorCode::LoginRequired,
            Self::ConsentPrompt => ErrorCode::ConsentRequired,
            Self::OrganizationMissing
            | Self::JourneyIncomplete
            | Self::SelectOrganizationPrompt
            | Self::UpdateUserinfoPrompt => ErrorCode::InteractionRequired,
        }
    }

    /// Whether only a sign-in within this request removes the reason.
    #[must_use]
    pub const fn needs_a_new_sign_in(self) -> bool {
        matches!(
            self,
            Self::LoginPrompt
                | Self::NoSession
                | Self::MaxAge
                | Self::IdTokenHint
                | Self::ClaimsIdTokenSubValue
                | Self::LoginHint
        )
    }
}

/// What the interactions of this request have achieved, and with whom.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Who finished the last interaction. Another person starts over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The prompts that were answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<InteractionPrompt>,
}

impl Progress {
    /// This progress once `user_id` has answered `prompt`. A finished interaction also gives consent and has passed the
    /// whole journey.
    #[must_use]
    pub fn with_answer(&self, user_id: UserId, prompt: InteractionPrompt) -> Self {
        let mut answered = if self.user_id == Some(user_id) {
            self.answered.clone()
        } else {
            Vec::new()
        };
        for answer in [prompt, InteractionPrompt::Consent, InteractionPrompt::Journey] {
            if !answered.contains(&answer) {
                answered.push(answer);
            }
        }
        Self {
            user_id: Some(user_id),
            answered,
        }
    }

    fn has(&self, authentication: &Authentication, prompt: InteractionPrompt) -> bool {
        self.user_id == Some(authentication.user_id) && self.answered.contains(&prompt)
    }
}

/// A page is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interact {
    pub prompt: InteractionPrompt,
    /// At least one.
    pub reasons: Vec<Reason>,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A code, whose ID token states this acr.
    Grant {
        acr: Option<Acr>,
    },
    Interact(Interact),
    Refuse(ProtocolError),
}

/// Decides.
///
/// Everything is judged by what is true at this moment; of the past only [`Progress`] counts, and it never raises a
/// level, replaces a sign-in or outlives the request.
#[must_use]
pub fn decide(
    request: &AuthorizationRequest,
    authentication: Option<&Authentication>,
    progress: &Progress,
    now: DateTime<Utc>,
) -> Decision {
    if request.scope.is_empty() {
        return Decision::Refuse(ProtocolError::bare(ErrorCode::AccessDenied));
    }
    if let Some(error) = authentication.and_then(|authentication| wrong_person(request, authentication)) {
        return Decision::Refuse(error);
    }
    if let Some(interact) = needed_interaction(request, authentication, progress, now) {
        return if request.asks_for(Prompt::None) {
            refuse_pages(&interact)
        } else {
            Decision::Interact(interact)
        };
    }
    let acr = authentication.and_then(|authentication| acr_to_state(request, authentication, progress));
    Decision::Grant { acr }
}

/// The acr that the answer states: the real one, or for the relying parties of the first years the one they expect.
fn acr_to_state(
    request: &AuthorizationRequest,
    authentication: &Authentication,
    progress: &Progress,
) -> Option<Acr> {
    let came_through_an_interaction = progress.user_id == Some(authentication.user_id);
    if request.legacy_eidas1 && came_through_an_interaction {
        return Some(Acr::Eidas1);
    }
    authentication.acr_for(request.claims.essential_acr.as_ref())
}

/// The outcome of an interaction for the acr: whether what would be stated is something the relying party accepts.
#[must_use]
pub fn acr_is_acceptable(request: &AuthorizationRequest, authentication: &Authentication) -> bool {
    let essential = request.claims.essential_acr.as_ref();
    let acr = if request.legacy_eidas1 {
        Some(Acr::Eidas1)
    } else {
        authentication.acr_for(essential)
    };
    crate::domain::assurance::satisfies(acr, essential)
}

/// Whether the person signed in after the request reached us.
#[must_use]
pub fn signed_in_within(request: &AuthorizationRequest, authentication: &Authentication) -> bool {
    authentication.auth_time >= request.began_at
}

/// Somebody signed in for this very request and is not the one the relying party wants: asking again leads nowhere.
fn wrong_person(request: &AuthorizationRequest, authentication: &Authentication) -> Option<ProtocolError> {
    if !signed_in_within(request, authentication) {
        return None;
    }
    if differs(request.hinted_subject.as_ref(), request, authentication) {
        let description = "the person who signed in is not the one of id_token_hint";
        return Some(ProtocolError::new(ErrorCode::LoginRequired, description));
    }
    if differs(request.claims.subject.as_ref(), request, authentication) {
        let description = "the person who signed in is not the requested one";
        return Some(ProtocolError::new(ErrorCode::AccessDenied, description));
    }
    None
}

/// Whether `wanted` is a subject, and that of somebody else.
fn differs(wanted: Option<&String>, request: &AuthorizationRequest, authentication: &Authentication) -> bool {
    wanted.is_some_and(|wanted| *wanted != request.subject_type.subject(authentication.user_id))
}

fn refuse_pages(interact: &Interact) -> Decision {
    let code = interact
        .reasons
        .first()
        .map_or(ErrorCode::InteractionRequired, |reason| {
            reason.error_without_pages()
        });
    let description = match code {
        ErrorCode::LoginRequired => "the person must sign in",
        _ => "the person must answer a page first",
    };
    Decision::Refuse(ProtocolError::new(code, description))
}

fn needed_interaction(
    request: &AuthorizationRequest,
    authentication: Option<&Authentication>,
    progress: &Progress,
    now: DateTime<Utc>,
) -> Option<Interact> {
    let reasons = login_reasons(request, authentication, now);
    if !reasons.is_empty() {
        return Some(Interact {
            prompt: InteractionPrompt::Login,
            reasons,
        });
    }
    let authentication = authentication?;
    let interact = |prompt, reason| {
        Some(Interact {
            prompt,
            reasons: vec![reason],
        })
    };
    let unanswered = |asked, prompt| request.asks_for(asked) && !progress.has(authentication, prompt);

    if unanswered(Prompt::Consent, InteractionPrompt::Consent) {
        return interact(InteractionPrompt::Consent, Reason::ConsentPrompt);
    }
    if organization_is_missing(request, authentication, progress) {
        return interact(InteractionPrompt::ChooseOrganization, Reason::OrganizationMissing);
    }
    let nothing_to_state = authentication
        .acr_for(request.claims.essential_acr.as_ref())
        .is_none();
    let journey_is_open = !authentication.journey_complete || nothing_to_state;
    if journey_is_open && !progress.has(authentication, InteractionPrompt::Journey) {
        return interact(InteractionPrompt::Journey, Reason::JourneyIncomplete);
    }
    if unanswered(Prompt::SelectOrganization, InteractionPrompt::SelectOrganization) {
        return interact(
            InteractionPrompt::SelectOrganization,
            Reason::SelectOrganizationPrompt,
        );
    }
    if unanswered(Prompt::UpdateUserinfo, InteractionPrompt::UpdateUserinfo) {
        return interact(InteractionPrompt::UpdateUserinfo, Reason::UpdateUserinfoPrompt);
    }
    None
}

/// Why signing in (again), or reaching a level, stands before everything else.
///
/// What only a new sign-in can satisfy is satisfied by one within this request, be it of the wrong person:
/// [`decide`] then refuses, and a hint at an e-mail address remains a hint.
#[must_use]
pub fn login_reasons(
    request: &AuthorizationRequest,
    authentication: Option<&Authentication>,
    now: DateTime<Utc>,
) -> Vec<Reason> {
    let Some(authentication) = authentication else {
        let by_prompt = request.asks_for(Prompt::Login).then_some(Reason::LoginPrompt);
        return by_prompt.into_iter().chain([Reason::NoSession]).collect();
    };
    let mut reasons = Vec::new();
    if !signed_in_within(request, authentication) {
        let checks = [
            (request.asks_for(Prompt::Login), Reason::LoginPrompt),
            (
                is_older_than_max_age(request, authentication, now),
                Reason::MaxAge,
            ),
            (
                differs(request.hinted_subject.as_ref(), request, authentication),
                Reason::IdTokenHint,
            ),
            (
                differs(request.claims.subject.as_ref(), request, authentication),
                Reason::ClaimsIdTokenSubValue,
            ),
            (hints_at_somebody_else(request, authentication), Reason::LoginHint),
        ];
        reasons.extend(
            checks
                .into_iter()
                .filter_map(|(holds, reason)| holds.then_some(reason)),
        );
    }
    if let Some(essential) = &request.claims.essential_acr {
        let acr = authentication.acr_for(Some(essential));
        if !essential.accepts_in_list(acr) {
            reasons.push(Reason::EssentialAcrs);
        }
        if !essential.accepts_as_single(acr) {
            reasons.push(Reason::EssentialAcr);
        }
    }
    reasons
}

fn is_older_than_max_age(
    request: &AuthorizationRequest,
    authentication: &Authentication,
    now: DateTime<Utc>,
) -> bool {
    let Some(max_age) = request.max_age else {
        return false;
    };
    let limit = i64::try_from(max_age)
        .ok()
        .and_then(TimeDelta::try_seconds)
        .unwrap_or(TimeDelta::MAX);
    now - authentication.auth_time > limit
}

/// Whether `login_hint` is an address, and another one than that of the session. Blanks and capitals do not matter.
fn hints_at_somebody_else(request: &AuthorizationRequest, authentication: &Authentication) -> bool {
    let Some(hint) = &request.login_hint else {
        return false;
    };
    let hint = ecmascript_trim(hint);
    hint.contains('@') && hint.to_lowercase() != authentication.email.to_lowercase()
}

fn organization_is_missing(
    request: &AuthorizationRequest,
    authentication: &Authentication,
    progress: &Progress,
) -> bool {
    let Some(selected) = &authentication.selected_organization else {
        return true;
    };
    if progress.has(authentication, InteractionPrompt::SelectOrganization) {
        return false;
    }
    match request.siret_hint() {
        SiretHint::Absent => false,
        SiretHint::Valid(siret) => siret.as_str() != selected.siret,
        SiretHint::Invalid(_) => true,
    }
}
