//! Every e-mail as programs show it: on a desk and on a telephone, in light and in dark colours.

use serde_json::json;
use url::Url;

use crate::harness::{Browser, browse, gallery};
use crate::support::{TestServer, http_client};

/// What can be asked of an e-mail, which has no landmarks.
const RULES: [&str; 8] = [
    "color-contrast",
    "document-title",
    "html-has-lang",
    "html-lang-valid",
    "image-alt",
    "link-in-text-block",
    "link-name",
    "listitem",
];

/// The addresses of the HTML parts in the preview.
async fn addresses(browser: &Browser, server: &TestServer) -> Vec<Url> {
    let preview = server.base_url.join("___testing___/mails").expect("a path");
    browser.open(&preview).await;
    let script = "return [...document.querySelectorAll('a[href$=\"/html\"]')].map((link) => link.href);";
    let addresses = browser.driver.execute(script, Vec::new()).await;
    addresses.expect("the links").convert().expect("addresses")
}

/// Puts our own copy of the logo in the place of the one at the public address, which tests do not reach.
async fn show_logo(browser: &Browser) {
    let script = "const [done] = arguments; const [logo] = document.images;
                  logo.onload = () => done(); logo.onerror = () => done(); logo.src = '/dist/mail-proconnect.png';";
    let shown = browser.driver.execute_async(script, Vec::new()).await;
    shown.expect("the logo");
}

async fn text_part(html: &Url) -> String {
    let text = html.join("text").expect("the address of the text part");
    let answer = http_client().get(text).send().await.expect("an answer");
    answer.text().await.expect("a text")
}

#[tokio::test]
async fn every_mail_can_be_read_on_every_screen() {
    let server = TestServer::start().await;
    browse(async |browser| {
        for address in addresses(&browser, &server).await {
            browser.open(&address).await;
            let tag = address.path_segments().and_then(|mut parts| parts.nth(2));
            let name = format!("mail-{}", tag.expect("a tag"));
            browser.expect_fit_everywhere(&name).await;
            let rules = json!({ "type": "rule", "values": RULES });
            browser.expect_no_violations_in_any_colours(&name, &rules).await;
            if gallery::is_being_made() {
                show_logo(&browser).await;
                let text = text_part(&address).await;
                browser.exhibit_with_text(&name, text).await;
            }
        }
    })
    .await;
}
