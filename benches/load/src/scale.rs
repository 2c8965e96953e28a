//! A data set of the size that a whole country makes: people, organizations, and years of connections.

use tokio_postgres::Client as Postgres;

use crate::dataset::{Client, sql_digest};
use crate::error::LoadError;

const USERS: f64 = 5_000_000.0;
const ORGANIZATIONS: f64 = 1_000_000.0;
const CONNECTIONS: f64 = 20_000_000.0;
/// Identifier of the first person and of the first organization: above everything else.
const FIRST_ID: u32 = 10_000_000;
/// Rows that one statement writes.
const ROWS_PER_STATEMENT: u32 = 500_000;
/// Sessions that are alive.
pub const SESSIONS: u32 = 10_000;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub users: u32,
    pub organizations: u32,
    pub connections: u32,
}

impl Sizes {
    /// The full size times `scale`, at least enough to measure with.
    pub fn of(scale: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between zero and some tens of millions"
        )]
        let part = |full: f64| (full * scale).clamp(10_000.0, 2_000_000_000.0) as u32;
        Self {
            users: part(USERS),
            organizations: part(ORGANIZATIONS),
            connections: part(CONNECTIONS),
        }
    }
}

/// Writes the data set, and the sessions `0..SESSIONS`, each of somebody else, in place of those that are there.
///
/// # Errors
/// The database refuses, or has no room.
pub async fn fill(database: &Postgres, sizes: Sizes) -> Result<(), LoadError> {
    let Sizes {
        users,
        organizations,
        connections,
    } = sizes;
    // Keys are right by construction; the benchmark's user may switch their checks off.
    database
        .batch_execute("SET session_replication_role = replica; SET synchronous_commit = off")
        .await?;
    in_parts(database, organizations, |from, to| {
        format!(
            "INSERT INTO organizations
               (id, siret, cached_libelle, cached_categorie_juridique, cached_libelle_categorie_juridique,
                cached_etat_administratif, cached_est_active, cached_code_officiel_geographique, cached_adresse,
                organization_info_fetched_at, created_at, updated_at)
             SELECT {FIRST_ID} + n, lpad((90000000000000 + n)::text, 14, '0'), 'Organisation ' || n, '5710',
                    'SAS, société par actions simplifiée', 'A', true, '13001', 'place du Marché, 13001 Marseille',
                    now(), now() - n * interval '1 minute', now()
             FROM generate_series({from}, {to}) AS n"
        )
    })
    .await?;
    in_parts(database, users, |from, to| {
        format!(
            "INSERT INTO users
               (id, email, email_verified, email_verified_at, given_name, family_name, job, last_sign_in_at, created_at,
                updated_at)
             SELECT {FIRST_ID} + n, 'personne-' || n || '@domaine-' || n % {organizations} || '.fr', true, now(), 'Camille',
                    'Martin', 'Agent', now(), now(), now()
             FROM generate_series({from}, {to}) AS n"
        )
    })
    .await?;
    in_parts(database, users, |from, to| {
        format!(
            "INSERT INTO users_organizations
               (user_id, organization_id, verification_type, verified_at, has_been_greeted, created_at, updated_at)
             SELECT {FIRST_ID} + n, {FIRST_ID} + n % {organizations}, 'domain', now(), true, now(), now()
             FROM generate_series({from}, {to}) AS n"
        )
    })
    .await?;
    // People differ in how much they use: the square makes some connect a lot and most now and then.
    in_parts(database, connections, |from, to| {
        format!(
            "INSERT INTO users_oidc_clients (user_id, oidc_client_id, organization_id, created_at, updated_at)
             SELECT {FIRST_ID} + who.n, service.id, {FIRST_ID} + who.n % {organizations}, at, at
             FROM
               (SELECT id FROM oidc_clients WHERE client_id = '{client}') AS service,
               (
                 SELECT
                   floor(power(random(), 2) * {users})::integer AS n,
                   now() - random() * interval '3 years' AS at
                 FROM generate_series({from}, {to})
               ) AS who",
            client = Client::Es256.id(),
        )
    })
    .await?;
    add_sessions(database, users).await?;
    database
        .batch_execute("RESET session_replication_role; RESET synchronous_commit")
        .await?;
    for table in [
        "users",
        "organizations",
        "users_organizations",
        "users_oidc_clients",
        "identite_sessions",
    ] {
        database
            .batch_execute(&format!("VACUUM (ANALYZE) {table}"))
            .await?;
    }
    Ok(())
}

async fn in_parts(
    database: &Postgres,
    count: u32,
    statement: impl Fn(u32, u32) -> String,
) -> Result<(), LoadError> {
    let mut from = 0;
    while from < count {
        let to = (from + ROWS_PER_STATEMENT).min(count);
        database.batch_execute(&statement(from, to - 1)).await?;
        from = to;
    }
    Ok(())
}

async fn add_sessions(database: &Postgres, users: u32) -> Result<(), LoadError> {
    // Spread over everybody: a step that has no divisor in common with the number of people that matters.
    let sql = format!(
        "DELETE FROM identite_sessions;
         INSERT INTO identite_sessions
           (id, uid, user_id, amr, signed_in_at, last_seen_at, expires_at, absolute_expires_at,
            selected_organization_id, user_agent, ip_address)
         SELECT
           sha256(convert_to({sid}, 'UTF8')), {uid}, link.user_id, ARRAY['pwd'], now(), now(), now() + interval '1 day',
           now() + interval '7 days', link.organization_id, 'Firefox', '127.0.0.1'
         FROM generate_series(0, {SESSIONS} - 1) AS index
         JOIN users_organizations AS link
           ON link.user_id = {FIRST_ID} + (index::bigint * 7919 % {users})::integer",
        sid = sql_digest("bench-session-", 32),
        uid = sql_digest("bench-session-uid-", 43),
    );
    database.batch_execute(&sql).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Sizes;

    #[test]
    fn a_part_is_never_too_small_to_measure_with() {
        let sizes = Sizes::of(0.02);
        assert_eq!(sizes.users, 100_000);
        assert_eq!(sizes.organizations, 20_000);
        assert_eq!(sizes.connections, 400_000);
        assert_eq!(Sizes::of(0.0).users, 10_000);
    }
}
