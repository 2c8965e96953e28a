//! `/users/welcome`, the whole way of an account that was imported, the legal pages

use super::{GOOD_PASSWORD, PASSWORD, count_mails, enter_code, insert_user, place};
use crate::support::{Options, TestServer};

const EMAIL: &str = "agent@exemple.fr";
const WELCOME: &str = "Votre compte ProConnect a bien été créé";

async fn join(server: &TestServer, user: i32) {
    server
        .database()
        .execute(&format!(
            "INSERT INTO users_organizations (user_id, organization_id, verification_type, has_been_greeted, created_at, updated_at)
             VALUES ({user}, 1, 'domain', false, now(), now())"
        ))
        .await;
}

#[tokio::test]
async fn a_new_member_is_welcomed_once() {
    let server = TestServer::start().await;
    let user = insert_user(server.database(), EMAIL, &[]).await;
    join(&server, user).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(page.title(), "Compte créé - ProConnect");
    assert!(page.text().contains("Prénom Jean"));
    server.mailbox.wait_for(EMAIL, WELCOME).await;
    assert_eq!(
        visitor.get("/users/welcome").await.title(),
        "Compte créé - ProConnect",
        "it can be looked at again"
    );
    assert_eq!(
        visitor.get("/users/welcome/dirigeant").await.url.path(),
        "/",
        "nobody certified this member, or needs to prove an identity"
    );
    let page = visitor.submit(&page, "/users/welcome", &[]).await;
    assert_eq!(page.title(), "Accueil - ProConnect");
    visitor.sign_out().await;
    assert_eq!(
        visitor.sign_in_as(EMAIL, PASSWORD).await.title(),
        "Accueil - ProConnect"
    );
    assert_eq!(count_mails(&server, EMAIL, WELCOME), 1);
    assert_eq!(
        place(&server.visitor().get("/users/welcome").await),
        "/users/start-sign-in"
    );
}

#[tokio::test]
async fn an_imported_account_is_completed() {
    let server = TestServer::start().await;
    let imported = [
        ("encrypted_password", "NULL"),
        ("email_verified", "false"),
        ("email_verified_at", "NULL"),
        ("needs_inclusionconnect_welcome_page", "true"),
        ("needs_inclusionconnect_onboarding_help", "true"),
    ];
    let user = insert_user(server.database(), EMAIL, &imported).await;
    join(&server, user).await;
    let visitor = server.visitor();
    let page = visitor.start_sign_in(EMAIL).await;
    assert_eq!(page.heading(), "C’est votre première connexion avec ProConnect");
    let page = visitor
        .submit(&page, "/users/inclusionconnect-welcome", &[])
        .await;
    assert!(page.text().contains("définir un nouveau mot de passe"));
    let page = visitor
        .submit(&page, "/users/sign-up", &[("password", GOOD_PASSWORD)])
        .await;
    assert!(page.text().contains("nous utilisons un code de confirmation"));
    let page = enter_code(&server, &visitor, EMAIL, 1).await;
    assert_eq!(page.heading(), "Votre compte ProConnect est à jour.");
    let page = visitor.submit(&page, "/users/welcome", &[]).await;
    assert_eq!(page.title(), "Accueil - ProConnect");
    visitor.sign_out().await;
    assert_eq!(
        visitor.start_sign_in(EMAIL).await.title(),
        "Accéder au compte - ProConnect"
    );
}

#[tokio::test]
async fn the_legal_pages_are_read_without_a_session() {
    let server = TestServer::start().await;
    for path in [
        "/conditions-generales-d-utilisation",
        "/politique-de-confidentialite",
        "/accessibilite",
    ] {
        let visitor = server.visitor();
        let page = visitor.get(path).await;
        assert!(page.status.is_success() && !page.heading().is_empty(), "{path}");
        assert_eq!(visitor.cookie("/", "session"), None, "{path} opens no session");
    }
}

/// The texts of an operator stand in the place of ours, as they are; those that are not there leave ours.
#[tokio::test]
async fn an_operator_has_legal_pages_of_their_own() {
    let texts = tempfile::tempdir().unwrap();
    let terms = "<h1>Conditions de la maison</h1>\n<p>{{rien}} n’est <em>remplacé</em>.</p>";
    std::fs::write(
        texts.path().join("conditions-generales-d-utilisation.html"),
        terms,
    )
    .unwrap();
    let directory = texts.path().to_str().unwrap();
    let server = TestServer::start_with(Options::default().with("LEGAL_TEXTS_DIRECTORY", directory)).await;
    let visitor = server.visitor();
    let page = visitor.get("/conditions-generales-d-utilisation").await;
    assert_eq!(page.heading(), "Conditions de la maison");
    assert!(page.body.contains(terms));
    assert_eq!(
        page.title(),
        "Conditions Générales d'Utilisation - ProConnect",
        "header and footer are ours"
    );
    let page = visitor.get("/accessibilite").await;
    assert_eq!(page.heading(), "Déclaration d’accessibilité");
}
