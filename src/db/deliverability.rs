//! `email_deliverability_whitelist`: domains whose addresses are taken without asking anybody.

use deadpool_postgres::GenericClient;

use super::Error;

/// Whether addresses at `domain` are taken without asking anybody.
///
/// # Errors
/// When the database does not answer.
pub async fn is_whitelisted(client: &impl GenericClient, domain: &str) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("SELECT EXISTS (SELECT FROM email_deliverability_whitelist WHERE email_domain = $1)")
        .await?;
    Ok(client.query_one(&statement, &[&domain]).await?.try_get(0)?)
}
