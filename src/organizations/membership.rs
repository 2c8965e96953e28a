//! Leaving an organization (spec/organizations.md §4.10).

use super::{Organizations, OrganizationsError};
use crate::db;
use crate::domain::{OrganizationId, UserId};

impl Organizations {
    /// Ends the membership of `user` in `organization`. Sessions that acted for it act for none then. Requests that were made stay: one
    /// that was rejected still stands in the way of coming back. Gives `false` when there was no membership.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn quit(&self, user: UserId, organization: OrganizationId) -> Result<bool, OrganizationsError> {
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let was_member = db::memberships::end(&transaction, user, organization).await?;
        transaction.commit().await?;
        Ok(was_member)
    }
}
