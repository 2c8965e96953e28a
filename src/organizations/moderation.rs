//! Requests to join an organization that somebody decides on (spec/organizations.md §4.6, §4.7).

use super::{Organizations, OrganizationsError};
use crate::db;
use crate::db::moderations::Moderation;
use crate::domain::{ModerationId, UserId};
use crate::mail::messages::CancelModeration;

/// What became of a request that its author withdraws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It is gone, now or since earlier: the person may ask anew.
    Withdrawn,
    /// It was accepted, or is of another kind: there is nothing to withdraw.
    NotOpen,
    /// It is somebody else's.
    Forbidden,
}

impl Organizations {
    /// The requests of `user` to join an organization that nobody has decided on, the first made first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn pending_requests(&self, user: UserId) -> Result<Vec<Moderation>, OrganizationsError> {
        let client = self.services.pool.get().await?;
        Ok(db::moderations::pending_joins_of_user(&client, user).await?)
    }

    /// Withdraws the request `id` of `user`, and writes them an e-mail about it. Done twice, it does nothing the second time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn cancel_request(
        &self,
        user: UserId,
        id: ModerationId,
    ) -> Result<CancelOutcome, OrganizationsError> {
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let Some(request) = db::moderations::find(&transaction, id).await? else {
            return Ok(CancelOutcome::Withdrawn);
        };
        if request.user != user {
            return Ok(CancelOutcome::Forbidden);
        }
        let is_withdrawable = request.kind == db::moderations::ORGANIZATION_JOIN_BLOCK
            && (request.is_pending() || request.is_rejected());
        if !is_withdrawable {
            return Ok(CancelOutcome::NotOpen);
        }
        let organization = request.organization;
        if db::moderations::withdraw(&transaction, user, organization.id).await? == 0 {
            // Another request of the same person was faster, and has written the e-mail.
            return Ok(CancelOutcome::Withdrawn);
        }
        if let Some(person) = db::users::find_by_id(&transaction, user).await? {
            let message = CancelModeration {
                given_name: person.given_name.unwrap_or_default(),
                family_name: person.family_name.unwrap_or_default(),
                libelle: organization.cached_libelle.unwrap_or(organization.siret),
            };
            self.post(&transaction, &person.email, &message).await?;
        }
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(CancelOutcome::Withdrawn)
    }
}
