//! Requests that somebody decides on: asking, waiting, refusal, correction (spec/organizations.md §4.6, §4.7)

use super::{
    BANK, EMAIL, FORM, count_mails, join, newcomer, newcomer_as, organization_of, place, request_to_join,
    text,
};
use crate::support::TestServer;

const PENDING: &str = "Rattachement en cours - ProConnect";
const CANCELLED: &str = "Annulation de votre demande de rattachement";

#[tokio::test]
async fn a_request_is_made_shown_and_withdrawn_from_each_of_its_rows() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let state = format!(
        "SELECT string_agg(type || ' ' || status || ' ' || (moderated_at IS NULL), ',') FROM moderations WHERE user_id = {user}"
    );
    for (rank, (action, target)) in [
        (
            "cancel-moderation-and-redirect-to-personal-information",
            "/users/personal-information",
        ),
        (
            "cancel-moderation-and-redirect-to-join-org",
            "/users/join-organization",
        ),
        (
            "cancel-moderation-and-redirect-to-sign-in",
            "/users/start-sign-in",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let page = join(&visitor, BANK).await;
        assert_eq!(page.title(), PENDING);
        assert!(page.heading().contains("Demande en cours"));
        assert!(page.text().contains("Prénom Jean") && page.text().contains("Bnp paribas"));
        assert_eq!(
            text(server.database(), &state).await,
            "organization_join_block pending true"
        );
        let form = page
            .forms()
            .into_iter()
            .find(|form| form.action.path().contains(action))
            .expect("the form");
        let asked = visitor.submit(&page, form.action.path(), &[]).await;
        assert_eq!(asked.heading(), "Corriger votre demande de rattachement");
        assert_eq!(asked.texts("main p strong").len(), 1, "the organization is named");
        assert_eq!(
            text(server.database(), &state).await,
            "organization_join_block pending true",
            "nothing is done before it is confirmed"
        );
        let page = visitor.submit(&asked, form.action.path(), &[]).await;
        assert_eq!(page.url.path(), target);
        assert_eq!(text(server.database(), &state).await, "");
        server.mailbox.wait_for_nth(EMAIL, CANCELLED, rank + 1).await;
    }
}

#[tokio::test]
async fn ten_submissions_make_one_request() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let form = visitor.get(FORM).await;
    let fields = [("siret", BANK)];
    let send = || visitor.submit(&form, "/users/join-organization", &fields);
    let pages = futures::future::join_all((0..10).map(|_| send())).await;
    for page in pages {
        assert!(page.status.is_success(), "{}", page.status);
    }
    let count = format!("SELECT count(*) FROM moderations WHERE user_id = {user}");
    assert_eq!(text(server.database(), &count).await, "1");
    assert_eq!(join(&visitor, BANK).await.title(), PENDING);
}

#[tokio::test]
async fn who_has_no_name_is_asked_for_it_first() {
    let server = TestServer::start().await;
    let nameless = [("given_name", "NULL"), ("family_name", "NULL")];
    let (visitor, user) = newcomer_as(&server, EMAIL, &nameless).await;
    let page = join(&visitor, BANK).await;
    assert_eq!(page.url.path(), "/users/personal-information");
    let count = format!("SELECT count(*) FROM moderations WHERE user_id = {user}");
    assert_eq!(text(server.database(), &count).await, "0");
    let names = [("given_name", "Jean"), ("family_name", "User")];
    let page = visitor.submit(&page, "/users/personal-information", &names).await;
    assert_eq!(page.title(), PENDING);
    assert_eq!(text(server.database(), &count).await, "1");
    // It was asked once: the person goes where they want.
    assert_eq!(visitor.get("/").await.title(), "Accueil - ProConnect");
}

#[tokio::test]
async fn a_refusal_is_explained_and_corrected_when_that_is_allowed() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let bank = organization_of(server.database(), BANK).await;
    let columns = ", status, moderated_at, moderated_by, end_user_reason, allow_editing, comment, ticket_id";
    let values = ", 'rejected', now(), 'agent', 'Inversion Nom et Prénom', true, 'Rejeté par agent', 't-1'";
    let id = request_to_join(server.database(), user, bank, columns, values).await;
    let page = join(&visitor, BANK).await;
    assert_eq!(page.title(), "Informations à corriger - ProConnect");
    assert!(page.text().contains("Motif : Inversion Nom et Prénom"));
    let path = format!("/users/reopen-moderation/{id}");
    let token = page.attributes("[name=_csrf]", "value")[0].clone();
    let page = visitor.post(&path, &[("_csrf", &token)]).await;
    assert_eq!(page.url.path(), "/users/personal-information");
    let row = format!(
        "SELECT concat_ws(';', status, moderated_at IS NULL, moderated_by IS NULL, comment, ticket_id, end_user_reason)
         FROM moderations WHERE id = {id}"
    );
    let today = text(server.database(), "SELECT to_char(now(), 'YYYY-MM-DD')").await;
    assert_eq!(
        text(server.database(), &row).await,
        format!(
            "reopened;t;t;Rejeté par agent | Réouvert le {today} par {EMAIL} - Edition des informations personnelles;t-1;Inversion Nom et Prénom"
        )
    );
    assert_eq!(join(&visitor, BANK).await.title(), PENDING);
    // Sent twice, it is done.
    let page = visitor.post(&path, &[("_csrf", &token)]).await;
    assert_eq!(page.url.path(), "/users/personal-information");
    let page = visitor
        .get(&format!("/users/moderation-rejected?moderation_id={id}"))
        .await;
    assert_eq!(page.title(), PENDING, "there is nothing to correct any more");
    assert_eq!(count_mails(&server, EMAIL, CANCELLED), 0);
}

#[tokio::test]
async fn a_final_refusal_is_withdrawn_but_not_opened_again() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let bank = organization_of(server.database(), BANK).await;
    let id = request_to_join(
        server.database(),
        user,
        bank,
        ", status, moderated_at",
        ", 'rejected', now()",
    )
    .await;
    let page = join(&visitor, BANK).await;
    assert_eq!(page.title(), "Demande refusée - ProConnect");
    assert!(page.text().contains("Motif : Raison transmise par mail"));
    assert!(
        page.attributes("button", "aria-label")
            .iter()
            .all(|label| label != "Corriger le nom")
    );
    let token = page.attributes("[name=_csrf]", "value")[0].clone();
    let page = visitor
        .post(&format!("/users/reopen-moderation/{id}"), &[("_csrf", &token)])
        .await;
    assert_eq!(page.status.as_u16(), 404);
    let page = visitor
        .post(
            &format!("/users/cancel-moderation-and-redirect-to-join-org/{id}"),
            &[("_csrf", &token), ("confirmed", "true")],
        )
        .await;
    assert_eq!(page.url.path(), "/users/join-organization");
    assert_eq!(
        join(&visitor, BANK).await.title(),
        PENDING,
        "it can be asked anew"
    );
}

/// Links in mails and tabs that were left open know nothing of the decision.
#[tokio::test]
async fn each_address_of_a_request_leads_to_what_was_decided() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let bank = organization_of(server.database(), BANK).await;
    let (waits, refused) = (
        "/users/unable-to-auto-join-organization",
        "/users/moderation-rejected",
    );
    for (values, expected) in [
        (", 'pending', NULL", Some(waits)),
        (", 'rejected', now()", Some(refused)),
        (", 'accepted', now()", None),
    ] {
        let id = request_to_join(server.database(), user, bank, ", status, moderated_at", values).await;
        for path in [waits, refused] {
            let page = visitor.get(&format!("{path}?moderation_id={id}")).await;
            assert!(page.status.is_success(), "{path} {values}: {}", page.status);
            match expected {
                Some(expected) => assert_eq!(page.url.path(), expected, "{path} {values}"),
                None => assert!(![waits, refused].contains(&page.url.path()), "{path} {values}"),
            }
        }
        server.database().execute("DELETE FROM moderations").await;
    }
}

#[tokio::test]
async fn requests_are_their_authors_own() {
    let server = TestServer::start().await;
    let (_, other) = newcomer_as(&server, "autre@exemple.fr", &[]).await;
    let bank = organization_of(server.database(), BANK).await;
    let id = request_to_join(server.database(), other, bank, ", status", ", 'pending'").await;
    let (visitor, _) = newcomer(&server).await;
    let token = visitor.get(FORM).await.attributes("[name=_csrf]", "value")[0].clone();
    for page in ["unable-to-auto-join-organization", "moderation-rejected"] {
        for (query, status) in [
            (format!("?moderation_id={id}"), 403),
            ("?moderation_id=999999".to_owned(), 404),
            ("?moderation_id=x".to_owned(), 400),
            (String::new(), 400),
        ] {
            let answer = visitor.get(&format!("/users/{page}{query}")).await;
            assert_eq!(answer.status.as_u16(), status, "{page}{query}");
        }
    }
    for action in [
        "reopen-moderation",
        "cancel-moderation-and-redirect-to-sign-in",
        "cancel-moderation-and-redirect-to-join-org",
        "cancel-moderation-and-redirect-to-personal-information",
    ] {
        let fields = [("_csrf", token.as_str()), ("confirmed", "true")];
        for fields in [&fields[..], &fields[..1]] {
            let answer = visitor.post(&format!("/users/{action}/{id}"), fields).await;
            assert_eq!(answer.status.as_u16(), 403, "{action} {fields:?}");
        }
        let answer = visitor.post(&format!("/users/{action}/x"), &fields).await;
        assert_eq!(answer.status.as_u16(), 400, "{action}");
        let answer = visitor.post(&format!("/users/{action}/{id}"), &[]).await;
        assert_eq!(answer.status.as_u16(), 403, "{action} without the form token");
    }
    let answer = visitor
        .post("/users/reopen-moderation/999999", &[("_csrf", &token)])
        .await;
    assert_eq!(answer.status.as_u16(), 404);
    assert_eq!(
        text(server.database(), "SELECT count(*) FROM moderations").await,
        "1"
    );
    assert_eq!(place(&visitor.get("/").await), "/");
}

/// §4.7, the table: what each page shows of a request, and where each of its buttons leads.
#[tokio::test]
async fn each_page_of_a_request_has_its_rows_and_buttons() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let bank = organization_of(server.database(), BANK).await;
    let columns = ", status, allow_editing, end_user_reason, moderated_at";
    let cancel = "/users/cancel-moderation-and-redirect-to-";
    let names = |action: &str| {
        vec![
            ("Corriger le prénom", action.to_owned()),
            ("Corriger le nom", action.to_owned()),
        ]
    };
    let pending = [
        names(&format!("{cancel}personal-information/")),
        vec![("Corriger l'adresse email", format!("{cancel}sign-in/"))],
    ]
    .concat();
    for (values, path, heading, buttons) in [
        (
            ", 'pending', false, 'Aucune', NULL",
            "unable-to-auto-join-organization",
            "Demande en cours",
            pending,
        ),
        (
            ", 'rejected', false, 'Nom de domaine introuvable', now()",
            "moderation-rejected",
            "Demande refusée",
            Vec::new(),
        ),
        (
            ", 'rejected', true, 'Inversion Nom et Prénom', now()",
            "moderation-rejected",
            "Modifications demandées",
            names("/users/reopen-moderation/"),
        ),
    ] {
        let id = request_to_join(server.database(), user, bank, columns, values).await;
        let page = visitor.get(&format!("/users/{path}?moderation_id={id}")).await;
        assert!(page.heading().contains(heading), "{}", page.heading());
        for told in ["Prénom Jean", "Nom User", EMAIL, BANK] {
            assert!(page.text().contains(told), "{heading}: {told}");
        }
        for (label, action) in &buttons {
            let selector = format!("form[action='{action}{id}'] button[aria-label=\"{label}\"]");
            assert_eq!(
                page.attributes(&selector, "type"),
                ["submit"],
                "{heading}: {label}"
            );
        }
        let labelled = page.attributes("main form button[aria-label]", "aria-label");
        assert_eq!(labelled.len(), buttons.len(), "{heading}: no other button");
        let other_organization = format!("form[action='{cancel}join-org/{id}']");
        assert_eq!(
            page.attributes(&other_organization, "aria-label"),
            ["Corriger l'organisation de rattachement"]
        );
        assert_eq!(
            page.texts(&format!("{other_organization} button")),
            ["Changer d'organisation"]
        );
        let is_rejected = path == "moderation-rejected";
        assert_eq!(page.text().contains("Motif : "), is_rejected, "{heading}");
        let other_address = page.attributes("[aria-label='Changer d’adresse email']", "href");
        assert_eq!(other_address.len(), usize::from(is_rejected), "{heading}");
        for address in other_address {
            assert_eq!(place(&visitor.get(&address).await), "/users/start-sign-in");
        }
        server.database().execute("DELETE FROM moderations").await;
    }
}
