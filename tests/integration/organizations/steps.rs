//! The ordered list of spec/organizations.md §4.2: each step, by its number, decides over the real program.

use serde_json::json;

use super::{
    BANK, BIG_COMPANY, EMAIL, ONE_PERSON, SCHOOL, STATE, TOWN, add_domain, by_the_lists, join, join_with,
    link, link_type, newcomer_as, organization_of, place, request_to_join,
};
use crate::support::{Options, Page, RelyingParty, TestServer, parameter};

const FREE: &str = "jean.libre@gmail.com";
const CLOSED: &str = "21850292000018";
const MINISTRY: &str = "11000201100044";
const SMALL_ASSOCIATION: &str = "84226400400016";
const SMALL_ORGANIZATION: &str = "41782415800014";
const OTHER_BANK: &str = "66204244914742";
const THIRD_BANK: &str = "66204244905476";
/// One whose executive is Ulysse Tosi.
const DANONE: &str = "55203253400646";
const CERTIFICATION: &str = "https://proconnect.gouv.fr/assurance/certification-dirigeant";

/// Where a step leads.
#[derive(Debug, Clone, Copy)]
enum Leads {
    /// To a page at this path, with this text in its address.
    To(&'static str, &'static str),
    /// To a link of this type.
    Link(&'static str),
}

use Leads::{Link, To};

/// The number of a step, the address of somebody who meets it, and the organization at which they do.
type Row = (u8, &'static str, &'static str, Leads);

const JOIN: &str = "/users/join-organization";

/// Steps that look at nothing but the person, the address and what the register says.
const BY_THE_REGISTER: [Row; 9] = [
    (1, EMAIL, CLOSED, To(JOIN, "notification=invalid_siret")),
    (
        5,
        EMAIL,
        MINISTRY,
        To("/users/domain-not-allowed-for-organization", "organization_id="),
    ),
    (
        7,
        "jean@vip.gouv.fr",
        ONE_PERSON,
        To("/users/access-restricted-to-private-sector-email", ""),
    ),
    (
        9,
        EMAIL,
        ONE_PERSON,
        Link("no_verification_means_for_entreprise_unipersonnelle"),
    ),
    (
        10,
        FREE,
        SMALL_ASSOCIATION,
        Link("no_verification_means_for_small_association"),
    ),
    (
        11,
        FREE,
        SMALL_ORGANIZATION,
        Link("no_verification_means_for_small_organization"),
    ),
    (
        12,
        FREE,
        STATE,
        To("/users/access-restricted-to-public-sector-email", ""),
    ),
    (
        13,
        FREE,
        BIG_COMPANY,
        To("/users/join-organization-confirm", "organization_id="),
    ),
    (15, EMAIL, SCHOOL, Link("code_sent_to_official_contact_email")),
];

/// Steps that look at what the house knows of the domain, in the rows that [`house`] writes, and the last one.
const BY_THE_HOUSE: [Row; 8] = [
    (
        2,
        "membre@exemple.fr",
        BANK,
        To(JOIN, "notification=user_in_organization_already"),
    ),
    (
        3,
        "demandeur@exemple.fr",
        BANK,
        To("/users/unable-to-auto-join-organization", "moderation_id="),
    ),
    (
        4,
        "refuse@exemple.fr",
        BANK,
        To("/users/moderation-rejected", "moderation_id="),
    ),
    (
        6,
        "agent@refuse.fr",
        BANK,
        To("/users/domain-refused-for-organization", "organization_id="),
    ),
    (16, "agent@connu.fr", BANK, Link("domain")),
    (
        18,
        "agent@nouveau.fr",
        OTHER_BANK,
        Link("domain_not_verified_yet"),
    ),
    (
        19,
        "agent@nouveau.fr",
        THIRD_BANK,
        To("/users/unable-to-auto-join-organization", "moderation_id="),
    ),
    (
        9,
        "agent@connu.fr",
        ONE_PERSON,
        Link("no_verification_means_for_entreprise_unipersonnelle"),
    ),
];

/// Steps 2 to 4 and 6 to 18 need something on record.
async fn house(server: &TestServer) {
    let database = server.database();
    add_domain(database, BANK, "refuse.fr", "refused").await;
    add_domain(database, BANK, "connu.fr", "verified").await;
    add_domain(database, OTHER_BANK, "nouveau.fr", "not_verified_yet").await;
    // Step 9 comes before step 16.
    add_domain(database, ONE_PERSON, "connu.fr", "verified").await;
}

async fn expect(server: &TestServer, user: i32, page: &Page, (step, email, siret, leads): Row) {
    let linked = link_type(server.database(), user, siret).await;
    match leads {
        To(path, query) => {
            assert_eq!(page.url.path(), path, "step {step}");
            assert!(place(page).contains(query), "step {step}: {}", place(page));
            let is_member = email.starts_with("membre@");
            assert_eq!(linked.is_empty(), !is_member, "step {step}");
        }
        Link(expected) => assert_eq!(linked, expected, "step {step}: {}", page.text()),
    }
}

#[tokio::test]
async fn each_step_decides_by_what_the_register_says() {
    let server = TestServer::start_with(by_the_lists()).await;
    let (agent, agent_id) = newcomer_as(&server, EMAIL, &[]).await;
    let (free, free_id) = newcomer_as(&server, FREE, &[]).await;
    let (state, state_id) = newcomer_as(&server, "jean@vip.gouv.fr", &[]).await;
    for row in BY_THE_REGISTER {
        let (visitor, user) = match row.1 {
            EMAIL => (&agent, agent_id),
            FREE => (&free, free_id),
            _ => (&state, state_id),
        };
        let page = join(visitor, row.2).await;
        expect(&server, user, &page, row).await;
    }
    // 14: whoever has confirmed an address that anybody can have brings a code, everybody else is told by their domain or by somebody.
    let page = join_with(&free, &[("siret", TOWN), ("confirmed", "true")]).await;
    let row = (14, FREE, TOWN, Link("code_sent_to_official_contact_email"));
    expect(&server, free_id, &page, row).await;
    let page = join(&agent, TOWN).await;
    let row = (14, EMAIL, TOWN, To("/users/unable-to-auto-join-organization", ""));
    expect(&server, agent_id, &page, row).await;
}

#[tokio::test]
async fn each_step_decides_by_what_is_on_record() {
    let server = TestServer::start().await;
    house(&server).await;
    let bank = organization_of(server.database(), BANK).await;
    for row in BY_THE_HOUSE {
        let (visitor, user) = match row.1 {
            // Two steps of one person.
            "agent@connu.fr" if row.0 == 9 => continue,
            "agent@nouveau.fr" if row.0 == 19 => continue,
            email => newcomer_as(&server, email, &[]).await,
        };
        match row.0 {
            2 => link(server.database(), user, bank, "domain").await,
            3 => {
                request_to_join(server.database(), user, bank, ", status", ", 'pending'").await;
            }
            4 => {
                let refused = ", 'rejected', now()";
                request_to_join(server.database(), user, bank, ", status, moderated_at", refused).await;
            }
            _ => (),
        }
        for row in BY_THE_HOUSE.into_iter().filter(|other| other.1 == row.1) {
            let page = join(&visitor, row.2).await;
            expect(&server, user, &page, row).await;
        }
    }
}

/// Step 17, and those before it that it does not pass over.
#[tokio::test]
async fn each_step_before_the_bypass_still_decides() {
    let server = TestServer::start_with(Options::default().with("FEATURE_BYPASS_MODERATION", "True")).await;
    house(&server).await;
    let (visitor, user) = newcomer_as(&server, EMAIL, &[]).await;
    for row in [
        (
            5,
            EMAIL,
            MINISTRY,
            To("/users/domain-not-allowed-for-organization", ""),
        ),
        (
            9,
            EMAIL,
            ONE_PERSON,
            Link("no_verification_means_for_entreprise_unipersonnelle"),
        ),
        (17, EMAIL, BANK, Link("bypassed")),
    ] {
        let page = join(&visitor, row.2).await;
        expect(&server, user, &page, row).await;
    }
    let (visitor, user) = newcomer_as(&server, "agent@nouveau.fr", &[]).await;
    let page = join(&visitor, OTHER_BANK).await;
    let row = (17, "agent@nouveau.fr", OTHER_BANK, Link("bypassed"));
    expect(&server, user, &page, row).await;
}

/// Step 8: for a service that asks for executives a register decides, and nothing is linked before it has. Steps 1 to 7 come first.
#[tokio::test]
async fn who_wants_to_be_certified_joins_by_the_register_alone() {
    let server = TestServer::start().await;
    house(&server).await;
    let service = RelyingParty::default();
    service.register(server.database()).await;
    let claims = json!({"id_token": {"acr": {"essential": true, "value": CERTIFICATION}}}).to_string();
    let request = service.authorization_url(&server, &[("claims", &claims)]);

    let (visitor, user) = newcomer_as(&server, "agent@refuse.fr", &[]).await;
    server
        .database()
        .execute(&format!(
            "INSERT INTO franceconnect_userinfo
               (user_id, given_name, family_name, gender, birthdate, birthplace, birthcountry, updated_at)
             VALUES ({user}, 'Ulysse', 'Tosi', 'male', timestamptz '1992-09-07 00:00:00Z', 'Internet', '99100', now())"
        ))
        .await;
    let ask = async |siret: &'static str| {
        let page = visitor.get(request.as_str()).await;
        assert_eq!(page.title(), "Rejoindre une organisation - ProConnect");
        visitor.submit(&page, JOIN, &[("siret", siret)]).await
    };
    let refusals = [
        (1, CLOSED, To(JOIN, "notification=invalid_siret")),
        (5, MINISTRY, To("/users/domain-not-allowed-for-organization", "")),
        (6, BANK, To("/users/domain-refused-for-organization", "")),
    ];
    for (step, siret, leads) in refusals {
        let page = ask(siret).await;
        expect(&server, user, &page, (step, EMAIL, siret, leads)).await;
    }
    // By the steps that follow, the first would be linked and the second asked to wait.
    for (siret, heading) in [
        (ONE_PERSON, "Identité non trouvée"),
        (TOWN, "Structure non certifiable"),
    ] {
        let page = ask(siret).await;
        assert_eq!(page.title(), "Certification impossible - ProConnect", "{siret}");
        assert!(page.text().contains(heading), "{siret}: {}", page.text());
        assert_eq!(link_type(server.database(), user, siret).await, "");
    }
    let requests = format!("SELECT count(*) FROM moderations WHERE user_id = {user}");
    assert_eq!(server.database().count(&requests).await, 0);

    let page = ask(DANONE).await;
    assert_eq!(page.title(), "Compte certifié - ProConnect", "{}", page.text());
    assert_eq!(
        link_type(server.database(), user, DANONE).await,
        "organization_dirigeant"
    );
    let end = visitor.submit(&page, "/users/welcome", &[]).await;
    assert!(parameter(&end.location(), "code").is_some());
}

/// Step 8 for somebody who has not proven who they are yet: they are led to do so, and what they wanted to join waits for them.
#[tokio::test]
async fn who_wants_to_be_certified_says_who_they_are_first() {
    let server = TestServer::start().await;
    let service = RelyingParty::default();
    service.register(server.database()).await;
    let claims = json!({"id_token": {"acr": {"essential": true, "value": CERTIFICATION}}}).to_string();
    let (visitor, user) = newcomer_as(&server, EMAIL, &[]).await;
    let page = visitor
        .get(
            service
                .authorization_url(&server, &[("claims", &claims)])
                .as_str(),
        )
        .await;
    let page = visitor.submit(&page, JOIN, &[("siret", DANONE)]).await;
    assert_eq!(page.title(), "Certification dirigeant - ProConnect");
    assert_eq!(link_type(server.database(), user, DANONE).await, "");
}
