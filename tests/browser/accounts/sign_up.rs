//! From an unknown address to an account: the password, the code.

use thirtyfour::Key;

use super::{CODE_MAIL, HOME, PASSPHRASE, SIGN_UP, START, VERIFY_EMAIL, open, type_address};
use crate::harness::{Browser, Script, browse, browse_with};
use crate::support::{Options, TestServer};

const SUBMIT: &str = "[action='/users/sign-up'] [type=submit]";
const RESEND: &str = "[action='/users/send-email-verification'] button";

fn options() -> Options {
    Options::default()
        .with("FEATURE_AUTHENTICATE_BROWSER", "True")
        .with("FEATURE_CHECK_EMAIL_DELIVERABILITY", "True")
        .with(
            "MIN_DURATION_BETWEEN_TWO_VERIFICATION_CODE_SENDING_IN_SECONDS",
            "6",
        )
}

/// The state that the page shows of a rule.
async fn rule(browser: &Browser, name: &str) -> String {
    let selector = format!("#password-input-message-{name}");
    if !browser.shows(&selector).await {
        return "hidden".to_owned();
    }
    let classes = browser.property(&selector, "className").await;
    let state = classes
        .split(' ')
        .find_map(|class| class.strip_prefix("fr-message--"));
    state.unwrap_or_default().to_owned()
}

/// The page says which rules are left while the password is typed, and lets it be sent once none is.
async fn choose_password_with_feedback(browser: &Browser) {
    assert_eq!(
        rule(browser, "10char").await,
        "info",
        "nothing typed, nothing wrong"
    );
    assert_eq!(rule(browser, "3same").await, "hidden");
    for (typed, states) in [
        (
            "court",
            [
                ("10char", "error"),
                ("lowercase", "valid"),
                ("number", "error"),
                ("special", "error"),
            ],
        ),
        (
            "Court-1 aaa",
            [
                ("10char", "valid"),
                ("uppercase", "valid"),
                ("special", "valid"),
                ("3same", "error"),
            ],
        ),
        (
            "MonComptePro-2026",
            [
                ("10char", "valid"),
                ("3same", "hidden"),
                ("128char", "hidden"),
                ("blacklisted-word", "error"),
            ],
        ),
        (
            "Court-1234567",
            [
                ("10char", "valid"),
                ("number", "valid"),
                ("special", "valid"),
                ("blacklisted-word", "hidden"),
            ],
        ),
        (
            PASSPHRASE,
            [
                ("10char", "hidden"),
                ("special", "hidden"),
                ("uppercase", "hidden"),
                ("blacklisted-word", "hidden"),
            ],
        ),
    ] {
        browser.retype("#password-input", typed).await;
        for (name, state) in states {
            assert_eq!(rule(browser, name).await, state, "{name} of “{typed}”");
        }
        let may_be_sent = matches!(typed, "Court-1234567" | PASSPHRASE);
        browser.expect_enabled(SUBMIT, may_be_sent).await;
        if typed == "Court-1 aaa" {
            browser.expect_accessible().await;
            browser.screenshots("sign-up-feedback").await;
        }
    }
    assert_eq!(browser.property("#password-input", "type").await, "password");
    browser.click("label[for=password-show]").await;
    assert_eq!(browser.property("#password-input", "type").await, "text");
    browser.screenshots("sign-up-passphrase").await;
}

#[tokio::test]
async fn an_account_is_opened_with_a_password_and_a_code() {
    let server = TestServer::start_with(options()).await;
    browse(async |browser| {
        // An address that receives no mail, and the suggestion of another one.
        type_address(&browser, &server, "nouvelle@yopmail.com").await;
        browser.expect_title(&format!("Erreur - {START}")).await;
        browser.expect_text("Adresse email invalide.").await;
        browser.expect_accessible().await;
        browser.screenshots("start-sign-in-refused").await;
        browser.click("#did-you-mean-link").await;
        assert_eq!(
            browser.property("[name=login]", "value").await,
            "nouvelle@hotmail.com"
        );

        let email = "nouvelle@exemple.fr";
        type_address(&browser, &server, email).await;
        browser.expect_title(SIGN_UP).await;
        browser.expect_accessible().await;
        browser.screenshots("sign-up").await;
        browser.retype("#password-input", "P@ssw0rd1234").await;
        browser.click(SUBMIT).await;
        browser.expect_title(&format!("Erreur - {SIGN_UP}")).await;
        browser.screenshots("sign-up-leaked").await;
        choose_password_with_feedback(&browser).await;
        browser.click(SUBMIT).await;

        browser.expect_title(VERIFY_EMAIL).await;
        browser
            .expect_text(&format!("Vérifiez les emails envoyés à {email}."))
            .await;
        assert!(!browser.is_enabled(RESEND).await, "a code is on its way");
        browser.expect_text("Disponible dans 0:0").await;
        browser.expect_accessible().await;
        browser.screenshots("verify-email").await;
        browser.expect_enabled(RESEND, true).await;
        browser.click(RESEND).await;
        let mail = server.mailbox.wait_for_nth(email, CODE_MAIL, 2).await;
        let code = mail.code(10).expect("a code");

        // What a mail program lets one copy has blanks around it.
        browser.expect_title(VERIFY_EMAIL).await;
        browser.click("label[for=verify_email_token]").await;
        browser
            .paste(&format!(" {} {}\u{a0}", &code[..5], &code[5..]))
            .await;
        browser.click("#verify-email [type=submit]").await;
        browser.expect_title(HOME).await;
        browser.expect_accessible().await;
        browser.screenshots("home").await;
    })
    .await;
}

/// What surrounds an address where it is copied goes; what is left of it is told of in French.
#[tokio::test]
async fn a_pasted_address_is_cleaned() {
    const FIELD: &str = "[name=login]";
    let server = TestServer::start_with(options()).await;
    browse(async |browser| {
        open(&browser, &server, "/users/start-sign-in").await;
        for pasted in [
            "mailto:jean@exemple.fr",
            "<jean@exemple.fr>",
            "Jean <jean@exemple.fr>;",
            "jean@exemple.fr,",
        ] {
            let script = format!(
                "const field = document.querySelector('{FIELD}');
                field.value = '{pasted}';
                field.dispatchEvent(new InputEvent('input', {{ bubbles: true, inputType: 'insertFromPaste' }}));"
            );
            let done = browser.driver.execute(script, Vec::new()).await;
            done.expect("the script runs");
            let kept = browser.property(FIELD, "value").await;
            assert_eq!(kept, "jean@exemple.fr", "{pasted}");
        }
        browser.retype(FIELD, "jean.exemple.fr").await;
        browser.press(Key::Tab).await;
        browser
            .expect_text("Adresse email invalide. Elle s’écrit comme nom@domaine.fr.")
            .await;
    })
    .await;
}

#[tokio::test]
async fn an_account_is_opened_without_script() {
    let server = TestServer::start_with(options()).await;
    browse_with(Script::Off, async |browser| {
        type_address(&browser, &server, "nouvelle@yopmail.com").await;
        browser.expect_title(&format!("Erreur - {START}")).await;
        browser
            .expect_text("Vouliez-vous dire nouvelle@hotmail.com ?")
            .await;
        let email = "nouvelle@exemple.fr";
        type_address(&browser, &server, email).await;
        browser.expect_title(SIGN_UP).await;
        browser.expect_text("1 caractère spécial minimum").await;
        browser.screenshots("sign-up-without-script").await;
        // Long enough for the browser, not for the server.
        browser.retype("#password-input", "toutenminuscules").await;
        browser.click(SUBMIT).await;
        browser.expect_title(&format!("Erreur - {SIGN_UP}")).await;
        browser.screenshots("sign-up-weak-without-script").await;
        browser.retype("#password-input", PASSPHRASE).await;
        browser.click(SUBMIT).await;

        browser.expect_title(VERIFY_EMAIL).await;
        assert!(
            browser.is_enabled(RESEND).await,
            "without script the button waits for nobody"
        );
        browser.screenshots("verify-email-without-script").await;
        // Too early: the code that was sent stays good.
        browser.click(RESEND).await;
        browser.expect_text("Code de vérification envoyé").await;
        browser.retype("#verify_email_token", "1234567890").await;
        browser.click("#verify-email [type=submit]").await;
        browser.expect_title(&format!("Erreur - {VERIFY_EMAIL}")).await;
        browser.screenshots("verify-email-wrong-code").await;
        let code = server
            .mailbox
            .wait_for(email, CODE_MAIL)
            .await
            .code(10)
            .expect("a code");
        browser.retype("#verify_email_token", &code).await;
        browser.click("#verify-email [type=submit]").await;
        browser.expect_title(HOME).await;
    })
    .await;
}

#[tokio::test]
async fn an_account_is_opened_with_the_keyboard_alone() {
    let server = TestServer::start_with(options()).await;
    browse(async |browser| {
        let email = "clavier@exemple.fr";
        open(&browser, &server, "/users/start-sign-in").await;
        browser.tab_to("[name=login]").await;
        browser.type_text(email).await;
        browser.press(Key::Enter).await;
        browser.expect_title(SIGN_UP).await;
        browser.tab_to("#password-input").await;
        browser.type_text(PASSPHRASE).await;
        browser.tab_to("#password-show").await;
        browser.press(Key::Space).await;
        assert_eq!(browser.property("#password-input", "type").await, "text");
        browser.tab_to(SUBMIT).await;
        browser.press(Key::Enter).await;
        browser.expect_title(VERIFY_EMAIL).await;
        let code = server
            .mailbox
            .wait_for(email, CODE_MAIL)
            .await
            .code(10)
            .expect("a code");
        browser.tab_to("#verify_email_token").await;
        browser.type_text(&code).await;
        browser.press(Key::Enter).await;
        browser.expect_title(HOME).await;
        browser.tab_to("a[href='/personal-information']").await;
        browser.press(Key::Enter).await;
        browser
            .expect_title("Informations personnelles - ProConnect")
            .await;
    })
    .await;
}
