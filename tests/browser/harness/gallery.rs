//! A gallery that can be leafed through: every picture that a test takes, at both widths and in both colours, beside the
//! accessibility tree of the page. `script/screenshots` runs the tests with `SCREENSHOTS` naming the folder of the pictures,
//! then binds them into one page.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use handlebars::Handlebars;
use serde::{Deserialize, Serialize};

use super::browser::Browser;
use super::screenshots::{Colours, Viewport};

/// The journeys in the order in which they are shown: the modules of the tests, and their headings.
const JOURNEYS: [(&str, &str); 17] = [
    ("sign_in", "Signing in to a service"),
    ("arrivals", "Arriving from services"),
    ("returns", "Returning to services"),
    ("accounts::sign_up", "Opening an account"),
    ("accounts::links", "Links by mail, forgotten passwords"),
    ("second_factor", "Second factors"),
    ("passkeys", "Passkeys"),
    ("organizations", "Joining an organization"),
    ("memberships", "Memberships on the way to services"),
    ("identity", "Identity by FranceConnect"),
    ("certification", "Certified executives"),
    ("levels", "Levels of assurance"),
    ("accounts::account", "The account"),
    ("accounts::plain_pages", "Documents, welcomes, errors"),
    ("rare_pages", "Pages that are rarely met"),
    ("mails", "E-mails"),
    ("relying_party", "The demo service"),
];

/// How the name of a note ends.
const NOTE: &str = ".exhibit.json";

/// What is known of the pictures of one page.
#[derive(Deserialize, Serialize)]
pub struct Exhibit {
    /// The beginning of the names of its files.
    name: String,
    /// The test that was there.
    test: String,
    title: String,
    /// Path and query.
    address: String,
    /// The accessibility tree of a page; the text part of an e-mail.
    text: String,
    /// In milliseconds since 1970.
    taken_at: u128,
}

#[derive(Serialize)]
struct Gallery {
    journeys: Vec<Journey>,
    pages: usize,
}

#[derive(Serialize)]
struct Journey {
    anchor: String,
    heading: String,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    sentence: String,
    exhibits: Vec<Exhibit>,
}

/// The folder of the gallery that is being made, if one is.
pub fn folder() -> Option<PathBuf> {
    std::env::var_os("SCREENSHOTS").map(PathBuf::from)
}

/// Whether pictures are for the gallery.
pub fn is_being_made() -> bool {
    folder().is_some()
}

impl Browser {
    /// Pictures at both widths and in both colours, `<name>.<width>.<colours>.png`, and a note of what they show.
    pub async fn exhibit(&self, name: &str) {
        self.set_viewport(Viewport::Desktop).await;
        let text = self.accessibility_tree().await;
        self.exhibit_with_text(name, text).await;
    }

    /// [`Browser::exhibit`] with another text beside the pictures.
    pub async fn exhibit_with_text(&self, name: &str, text: String) {
        for colours in Colours::ALL {
            self.set_colours(colours).await;
            for viewport in Viewport::ALL {
                self.set_viewport(viewport).await;
                let picture = format!("{name}.{}.{}", viewport.width(), colours.name());
                self.screenshot_as_it_is(&picture).await;
            }
        }
        self.set_colours(Colours::Light).await;
        let url = self.url().await;
        let exhibit = Exhibit {
            name: name.to_owned(),
            test: std::thread::current().name().unwrap_or_default().to_owned(),
            title: self.title().await,
            address: url[url::Position::BeforePath..].to_owned(),
            text,
            taken_at: now(),
        };
        let note = serde_json::to_string_pretty(&exhibit).expect("a note");
        let folder = folder().expect("a gallery is being made");
        fs::write(folder.join(format!("{name}{NOTE}")), note).expect("the note is written");
    }
}

fn now() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time after 1970")
        .as_millis()
}

/// Writes `index.html` for the pictures in `folder`; gives how many pages they show.
pub fn bind(folder: &Path) -> usize {
    let mut exhibits = read_notes(folder);
    exhibits.sort_by_key(|exhibit| exhibit.taken_at);
    let pages = exhibits.len();
    let gallery = Gallery {
        journeys: by_journey(exhibits),
        pages,
    };
    let page = Handlebars::new()
        .render_template(include_str!("../gallery/index.hbs"), &gallery)
        .expect("the template of the gallery");
    fs::write(folder.join("index.html"), page).expect("the gallery is written");
    pages
}

fn read_notes(folder: &Path) -> Vec<Exhibit> {
    let files = fs::read_dir(folder).expect("the folder of the gallery");
    let paths = files.map(|file| file.expect("a file").path());
    paths
        .filter(|path| path.to_string_lossy().ends_with(NOTE))
        .map(|path| serde_json::from_slice(&fs::read(path).expect("a note")).expect("a note"))
        .collect()
}

/// The exhibits of each test, in the order in which they were taken, below the journey that the test belongs to.
fn by_journey(exhibits: Vec<Exhibit>) -> Vec<Journey> {
    let mut tests: BTreeMap<usize, Vec<Test>> = BTreeMap::new();
    for exhibit in exhibits {
        let (module, name) = exhibit.test.rsplit_once("::").expect("a test in a module");
        let place = JOURNEYS.iter().position(|(known, _)| *known == module);
        let place = place.unwrap_or_else(|| panic!("{module} has no place in the gallery"));
        let sentence = sentence(name);
        let journey = tests.entry(place).or_default();
        match journey.iter_mut().find(|test| test.sentence == sentence) {
            Some(test) => test.exhibits.push(exhibit),
            None => journey.push(Test {
                sentence,
                exhibits: vec![exhibit],
            }),
        }
    }
    tests
        .into_iter()
        .map(|(place, tests)| Journey {
            anchor: JOURNEYS[place].0.replace("::", "-"),
            heading: JOURNEYS[place].1.to_owned(),
            tests,
        })
        .collect()
}

/// The name of a test as the sentence that it is.
fn sentence(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
