//! The code that an official contact hands on (spec/organizations.md §4.5)

use super::{
    EMAIL, SCHOOL, TOWN, by_the_lists, count_mails, join, join_with, link, newcomer_as, organization_of,
    place, text,
};
use crate::support::{Options, TestServer, Visitor};

const SUBJECT: &str = "[ProConnect] Authentifier un email sur ProConnect";
const CODE_PAGE: &str = "Vérifier votre email - ProConnect";
const WELCOME: &str = "Compte créé - ProConnect";
const CONTACT: &str = "mairie@ville.fr";
const FREE: &str = "jean.libre@gmail.com";
/// La Hague, which has two addresses.
const TOWN_OF_TWO: &str = "20006541500016";

fn with_contact() -> Options {
    by_the_lists().with("TEST_CONTACT_EMAIL", CONTACT)
}

/// The two words of the latest mail to the contact.
async fn code(server: &TestServer, contact: &str, rank: usize) -> String {
    let mail = server.mailbox.wait_for_nth(contact, SUBJECT, rank).await;
    let text = mail.text();
    let word = |line: &&str| {
        let words: Vec<&str> = line.trim().split('-').collect();
        words.len() == 2
            && words
                .iter()
                .all(|word| word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_lowercase()))
    };
    text.lines()
        .find(word)
        .expect("two words on a line")
        .trim()
        .to_owned()
}

async fn join_town(visitor: &Visitor) -> crate::support::Page {
    join_with(visitor, &[("siret", TOWN), ("confirmed", "true")]).await
}

#[tokio::test]
async fn a_town_hall_hands_on_a_code_of_two_words() {
    let server = TestServer::start_with(with_contact()).await;
    let (visitor, user) = newcomer_as(&server, FREE, &[]).await;
    let page = join_town(&visitor).await;
    assert_eq!(page.title(), CODE_PAGE);
    assert!(
        page.text()
            .contains(&format!("email officielle de votre mairie : {CONTACT}"))
    );
    let code = code(&server, CONTACT, 1).await;
    let mail = server.mailbox.wait_for(CONTACT, SUBJECT).await;
    assert!(mail.text().contains("Jean User") && mail.text().contains(FREE));
    let stored = format!(
        "SELECT official_contact_email_verification_token FROM users_organizations WHERE user_id = {user}"
    );
    let stored = text(server.database(), &stored).await;
    assert!(stored.len() == 64 && !stored.contains(&code), "a digest");

    // Looking again sends nothing more; the organization is not theirs yet.
    visitor.get(page.url.path()).await;
    assert_eq!(visitor.get("/users/welcome").await.url.path(), page.url.path());
    assert_eq!(count_mails(&server, CONTACT, SUBJECT), 1);

    let field = "official_contact_email_verification_token";
    let action = page.url.path().to_owned();
    for wrong in ["ours-roux", "", "ours", "é"] {
        let page = visitor.submit(&page, &action, &[(field, wrong)]).await;
        assert!(
            page.text().contains("invalide ou expiré") || page.title().starts_with("Erreur"),
            "{wrong:?}"
        );
        assert!(page.text().contains(CONTACT));
    }
    let shouted = code.to_uppercase().replace('-', "  ");
    let done = visitor.submit(&page, &action, &[(field, &shouted)]).await;
    assert_eq!(done.title(), WELCOME);
    let row = format!(
        "SELECT concat_ws(';', verification_type, needs_official_contact_email_verification,
           official_contact_email_verification_token IS NULL, official_contact_email_verification_sent_at IS NULL)
         FROM users_organizations WHERE user_id = {user}"
    );
    assert_eq!(
        text(server.database(), &row).await,
        "code_sent_to_official_contact_email;f;t;t"
    );
    let again = visitor.submit(&page, &action, &[(field, &code)]).await;
    assert_eq!(
        place(&again),
        "/users/join-organization?notification=official_contact_email_verification_not_needed"
    );
    server.expect_discreet_log(&[&code]).await;
}

#[tokio::test]
async fn a_code_is_good_for_an_hour_and_another_one_follows() {
    let server = TestServer::start_with(with_contact()).await;
    let (visitor, _) = newcomer_as(&server, FREE, &[]).await;
    let page = join_town(&visitor).await;
    let first = code(&server, CONTACT, 1).await;
    server
        .database()
        .execute("UPDATE users_organizations SET official_contact_email_verification_sent_at = now() - interval '61 minutes' WHERE needs_official_contact_email_verification")
        .await;
    let action = page.url.path().to_owned();
    let field = "official_contact_email_verification_token";
    let page = visitor.submit(&page, &action, &[(field, &first)]).await;
    assert!(page.title().starts_with("Erreur"));
    let second = code(&server, CONTACT, 2).await;
    assert_eq!(
        visitor.submit(&page, &action, &[(field, &second)]).await.title(),
        WELCOME
    );
}

#[tokio::test]
async fn guessing_kills_a_code() {
    let server = TestServer::start_with(with_contact()).await;
    let (visitor, user) = newcomer_as(&server, FREE, &[]).await;
    let page = join_town(&visitor).await;
    let code = code(&server, CONTACT, 1).await;
    let action = page.url.path().to_owned();
    let field = "official_contact_email_verification_token";
    for _ in 0..20 {
        visitor.submit(&page, &action, &[(field, "ours-roux")]).await;
    }
    let page = visitor.submit(&page, &action, &[(field, &code)]).await;
    assert!(page.title().starts_with("Erreur"));
    let needed = format!(
        "SELECT needs_official_contact_email_verification FROM users_organizations WHERE user_id = {user}"
    );
    assert_eq!(text(server.database(), &needed).await, "true");
    assert_eq!(count_mails(&server, CONTACT, SUBJECT), 1, "no mailbox is flooded");
}

#[tokio::test]
async fn quitting_and_joining_again_floods_no_mailbox() {
    let server = TestServer::start_with(with_contact()).await;
    let (visitor, user) = newcomer_as(&server, FREE, &[]).await;
    let memberships = format!("SELECT count(*) FROM users_organizations WHERE user_id = {user}");
    for number in 1..=3 {
        let page = join_town(&visitor).await;
        assert_eq!(page.title(), CODE_PAGE, "{number}");
        let town = page.url.path().rsplit('/').next().expect("an identifier");
        let quit = format!("/users/quit-organization/{town}");
        let token = page.form_token();
        visitor
            .post(&quit, &[("_csrf", &token), ("confirmed", "true")])
            .await;
        assert_eq!(server.database().count(&memberships).await, 0, "{number}");
    }
    let page = join_town(&visitor).await;
    assert_eq!(page.status.as_u16(), 429);
    code(&server, CONTACT, 3).await;
    assert_eq!(count_mails(&server, CONTACT, SUBJECT), 3);
}

#[tokio::test]
async fn one_of_several_addresses_is_chosen_and_remembered() {
    let server = TestServer::start_with(by_the_lists().with("FEATURE_USE_ANNUAIRE_EMAILS", "True")).await;
    let (visitor, _) = newcomer_as(&server, FREE, &[]).await;
    let page = join_with(&visitor, &[("siret", TOWN_OF_TWO), ("confirmed", "true")]).await;
    assert_eq!(page.title(), CODE_PAGE);
    assert_eq!(
        page.texts("legend"),
        ["À quelle adresse e-mail souhaitez-vous recevoir le code ?"]
    );
    assert_eq!(
        page.attributes("[name=contact_email]", "value"),
        ["courrier@lahague.com", "mairie-beaumont@lahague.com"]
    );
    assert!(
        page.attributes("form[method=get] [name=_csrf]", "value")
            .is_empty()
    );
    let town = organization_of(server.database(), TOWN_OF_TWO).await;
    let action = format!("/users/official-contact-email-verification/{town}");
    let chosen = "mairie-beaumont@lahague.com";
    let stranger = visitor
        .get(&format!("{action}?contact_email=moi@gmail.com"))
        .await;
    assert_eq!(
        place(&stranger),
        "/users/join-organization?notification=api_annuaire_error"
    );
    let page = visitor.submit(&page, &action, &[("contact_email", chosen)]).await;
    assert!(
        page.text()
            .contains(&format!("email officielle de votre mairie : {chosen}"))
    );
    let code = code(&server, chosen, 1).await;
    // Neither a wrong code nor the address of a stranger loses the one that the code went to.
    let field = "official_contact_email_verification_token";
    let page = visitor.submit(&page, &action, &[(field, "ours-roux")]).await;
    assert!(page.text().contains(chosen));
    let page = visitor
        .get(&format!("{action}?contact_email=moi@gmail.com"))
        .await;
    assert!(page.text().contains(chosen));
    assert!(
        page.text()
            .contains("ne figure pas parmi les adresses officielles")
    );
    assert_eq!(count_mails(&server, chosen, SUBJECT), 1);
    assert_eq!(
        visitor.submit(&page, &action, &[(field, &code)]).await.title(),
        WELCOME
    );
}

/// Whoever chose the wrong mailbox goes back and chooses another one, as often as codes may be sent.
#[tokio::test]
async fn another_address_gets_another_code() {
    const REFUSED: &str = "aucun n’a été envoyé à l’adresse que vous venez de choisir";
    let server = TestServer::start_with(by_the_lists().with("FEATURE_USE_ANNUAIRE_EMAILS", "True")).await;
    let (visitor, _) = newcomer_as(&server, FREE, &[]).await;
    join_with(&visitor, &[("siret", TOWN_OF_TWO), ("confirmed", "true")]).await;
    let town = organization_of(server.database(), TOWN_OF_TWO).await;
    let action = format!("/users/official-contact-email-verification/{town}");
    let ask = format!("/users/official-contact-ask-which-email/{town}");
    let field = "official_contact_email_verification_token";
    let (first, second) = ("courrier@lahague.com", "mairie-beaumont@lahague.com");
    let shown = |email: &str| format!("email officielle de votre mairie : {email}");
    let choose = async |email: &str| {
        let page = visitor.get(&ask).await;
        assert_eq!(page.attributes("[name=contact_email]", "value"), [first, second]);
        visitor.submit(&page, &action, &[("contact_email", email)]).await
    };

    assert!(choose(first).await.text().contains(&shown(first)));
    let dead = code(&server, first, 1).await;
    let page = choose(second).await;
    assert!(page.text().contains(&shown(second)));
    code(&server, second, 1).await;
    let page = visitor.submit(&page, &action, &[(field, &dead)]).await;
    assert!(page.title().starts_with("Erreur"), "one code lives at a time");
    assert_eq!(page.attributes("[aria-invalid=true]", "name"), [field]);
    choose(second).await;
    assert_eq!(count_mails(&server, second, SUBJECT), 1, "it has one");

    choose(first).await;
    let living = code(&server, first, 2).await;
    let page = choose(second).await;
    assert!(page.text().contains(REFUSED) && page.text().contains(&shown(first)));
    assert_eq!(count_mails(&server, second, SUBJECT), 1);
    assert!(!visitor.get(&action).await.text().contains(REFUSED));
    assert_eq!(
        visitor.submit(&page, &action, &[(field, &living)]).await.title(),
        WELCOME
    );
}

/// Of two choices at once one is sent a code, and both are told to which address.
#[tokio::test]
async fn of_two_choices_at_once_both_are_shown_the_address_that_was_written_to() {
    const OVERTAKEN: &str = "Un code vient d’être envoyé à une autre adresse";
    let server = TestServer::start_with(by_the_lists().with("FEATURE_USE_ANNUAIRE_EMAILS", "True")).await;
    let (visitor, user) = newcomer_as(&server, FREE, &[]).await;
    join_with(&visitor, &[("siret", TOWN_OF_TWO), ("confirmed", "true")]).await;
    let town = organization_of(server.database(), TOWN_OF_TWO).await;
    let action = format!("/users/official-contact-email-verification/{town}");
    let emails = ["courrier@lahague.com", "mairie-beaumont@lahague.com"];
    // Both have looked before one of them writes.
    let hold = format!(
        "DO $$ BEGIN
           PERFORM 1 FROM users_organizations WHERE user_id = {user} FOR UPDATE;
           PERFORM pg_sleep(2);
         END $$"
    );
    let choose = async |email: &str| {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        visitor.get(&format!("{action}?contact_email={email}")).await
    };
    let ((), first, second) = tokio::join!(
        server.database().execute(&hold),
        choose(emails[0]),
        choose(emails[1])
    );
    let stored = format!("SELECT email FROM identite_official_contacts WHERE user_id = {user}");
    let stored = text(server.database(), &stored).await;
    for page in [&first, &second] {
        assert!(
            page.text()
                .contains(&format!("officielle de votre mairie : {stored}"))
        );
    }
    assert_ne!(
        first.text().contains(OVERTAKEN),
        second.text().contains(OVERTAKEN)
    );
    code(&server, &stored, 1).await;
    let sent = emails.map(|email| count_mails(&server, email, SUBJECT));
    assert_eq!(sent.iter().sum::<usize>(), 1, "{sent:?}");
}

/// Where there is nothing to choose nothing is offered, and whoever comes to choose all the same is told.
#[tokio::test]
async fn a_single_address_leaves_nothing_to_choose() {
    let server = TestServer::start_with(with_contact()).await;
    let (visitor, _) = newcomer_as(&server, FREE, &[]).await;
    let page = join_town(&visitor).await;
    assert!(!page.text().contains("en choisir une autre"));
    let town = organization_of(server.database(), TOWN).await;
    let page = visitor
        .get(&format!("/users/official-contact-ask-which-email/{town}"))
        .await;
    assert_eq!(page.title(), CODE_PAGE);
    assert!(page.text().contains("ne connaît pas d’autre adresse officielle"));
    assert!(page.text().contains(CONTACT));
    code(&server, CONTACT, 1).await;
    assert_eq!(count_mails(&server, CONTACT, SUBJECT), 1);
}

#[tokio::test]
async fn a_school_hands_on_a_code_whatever_the_domain() {
    let server =
        TestServer::start_with(Options::default().with("TEST_CONTACT_EMAIL", "lycee@ac-paris.fr")).await;
    let (visitor, user) = newcomer_as(&server, EMAIL, &[]).await;
    let page = join(&visitor, SCHOOL).await;
    assert!(
        page.text()
            .contains("email officielle de votre établissement scolaire : lycee@ac-paris.fr")
    );
    let code = code(&server, "lycee@ac-paris.fr", 1).await;
    // No service is told of an organization that nobody has confirmed.
    let selected =
        format!("SELECT selected_organization_id IS NOT NULL FROM identite_sessions WHERE user_id = {user}");
    assert_eq!(text(server.database(), &selected).await, "true");
    let field = "official_contact_email_verification_token";
    let page = visitor.submit(&page, page.url.path(), &[(field, &code)]).await;
    assert_eq!(page.title(), WELCOME);
    let (visitor, user) = newcomer_as(&server, "lycee@ac-paris.fr", &[]).await;
    assert_eq!(join(&visitor, SCHOOL).await.title(), WELCOME);
    assert_eq!(
        super::link_type(server.database(), user, SCHOOL).await,
        "official_contact_email"
    );
}

#[tokio::test]
async fn the_page_is_for_members_who_need_it() {
    let server = TestServer::start_with(with_contact()).await;
    let (visitor, user) = newcomer_as(&server, FREE, &[]).await;
    let town = organization_of(server.database(), TOWN).await;
    let path = format!("/users/official-contact-email-verification/{town}");
    assert_eq!(
        visitor.get(&path).await.url.path(),
        "/users/join-organization",
        "who acts for nobody joins first"
    );
    link(server.database(), user, 1, "domain").await;
    assert_eq!(visitor.get(&path).await.status.as_u16(), 404, "no member");
    assert_eq!(
        visitor
            .get("/users/official-contact-email-verification/x")
            .await
            .status
            .as_u16(),
        400
    );
    assert_eq!(
        visitor
            .get("/users/official-contact-ask-which-email/999999")
            .await
            .status
            .as_u16(),
        404
    );
    let page = visitor.get("/users/official-contact-email-verification/1").await;
    assert_eq!(
        place(&page),
        "/users/join-organization?notification=official_contact_email_verification_not_needed"
    );
    let page = visitor.get(&format!("{path}?contact_email=x")).await;
    assert_eq!(page.status.as_u16(), 400);
}
