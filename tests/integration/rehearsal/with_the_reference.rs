//! The whole move of docs/MIGRATING.md with the reference itself: a day of it, the adoption of its database while it serves, the
//! switch, a day of ours, the way back, the switch once more, the final return. Everyday acts are the same at each stage, and
//! so are the people: whoever signed up at one server comes back at the other.
//!
//! It needs a check-out of the reference and takes minutes: `script/rehearse-migration` runs it.

use std::sync::Arc;
use std::time::Instant;

use url::Url;

use super::person::Person;
use super::reference::{CheckOut, Reference, played_systems};
use super::world::{Visit, World, environment, options};
use super::{FINAL_RETURN, WAY_BACK, statements_of, until_no_mail_waits, until_ready};
use crate::support::{TestDatabase, TestRedis, TestServer};

/// Totalenergies se, where the domain of everybody here is known.
const COMPANY: &str = "54205118000066";
/// Bnp paribas, which knows nobody by their domain.
const BANK: &str = "66204244933106";
/// Commune de Lamalou-les-Bains.
const TOWN: &str = "21340126800130";

const CONTACT_PAGE: &str = "/users/official-contact-email-verification/";
const PENDING_PAGE: &str = "/users/unable-to-auto-join-organization";
const ANOTHER_PASSWORD: &str = "encore une autre phrase de passe";

/// Who lived through a day, and what they left unfinished.
struct Household {
    /// Has a password, an application of one-time codes and a passkey, and goes to services.
    ana: Person,
    visits: [Visit; 2],
    /// Never redeemed.
    code: String,
    /// Was sent a code by e-mail.
    bruno: Person,
    /// Was sent a link that signs in.
    carole: (Person, String),
    /// Was sent a link to another password.
    denis: (Person, String),
    /// Waits for a moderator.
    emma: Person,
    /// Waits for a code from the town hall.
    farid: (Person, String),
}

/// Does everything that people do, and leaves something of each kind unfinished.
async fn live_a_day(world: &World, database: &TestDatabase, day: &str) -> Household {
    let mut ana = Person::new(world, "ana", day, COMPANY);
    sign_up(world, &mut ana).await;
    let first = ana.go_to_service(world, 0).await;
    ana.add_application(world).await;
    ana.add_passkey(world).await;
    change_personal_information(world, &mut ana).await;
    let visits = [
        ana.go_to_service(world, 0).await,
        ana.go_to_service(world, 1).await,
    ];
    assert_eq!(visits[0].subject, first.subject);
    let code = ana.bring_code(world, 0).await;
    show_two_factors_everywhere(world, &mut ana).await;

    let mut bruno = Person::new(world, "bruno", day, COMPANY);
    bruno
        .walk(world, "/users/start-sign-in", "/users/verify-email")
        .await;
    bruno.mailed_code(world, 1).await;

    let mut carole = Person::new(world, "carole", day, COMPANY);
    let link = carole.ask_for_magic_link(world, 1).await;
    carole.use_magic_link(world, &link).await;
    carole.go_to_service(world, 0).await;
    carole.take_another_browser(world);
    let link = carole.ask_for_magic_link(world, 2).await;

    let mut denis = Person::new(world, "denis", day, COMPANY);
    sign_up(world, &mut denis).await;
    let first_link = denis.ask_for_another_password(world, 1).await;
    let outcome = denis.choose_another_password(&first_link, ANOTHER_PASSWORD).await;
    assert_eq!(outcome, "password_change_success");
    denis.go_to_service(world, 0).await;
    let denis_link = denis.ask_for_another_password(world, 2).await;

    let mut emma = Person::new(world, "emma", day, BANK);
    ask_a_moderator(world, &mut emma).await;
    withdraw(world, &mut emma).await;
    ask_a_moderator(world, &mut emma).await;

    let mut farid = Person::with_address(world, &format!("farid.{day}@gmail.com"), TOWN);
    sign_up(world, &mut farid).await;
    let page = farid.walk(world, world.request(0).as_str(), CONTACT_PAGE).await;
    assert!(page.url.path().starts_with(CONTACT_PAGE), "{:?}", farid.trail);
    let words = world.contact_code().await;

    let mut gus = Person::new(world, "gus", day, COMPANY);
    sign_up(world, &mut gus).await;
    gus.go_to_service(world, 1).await;
    quit_and_leave(world, database, &mut gus).await;

    Household {
        ana,
        visits,
        code,
        bruno,
        carole: (carole, link),
        denis: (denis, denis_link),
        emma,
        farid: (farid, words),
    }
}

async fn sign_up(world: &World, person: &mut Person) {
    person.walk(world, "/users/start-sign-in", "").await;
    let expected = ["/users/start-sign-in", "/users/sign-up", "/users/verify-email"];
    assert_eq!(person.trail[..3], expected, "{:?}", person.trail);
}

async fn change_personal_information(world: &World, person: &mut Person) {
    let page = person.walk(world, "/personal-information", "").await;
    let fields = [
        ("given_name", "Jeanne"),
        ("family_name", "Dupuis"),
        ("phone_number", "0123456789"),
        ("job", "Architecte"),
    ];
    let page = person
        .visitor
        .submit(&page, "/personal-information", &fields)
        .await;
    person.expect(
        &page,
        "/personal-information",
        "personal_information_update_success",
    );
}

/// Two factors everywhere, and the next sign-in with them; then no more.
async fn show_two_factors_everywhere(world: &World, person: &mut Person) {
    for (wish, outcome) in [
        ("enable", "2fa_successfully_enabled"),
        ("disable", "2fa_successfully_disabled"),
    ] {
        let page = person.walk(world, "/connection-and-account", "").await;
        let page = person
            .visitor
            .submit(&page, "/set-force-2fa", &[("force2fa", wish)])
            .await;
        person.expect(&page, "/connection-and-account", outcome);
        if wish == "enable" {
            person.take_another_browser(world);
            person.walk(world, "/connection-and-account", "").await;
            assert!(
                person.trail.contains(&"/users/2fa-sign-in".to_owned()),
                "{:?}",
                person.trail
            );
        }
    }
}

async fn ask_a_moderator(world: &World, person: &mut Person) {
    let page = person.walk(world, world.request(0).as_str(), PENDING_PAGE).await;
    assert_eq!(page.url.path(), PENDING_PAGE, "{:?}", person.trail);
}

/// Withdraws the request, on the page of the organizations.
async fn withdraw(world: &World, person: &mut Person) {
    let page = person.walk(world, "/manage-organizations", "").await;
    let forms = page.forms();
    let form = forms
        .iter()
        .find(|form| form.action.path().starts_with("/users/cancel-moderation"));
    let form = form.unwrap_or_else(|| panic!("no request to withdraw: {}", page.text()));
    let page = person.visitor.submit(&page, form.action.path(), &[]).await;
    assert!(
        page.status.is_success() && !page.text().contains("Annuler ma demande"),
        "{}",
        page.text()
    );
}

/// Leaves the only organization, and then deletes the account.
async fn quit_and_leave(world: &World, database: &TestDatabase, person: &mut Person) {
    let page = person.walk(world, "/manage-organizations", "").await;
    let forms = page.forms();
    let form = forms
        .iter()
        .find(|form| form.action.path().starts_with("/users/quit-organization/"));
    let action = form.expect("an organization to leave").action.path().to_owned();
    let confirmed = [("confirmed", "true")];
    let page = person.visitor.submit(&page, &action, &confirmed).await;
    person.expect(&page, "/manage-organizations", "quit_organization_success");
    let page = person.walk(world, "/connection-and-account", "").await;
    let page = person.visitor.submit(&page, "/users/delete", &confirmed).await;
    person.expect(&page, "/users/start-sign-in", "user_successfully_deleted");
    let left = format!("SELECT count(*) FROM users WHERE email = '{}'", person.email);
    assert_eq!(database.count(&left).await, 0);
}

/// Who holds what was mailed by one server while the other serves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mailed {
    /// The reference sent it, this server reads it.
    Readable,
    /// This server sent it, the reference knows nothing of it.
    Unreadable,
}

/// Everybody of `household` comes back after the front was turned.
async fn come_back(world: &World, household: &mut Household, mailed: Mailed) {
    let ana = &mut household.ana;
    // Signed in no more, and trusted still.
    come_back_to_services(world, ana, &household.visits, mailed).await;
    let (status, _) = world.services[0]
        .redeem_at(&world.url, &household.code, &[])
        .await;
    assert_eq!(status, 400, "a code of before");
    assert_eq!(world.userinfo(&household.visits[0].access_token).await.0, 401);
    // In a browser that nobody knows, with everything that opens the account.
    ana.take_another_browser(world);
    let page = ana.walk(world, "/connection-and-account", "").await;
    assert_eq!(page.url.path(), "/connection-and-account", "{:?}", ana.trail);
    assert!(
        ana.trail.contains(&"/users/2fa-sign-in".to_owned()),
        "{:?}",
        ana.trail
    );
    ana.take_another_browser(world);
    let page = ana.sign_in_with_passkey(world).await;
    assert_eq!(page.url.path(), "/", "{:?}: {}", ana.trail, page.text());

    come_back_with_mails(world, household, mailed).await;

    let emma = &mut household.emma;
    let page = emma.walk(world, "/manage-organizations", "").await;
    assert!(page.text().contains("Annuler ma demande"), "{}", page.text());
    withdraw(world, emma).await;
    ask_a_moderator(world, emma).await;
}

/// The next visit to the services, in the browser of before: one sign-in, and the same subject, signed with the same key. A browser
/// that was proven to the reference stays trusted, one that was proven to this server proves itself once more to the reference.
async fn come_back_to_services(world: &World, person: &mut Person, before: &[Visit; 2], mailed: Mailed) {
    for (number, before) in before.iter().enumerate() {
        let visit = person.go_to_service(world, number).await;
        let was_shown = |path: &str| person.trail.iter().any(|shown| shown == path);
        assert_eq!(was_shown("/users/sign-in"), number == 0, "{:?}", person.trail);
        let asks_for_a_code = number == 0 && mailed == Mailed::Unreadable;
        assert_eq!(
            was_shown("/users/verify-email"),
            asks_for_a_code,
            "{:?}",
            person.trail
        );
        assert_eq!((&visit.subject, &visit.key_id), (&before.subject, &before.key_id));
    }
}

async fn come_back_with_mails(world: &World, household: &mut Household, mailed: Mailed) {
    let bruno = &mut household.bruno;
    let page = bruno
        .walk(world, "/users/verify-email", "/users/verify-email")
        .await;
    assert_eq!(page.url.path(), "/users/verify-email", "{:?}", bruno.trail);
    match mailed {
        Mailed::Readable => {
            let page = bruno.walk_on(world, page, "").await;
            assert_ne!(page.url.path(), "/users/verify-email");
            assert_eq!(bruno.count_mailed_codes(world), 1, "the code of before was taken");
        }
        Mailed::Unreadable => {
            // The statement of the guide was run: another code is on its way as soon as the page is opened.
            bruno.codes = 1;
            bruno.walk_on(world, page, "").await;
            assert_eq!(bruno.count_mailed_codes(world), 2);
        }
    }
    bruno.go_to_service(world, 0).await;

    let (carole, link) = &mut household.carole;
    let page = carole.use_magic_link(world, link).await;
    if mailed == Mailed::Unreadable {
        carole.expect(&page, "/users/start-sign-in", "invalid_magic_link");
        let link = carole.ask_for_magic_link(world, 3).await;
        carole.use_magic_link(world, &link).await;
    }
    carole.go_to_service(world, 0).await;

    let (denis, link) = &mut household.denis;
    let outcome = denis
        .choose_another_password(link, "une troisième phrase de passe")
        .await;
    if mailed == Mailed::Unreadable {
        assert_eq!(outcome, "invalid_token");
        let link = denis.ask_for_another_password(world, 3).await;
        let outcome = denis
            .choose_another_password(&link, "une troisième phrase de passe")
            .await;
        assert_eq!(outcome, "password_change_success");
    } else {
        assert_eq!(outcome, "password_change_success");
    }
    denis.take_another_browser(world);
    denis.go_to_service(world, 0).await;

    let (farid, words) = &mut household.farid;
    let page = farid.walk(world, world.request(0).as_str(), CONTACT_PAGE).await;
    let words = match mailed {
        Mailed::Readable => words.clone(),
        Mailed::Unreadable => world.contact_code().await,
    };
    let field = "official_contact_email_verification_token";
    let action = page.url.path().to_owned();
    let page = farid.visitor.submit(&page, &action, &[(field, &words)]).await;
    farid.walk_on(world, page, "").await;
    farid.go_to_service(world, 0).await;
}

/// Those of a day long ago come back once more, with the password that each of them chose last.
async fn visit_again(world: &World, household: &mut Household, mailed: Mailed) {
    come_back_to_services(world, &mut household.ana, &household.visits, mailed).await;
    let (denis, _) = &mut household.denis;
    let (farid, _) = &mut household.farid;
    for person in [&mut household.bruno, denis, farid] {
        person.take_another_browser(world);
        person.go_to_service(world, 0).await;
        assert!(
            person.trail.contains(&"/users/sign-in".to_owned()),
            "{:?}",
            person.trail
        );
    }
    let page = household.emma.walk(world, "/manage-organizations", "").await;
    assert!(page.text().contains("Annuler ma demande"), "{}", page.text());
}

/// Turns the front, and tells how long nobody was answered.
async fn turn(world: &World, to: &Url) {
    let started = Instant::now();
    world.front.turn_to(to.as_str());
    loop {
        let answer = crate::support::http_get(world.url.join("users/start-sign-in").expect("a path")).await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            break;
        }
    }
    tell("the front is turned", started);
}

fn tell(what: &str, since: Instant) {
    eprintln!("{what}: {:.1} s", since.elapsed().as_secs_f64());
}

fn run(server: &TestServer, arguments: &[&str]) -> String {
    let started = Instant::now();
    let output = server.run(arguments);
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}");
    tell(&format!("identite {}", arguments.join(" ")), started);
    text
}

/// What the reference keeps, with everything that a walk through it needs.
async fn prepare(
    check_out: &CheckOut,
    environment: &[(&str, String)],
    world: &World,
    database: &TestDatabase,
) {
    check_out.npm(environment, &["migrate", "up"]);
    check_out.npm(environment, &["fixtures:load-ci", "scripts/fixtures.sql"]);
    check_out.npm(environment, &["update-organization-info", "0"]);
    database
        .execute(&format!(
            "INSERT INTO email_domains (organization_id, domain, verification_type, verified_at)
             SELECT id, 'exemple.fr', 'verified', now() FROM organizations WHERE siret = '{COMPANY}'"
        ))
        .await;
    world.register_services(database).await;
}

#[tokio::test]
#[ignore = "needs a check-out of the reference: script/rehearse-migration"]
async fn there_and_back_with_the_reference() {
    let check_out = CheckOut::from_environment();
    let database = TestDatabase::create_empty().await;
    let redis = TestRedis::start().await;
    let nobody = Url::parse("http://localhost:9/").expect("a URL");
    let world = World::new(&nobody);
    let mut settings = environment(&world, &database, &redis.url());
    let with_systems: Vec<(&str, String)> = settings.iter().cloned().chain(played_systems(&nobody)).collect();
    settings.push(("JWKS", check_out.generate_keys(&with_systems)));
    prepare(&check_out, &with_systems, &world, &database).await;

    // The reference alone.
    let reference = Reference::start(&check_out, &settings).await;
    eprintln!(
        "the reference answers after {:.1} s",
        reference.started_in.as_secs_f64()
    );
    turn(&world, &reference.base_url).await;
    let started = Instant::now();
    let mut before = live_a_day(&world, &database, "avant").await;
    tell("a day of the reference alone", started);
    let key_ids = world.key_ids().await;

    // The adoption, in the middle of what people do.
    let server = Arc::new(TestServer::start_unready_on(database, options(&settings)).await);
    let text = run(&server, &["migrate", "--check"]);
    assert!(
        text.contains("a database of the reference") && text.contains("nothing is in the way"),
        "{text}"
    );
    let migrating = tokio::task::spawn_blocking({
        let server = Arc::clone(&server);
        move || run(&server, &["migrate"])
    });
    let started = Instant::now();
    let mut adopted = live_a_day(&world, server.database(), "adoption").await;
    tell("a day of the reference, its database adopted meanwhile", started);
    let text = migrating.await.expect("an answer");
    assert!(text.contains("adopted a database of the reference"), "{text}");
    let mut server = Arc::into_inner(server).expect("nobody else uses it");
    reference.expect_no_fault();

    // The switch.
    until_ready(&server).await;
    turn(&world, &server.base_url).await;
    let log = reference.stop().await;
    keep_log("reference-1.log", &log);
    assert_eq!(
        world.key_ids().await,
        key_ids,
        "the same keys under the same names"
    );
    let started = Instant::now();
    come_back(&world, &mut before, Mailed::Readable).await;
    come_back(&world, &mut adopted, Mailed::Readable).await;
    tell("everybody came back", started);
    let started = Instant::now();
    let mut after = live_a_day(&world, server.database(), "apres").await;
    tell("a day of this server", started);

    // The way back.
    let started = Instant::now();
    let reference = Reference::start(&check_out, &settings).await;
    turn(&world, &reference.base_url).await;
    until_no_mail_waits(&server).await;
    server.stop().await;
    tell("the way back", started);
    server.database().execute(statements_of(WAY_BACK)).await;
    assert_eq!(world.key_ids().await, key_ids);
    for household in [&mut before, &mut adopted] {
        visit_again(&world, household, Mailed::Unreadable).await;
    }
    come_back(&world, &mut after, Mailed::Unreadable).await;
    let mut returned = live_a_day(&world, server.database(), "retour").await;
    // Everything of the reference can be emptied, whatever refers to it.
    let emptying = check_out.read("scripts/delete_all.sql");
    server
        .database()
        .execute(&format!("BEGIN; {emptying} ROLLBACK"))
        .await;
    let log = reference.stop().await;
    keep_log("reference-2.log", &log);

    // There once more.
    server.start_again().await;
    turn(&world, &server.base_url).await;
    come_back(&world, &mut returned, Mailed::Readable).await;
    visit_again(&world, &mut after, Mailed::Readable).await;
    let mut last = live_a_day(&world, server.database(), "encore").await;

    // And back for good.
    until_no_mail_waits(&server).await;
    server.stop().await;
    server.database().execute(statements_of(WAY_BACK)).await;
    server.database().execute(statements_of(FINAL_RETURN)).await;
    let text = check_out.npm(&with_systems, &["migrate", "up"]);
    assert!(text.contains("No migrations to run"), "{text}");
    let reference = Reference::start(&check_out, &settings).await;
    turn(&world, &reference.base_url).await;
    come_back(&world, &mut last, Mailed::Unreadable).await;
    let log = reference.stop().await;
    keep_log("reference-3.log", &log);
}

/// Keeps a log where `REHEARSAL_LOGS` says, if it says so.
fn keep_log(name: &str, text: &str) {
    if let Ok(folder) = std::env::var("REHEARSAL_LOGS") {
        std::fs::write(std::path::Path::new(&folder).join(name), text).expect("the log is written");
    }
}
