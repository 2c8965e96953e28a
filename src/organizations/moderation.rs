//! Requests to join an organization that somebody decides on (spec/organizations.md §4.6, §4.7).

use super::ticket::ModerationTicket;
use super::{Organizations, OrganizationsError};
use crate::db;
use crate::db::moderations::{ModeratedOrganization, Moderation, NewModeration, ORGANIZATION_JOIN_BLOCK};
use crate::domain::{ModerationId, OrganizationId, UserId};
use crate::mail::messages::CancelModeration;

/// What became of a request that its author withdraws or opens again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestOutcome {
    /// It is withdrawn or open, now or since earlier.
    Done,
    /// It was decided on in a way that allows neither, is of another kind, or there is none to open.
    NotOpen,
    /// It is somebody else's.
    Forbidden,
}

/// A request as its author may look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModerationPage {
    Request(Box<Moderation>),
    /// There is none, or none any more.
    NotFound,
    /// It is somebody else's.
    Forbidden,
}

impl Organizations {
    /// Asks that somebody decide whether `user` may act for `organization`: the request and the ticket about it are on record together.
    /// Of requests that race, and however often it is asked, one is made and one ticket. Gives `None` when the person acts for the
    /// organization already.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn request_moderation(
        &self,
        user: UserId,
        organization: OrganizationId,
        sp_name: Option<&str>,
    ) -> Result<Option<ModerationId>, OrganizationsError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let request = NewModeration {
            user,
            organization,
            kind: ORGANIZATION_JOIN_BLOCK,
            sp_name,
        };
        if db::memberships::is_member(&transaction, user, organization).await? {
            return Ok(None);
        }
        let (id, is_new) = db::moderations::open(&transaction, request, now).await?;
        if is_new {
            self.post_ticket(&transaction, user, id).await?;
        }
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(Some(id))
    }

    /// Puts the ticket about the request `id` into the outbox.
    async fn post_ticket(
        &self,
        transaction: &db::Transaction<'_>,
        user: UserId,
        id: ModerationId,
    ) -> Result<(), OrganizationsError> {
        if !self.services.rules.opens_tickets {
            tracing::info!(moderation = id.0, "there is no support desk to tell of a request");
            return Ok(());
        }
        let person = db::users::find_by_id(transaction, user).await?;
        let request = db::moderations::find(transaction, id).await?;
        let (Some(person), Some(request)) = (person, request) else {
            return Err(OrganizationsError::Fault("a request was made by nobody"));
        };
        let ticket = ModerationTicket {
            moderation: id,
            email: person.email,
            libelle: request.organization.cached_libelle,
            siret: request.organization.siret,
        };
        let now = self.services.clock.now();
        let key = ticket.deduplication_key();
        let (kind, payload) = (ModerationTicket::KIND, ticket.payload());
        db::outbox::enqueue(transaction, kind, &payload, Some(&key), now).await?;
        Ok(())
    }

    /// The request `id`, for `user` to look at.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn request(
        &self,
        user: UserId,
        id: ModerationId,
    ) -> Result<ModerationPage, OrganizationsError> {
        let client = self.services.pool.get().await?;
        Ok(match db::moderations::find(&client, id).await? {
            None => ModerationPage::NotFound,
            Some(request) if request.user != user => ModerationPage::Forbidden,
            Some(request) => ModerationPage::Request(Box::new(request)),
        })
    }

    /// Opens the request `id` of `user` again, which was rejected and may be corrected: it waits for a decision once more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reopen_request(
        &self,
        user: UserId,
        email: &str,
        id: ModerationId,
    ) -> Result<RequestOutcome, OrganizationsError> {
        let now = self.services.clock.now();
        let client = self.services.pool.get().await?;
        match db::moderations::find(&client, id).await? {
            None => return Ok(RequestOutcome::NotOpen),
            Some(request) if request.user != user => return Ok(RequestOutcome::Forbidden),
            // Done twice, it is done.
            Some(request) if request.is_pending() => return Ok(RequestOutcome::Done),
            Some(_) => {}
        }
        if db::moderations::reopen(&client, id, email, now).await? {
            Ok(RequestOutcome::Done)
        } else {
            Ok(RequestOutcome::NotOpen)
        }
    }

    /// The stored organization `id`, as pages show it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn organization(
        &self,
        id: OrganizationId,
    ) -> Result<Option<ModeratedOrganization>, OrganizationsError> {
        let client = self.services.pool.get().await?;
        Ok(db::suggestions::by_id(&client, id).await?)
    }

    /// The requests of `user` to join an organization that nobody has decided on, the first made first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn pending_requests(&self, user: UserId) -> Result<Vec<Moderation>, OrganizationsError> {
        let client = self.services.pool.get().await?;
        Ok(db::moderations::pending_joins_of_user(&client, user, None).await?)
    }

    /// The first `limit` of the [requests](Self::pending_requests) of `user`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn first_pending_requests(
        &self,
        user: UserId,
        limit: i64,
    ) -> Result<Vec<Moderation>, OrganizationsError> {
        let client = self.services.pool.get().await?;
        Ok(db::moderations::pending_joins_of_user(&client, user, Some(limit)).await?)
    }

    /// Withdraws the request `id` of `user`, and writes them an e-mail about it. Done twice, it does nothing the second time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn cancel_request(
        &self,
        user: UserId,
        id: ModerationId,
    ) -> Result<RequestOutcome, OrganizationsError> {
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let Some(request) = db::moderations::find(&transaction, id).await? else {
            return Ok(RequestOutcome::Done);
        };
        if request.user != user {
            return Ok(RequestOutcome::Forbidden);
        }
        let is_withdrawable =
            request.kind == ORGANIZATION_JOIN_BLOCK && (request.is_pending() || request.is_rejected());
        if !is_withdrawable {
            return Ok(RequestOutcome::NotOpen);
        }
        let organization = request.organization;
        if db::moderations::withdraw(&transaction, user, organization.id).await? == 0 {
            // Another request of the same person was faster, and has written the e-mail.
            return Ok(RequestOutcome::Done);
        }
        if let Some(person) = db::users::find_by_id(&transaction, user).await? {
            let (given_name, family_name) = person.names();
            let message = CancelModeration {
                given_name,
                family_name,
                libelle: organization.cached_libelle.unwrap_or(organization.siret),
            };
            self.post(&transaction, &person.email, &message).await?;
        }
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(RequestOutcome::Done)
    }
}
