//! *Act*: the pages of an interaction come and go (spec/oidc.md §5.3, §5.4, §5.7).

use super::artefacts::interaction_key;
use super::authentication::Authentication;
use super::authorization_request::SiretHint;
use super::decision::acr_is_acceptable;
use super::error::{ErrorCode, Fault};
use super::interaction::{FirstPage, Interaction, InteractionContext, InteractionError};
use super::service::{Oidc, Registered, time_until};

/// What the person and the relying party read when no acceptable level can be stated. Contractual.
pub const ACR_NOT_MET: &str = "none of the requested ACRs could be obtained";

/// What becomes of the first visit of an interaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// It expired, or was already answered.
    Gone,
    /// The relying party hints at something that is no SIRET: an error page with the way back.
    InvalidSiretHint {
        context: InteractionContext,
        hint: String,
    },
    Page {
        context: InteractionContext,
        page: FirstPage,
    },
}

/// What becomes of an interaction whose person has passed the journey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// It expired, or was already answered.
    Gone,
    /// The sign-in of this session is older than the relying party accepts.
    SignInAgain(InteractionContext),
    /// `access_denied`, [`ACR_NOT_MET`]: an error page with the way back.
    AcrNotMet,
    /// On to `/oauth/authorize/<uid>`.
    Resume,
}

/// What becomes of an interaction that ends with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorEnd {
    /// It expired, or was already answered.
    Gone,
    /// The parameters are not what an error page sends: the interaction goes on waiting.
    Invalid,
    /// On to `/oauth/authorize/<uid>`.
    Resume,
}

impl Oidc {
    /// What the pages need to know of a pending interaction, or `None` when it is over.
    ///
    /// The caller has checked that `uid` belongs to this browser (`oidc.interaction`).
    ///
    /// # Errors
    /// When the state store fails.
    pub async fn interaction(&self, uid: &str) -> Result<Option<InteractionContext>, Fault> {
        Ok(self
            .stored_interaction(uid)
            .await?
            .map(|(interaction, _)| interaction.context(uid)))
    }

    /// The first visit of an interaction.
    ///
    /// # Errors
    /// When the state store fails.
    pub async fn start_interaction(
        &self,
        uid: &str,
        authentication: Option<&Authentication>,
    ) -> Result<Start, Fault> {
        let Some((interaction, _)) = self.stored_interaction(uid).await? else {
            return Ok(Start::Gone);
        };
        let context = interaction.context(uid);
        if let SiretHint::Invalid(hint) = interaction.request.siret_hint() {
            return Ok(Start::InvalidSiretHint { context, hint });
        }
        let interaction = self.with_names(interaction).await?;
        let page = interaction.first_page(authentication, self.now());
        Ok(Start::Page { context, page })
    }

    /// The end of an interaction: the person of `authentication` has passed the journey of this interaction.
    ///
    /// # Errors
    /// When the state store fails.
    pub async fn finish_interaction(
        &self,
        uid: &str,
        authentication: &Authentication,
    ) -> Result<Finish, Fault> {
        let Some((interaction, stored)) = self.stored_interaction(uid).await? else {
            return Ok(Finish::Gone);
        };
        let mut interaction = self.with_names(interaction).await?;
        if interaction.needs_a_new_sign_in(authentication, self.now()) {
            return Ok(Finish::SignInAgain(interaction.context(uid)));
        }
        if !acr_is_acceptable(&interaction.request, authentication) {
            return Ok(Finish::AcrNotMet);
        }
        interaction.progress = interaction
            .progress
            .with_answer(authentication.user_id, interaction.prompt);
        interaction.error = None;
        let replaced = self.replace_interaction(uid, &interaction, &stored).await?;
        Ok(if replaced { Finish::Resume } else { Finish::Gone })
    }

    /// The end of an interaction from an error page, with the parameters of that page's link.
    ///
    /// # Errors
    /// When the state store fails.
    pub async fn interaction_error(
        &self,
        uid: &str,
        error: Option<&str>,
        description: Option<&str>,
    ) -> Result<ErrorEnd, Fault> {
        let Some(error) = read_error(error, description) else {
            return Ok(ErrorEnd::Invalid);
        };
        let Some((mut interaction, stored)) = self.stored_interaction(uid).await? else {
            return Ok(ErrorEnd::Gone);
        };
        interaction.error = Some(error);
        let replaced = self.replace_interaction(uid, &interaction, &stored).await?;
        Ok(if replaced {
            ErrorEnd::Resume
        } else {
            ErrorEnd::Gone
        })
    }

    /// The interaction and its stored form.
    async fn stored_interaction(&self, uid: &str) -> Result<Option<(Interaction, Vec<u8>)>, Fault> {
        let Some(bytes) = self.state.get(&interaction_key(uid)).await? else {
            return Ok(None);
        };
        let interaction: Interaction = serde_json::from_slice(&bytes)?;
        Ok((interaction.expires_at > self.now()).then_some((interaction, bytes)))
    }

    /// The interaction with the names under which its client knows people, where these matter: the client is not looked up for a
    /// request that names nobody.
    async fn with_names(&self, interaction: Interaction) -> Result<Interaction, Fault> {
        if !interaction.request.names_somebody() {
            return Ok(interaction);
        }
        let row = self.client_row(&interaction.request.client_id).await?;
        let Registered::Known(client) = self.registered(row) else {
            // Nobody is answered for it: the resumption says why.
            return Ok(interaction);
        };
        Ok(Interaction {
            request: interaction.request.of_client(&client),
            ..interaction
        })
    }

    /// Stores the interaction unless it changed or ended since `stored` was read. A double click that stores the same
    /// twice succeeds twice.
    async fn replace_interaction(
        &self,
        uid: &str,
        interaction: &Interaction,
        stored: &[u8],
    ) -> Result<bool, Fault> {
        let key = interaction_key(uid);
        let new = serde_json::to_vec(interaction)?;
        let ttl = time_until(interaction.expires_at, self.now());
        if self.state.swap(&key, Some(stored), new.clone(), ttl).await? {
            return Ok(true);
        }
        Ok(self
            .state
            .get(&key)
            .await?
            .is_some_and(|now_stored| now_stored == new))
    }
}

/// What the link of an error page reports: an error of ours, described in printable ASCII.
fn read_error(error: Option<&str>, description: Option<&str>) -> Option<InteractionError> {
    let code = error.and_then(ErrorCode::from_error_page)?;
    let is_printable = |text: &str| text.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    if description.is_some_and(|description| !is_printable(description)) {
        return None;
    }
    let description = description
        .filter(|description| !description.is_empty())
        .map(str::to_owned);
    Some(InteractionError { code, description })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_the_pages_are_sent_back() {
        let sent = read_error(Some("access_denied"), Some(ACR_NOT_MET)).unwrap();
        assert_eq!(sent.description.as_deref(), Some(ACR_NOT_MET));
        assert_eq!(
            read_error(Some("server_error"), Some("")).unwrap().description,
            None
        );
        assert!(read_error(Some("invalid_grant"), None).is_none());
        assert!(read_error(None, None).is_none());
        assert!(read_error(Some("server_error"), Some("é")).is_none());
        assert!(read_error(Some("server_error"), Some("a\nb")).is_none());
    }
}
