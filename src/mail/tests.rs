//! Both parts of every e-mail, as they leave. A change of a template shows here, word for word (`cargo insta review`).

use super::{Mails, samples};

fn mails() -> Mails {
    Mails::new(
        "https://identite.example",
        "https://identite.example/dist/mail-proconnect.png",
    )
    .unwrap()
}

#[test]
fn every_message_has_a_sample() {
    let tags: Vec<String> = samples(&mails())
        .unwrap()
        .into_iter()
        .map(|envelope| envelope.tag)
        .collect();
    assert_eq!(tags, super::messages::NAMES);
}

#[test]
fn both_parts_are_as_they_were_approved() {
    for envelope in samples(&mails()).unwrap() {
        let parts = format!(
            "{}\n\n{}\n\n{}",
            envelope.subject,
            envelope.text.trim_end(),
            envelope.html.trim_end()
        );
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(envelope.tag.as_str(), parts);
        });
    }
}

#[test]
fn a_value_never_becomes_markup() {
    for envelope in samples(&mails()).unwrap() {
        assert!(
            !envelope.html.contains("<Fils>") && !envelope.html.contains("<centre>"),
            "{}",
            envelope.tag
        );
        assert!(!envelope.html.contains("<mission>"), "{}", envelope.tag);
        assert!(
            !envelope.text.contains("&amp;") && !envelope.text.contains("&lt;"),
            "{}",
            envelope.tag
        );
    }
}

#[test]
fn the_code_is_the_only_run_of_ten_digits() {
    let envelope = samples(&mails()).unwrap().swap_remove(0);
    let runs: Vec<&str> = envelope
        .text
        .split(|character: char| !character.is_ascii_digit())
        .filter(|run| run.len() >= 10)
        .collect();
    assert_eq!(runs, ["0123456789"]);
}
