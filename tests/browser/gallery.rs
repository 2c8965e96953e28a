//! The last step of `script/screenshots`, which runs it once more when the pictures are taken.

use serde_json::json;

use crate::harness::gallery;

#[test]
fn bind_the_gallery() {
    if let Some(folder) = gallery::folder() {
        let pages = gallery::bind(&folder);
        println!("{pages} pages in {}", folder.join("index.html").display());
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (name, test, taken_at) in [
        ("later", "sign_in::a_journey_of_one_sentence", 2),
        ("sooner", "sign_in::a_journey_of_one_sentence", 1),
        ("elsewhere", "mails::another_journey", 3),
    ] {
        let note = json!({
            "name": name, "test": test, "title": "<Accueil>", "address": "/", "text": "main", "taken_at": taken_at,
        });
        let path = folder.path().join(format!("{name}.exhibit.json"));
        std::fs::write(path, note.to_string()).expect("a note");
    }
    assert_eq!(gallery::bind(folder.path()), 3);
    let index = std::fs::read_to_string(folder.path().join("index.html")).expect("the gallery");
    let place = |text: &str| index.find(text).unwrap_or_else(|| panic!("{text} in {index}"));
    assert!(place("sooner.1280.light.png") < place("later.1280.light.png"));
    assert!(place("later.1280.light.png") < place("elsewhere.1280.light.png"));
    assert!(place("A journey of one sentence") < place("Another journey"));
    assert!(index.contains("&lt;Accueil&gt;") && !index.contains("<Accueil>"));
}
