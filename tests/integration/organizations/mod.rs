//! What people do to act for an organization, against the real program: every page with its success and its failures.

mod contact;
mod join;
mod manage;
mod moderation;
mod outages;
mod reopened;
mod select;
mod steps;
mod suggestions;
mod ticket;

use crate::accounts::{count_mails, insert_user, place, text};
use crate::support::{Options, Page, TestDatabase, TestServer, Visitor};

const PASSWORD: &str = crate::accounts::PASSWORD;
/// Commune de Lamalou-les-Bains, 20 to 49 people.
const TOWN: &str = "21340126800130";
/// A public school.
const SCHOOL: &str = "19750663700010";
/// Bnp paribas, which knows nobody by their domain.
const BANK: &str = "66204244933106";
/// A one-person company.
const ONE_PERSON: &str = "82869625200018";
/// DINUM, a service of the State.
const STATE: &str = "13002526500013";
/// Totalenergies se, of many people.
const BIG_COMPANY: &str = "54205118000066";
const EMAIL: &str = "agent@exemple.fr";

/// A signed-in person without any organization.
async fn newcomer(server: &TestServer) -> (Visitor, i32) {
    newcomer_as(server, EMAIL, &[]).await
}

/// A signed-in person with this address; `changes` as for [`insert_user`].
async fn newcomer_as(server: &TestServer, email: &str, changes: &[(&str, &str)]) -> (Visitor, i32) {
    let user = insert_user(server.database(), email, changes).await;
    let visitor = server.visitor();
    visitor.sign_in_as(email, PASSWORD).await;
    (visitor, user)
}

/// Makes `user` a member of `organization`, who has been told so.
async fn link(database: &TestDatabase, user: i32, organization: i32, verification_type: &str) {
    database
        .execute(&format!(
            "INSERT INTO users_organizations
               (user_id, organization_id, verification_type, has_been_greeted, created_at, updated_at, verified_at)
             VALUES ({user}, {organization}, '{verification_type}', true, now(), now(), now())"
        ))
        .await;
}

/// Writes a request of `user` to join `organization`; `columns` and `values` extend the usual ones.
async fn request_to_join(
    database: &TestDatabase,
    user: i32,
    organization: i32,
    columns: &str,
    values: &str,
) -> i32 {
    let client = database.pool().get().await.unwrap();
    client
        .query_one(
            &format!(
                "INSERT INTO moderations (user_id, organization_id, type {columns})
                 VALUES ({user}, {organization}, 'organization_join_block' {values}) RETURNING id"
            ),
            &[],
        )
        .await
        .unwrap()
        .get(0)
}

/// The id of the organization with this SIRET, stored if it was not.
async fn organization_of(database: &TestDatabase, siret: &str) -> i32 {
    database
        .execute(&format!(
            "INSERT INTO organizations (siret, cached_libelle, cached_est_active) VALUES ('{siret}', '{siret}', true)
             ON CONFLICT (siret) DO NOTHING"
        ))
        .await;
    text(
        database,
        &format!("SELECT id FROM organizations WHERE siret = '{siret}'"),
    )
    .await
    .parse()
    .expect("an identifier")
}

/// Asks to join the organization with this SIRET, on the form.
async fn join(visitor: &Visitor, siret: &str) -> Page {
    join_with(visitor, &[("siret", siret)]).await
}

/// Sends the form with these fields.
async fn join_with(visitor: &Visitor, fields: &[(&str, &str)]) -> Page {
    let page = visitor.get(FORM).await;
    visitor.submit(&page, "/users/join-organization", fields).await
}

/// The form without suggestions.
const FORM: &str = "/users/join-organization?do_not_propose_suggestions=true";

/// Addresses of free providers are told apart.
fn by_the_lists() -> Options {
    Options::default().with("FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE", "False")
}

/// How `user` is linked to the organization with this SIRET; empty when they are not.
async fn link_type(database: &TestDatabase, user: i32, siret: &str) -> String {
    text(
        database,
        &format!(
            "SELECT verification_type FROM users_organizations
             WHERE user_id = {user} AND organization_id = (SELECT id FROM organizations WHERE siret = '{siret}')"
        ),
    )
    .await
}

/// What `email_domains` holds for the organization with this SIRET.
async fn add_domain(database: &TestDatabase, siret: &str, domain: &str, verification_type: &str) {
    database
        .execute(&format!(
            "INSERT INTO organizations (siret, cached_libelle, cached_est_active) VALUES ('{siret}', '{siret}', true)
             ON CONFLICT (siret) DO NOTHING;
             INSERT INTO email_domains (organization_id, domain, verification_type)
             SELECT id, '{domain}', '{verification_type}' FROM organizations WHERE siret = '{siret}'"
        ))
        .await;
}
