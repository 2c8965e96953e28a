//! Telling a person that they may act for an organization, once (spec/accounts.md §4.7).

use super::{Accounts, AccountsError};
use crate::db;
use crate::domain::{LinkVerificationType, OrganizationId, UserId};
use crate::mail::messages::Welcome;

impl Accounts {
    /// Notes that `user` is told now that they may act for `organization`, and writes them an e-mail, unless an official certification
    /// was what they asked for. Done twice, it does nothing the second time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn greet(&self, user: UserId, organization: OrganizationId) -> Result<(), AccountsError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let Some(link_type) = db::organizations::greet(&transaction, user, organization, now).await? else {
            return Ok(());
        };
        db::users::end_inclusionconnect_help(&transaction, user, now).await?;
        let is_certified = link_type.parse() == Ok(LinkVerificationType::OrganizationDirigeant);
        if !is_certified && let Some(person) = db::users::find_by_id(&transaction, user).await? {
            let (given_name, family_name) = person.names();
            let message = Welcome {
                given_name,
                family_name,
                base_url: self.services.mails.base_url().to_owned(),
            };
            self.post(&transaction, &person.email, &message).await?;
        }
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(())
    }
}
