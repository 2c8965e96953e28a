//! What people do to act for an organization, against the real program: every page with its success and its failures.

mod manage;

use crate::accounts::{count_mails, insert_user, place, text};
use crate::support::{TestDatabase, TestServer, Visitor};

const PASSWORD: &str = crate::accounts::PASSWORD;
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
