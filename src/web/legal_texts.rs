//! The legal pages in the operator's own words: files that are read once, at start.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::pages::legal::{AccessibilityPage, PrivacyPage, TermsPage};
use super::render::Page;

/// The files, and the templates in whose place they are shown.
const FILES: [(&str, &str); 3] = [
    ("conditions-generales-d-utilisation.html", TermsPage::TEMPLATE),
    ("politique-de-confidentialite.html", PrivacyPage::TEMPLATE),
    ("accessibilite.html", AccessibilityPage::TEMPLATE),
];
/// No text of law is longer, in bytes.
const LONGEST_TEXT: usize = 1024 * 1024;

/// The texts of an operator, as HTML to stand between header and footer. Empty where ours are shown.
#[derive(Debug, Clone, Default)]
pub struct LegalTexts(Vec<(&'static str, String)>);

/// Why the texts cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum LegalTextsError {
    /// Cannot be read, or is not UTF-8.
    #[error("{} cannot be read: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: std::io::Error },
    /// Nothing in it, or more than a page can hold.
    #[error("{} is empty or larger than 1 MiB", .0.display())]
    Unshowable(PathBuf),
    /// The directory holds none of the files.
    #[error("{} holds none of the legal pages", .0.display())]
    Missing(PathBuf),
}

impl LegalTexts {
    /// Reads the texts in `directory`; a file that is not there leaves ours in its place.
    ///
    /// # Errors
    /// When none is there, or one cannot be shown.
    pub fn read(directory: &Path) -> Result<Self, LegalTextsError> {
        let mut texts = Vec::new();
        for (file, template) in FILES {
            let path = directory.join(file);
            match std::fs::read_to_string(&path) {
                Ok(text) if text.trim().is_empty() || text.len() > LONGEST_TEXT => {
                    return Err(LegalTextsError::Unshowable(path));
                }
                Ok(text) => texts.push((template, text)),
                Err(cause) if cause.kind() == ErrorKind::NotFound => {}
                Err(cause) => return Err(LegalTextsError::Unreadable { path, cause }),
            }
        }
        if texts.is_empty() {
            return Err(LegalTextsError::Missing(directory.to_owned()));
        }
        Ok(Self(texts))
    }

    /// What the operator says in the place of `template`.
    #[must_use]
    pub fn of(&self, template: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(replaced, _)| *replaced == template)
            .map(|(_, text)| text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stand_in_the_place_of_templates() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let told = || LegalTexts::read(directory.path()).map_err(|error| error.to_string());
        assert!(told().unwrap_err().ends_with("holds none of the legal pages"));

        std::fs::write(path("accessibilite.html"), "<h1>Accessibilité</h1>{{name}}").unwrap();
        let texts = told().unwrap();
        assert_eq!(
            texts.of(AccessibilityPage::TEMPLATE),
            Some("<h1>Accessibilité</h1>{{name}}")
        );
        assert_eq!(texts.of(TermsPage::TEMPLATE), None);
        assert_eq!(LegalTexts::default().of(AccessibilityPage::TEMPLATE), None);

        for unshowable in ["", " \n", &"x".repeat(LONGEST_TEXT + 1)] {
            std::fs::write(path("conditions-generales-d-utilisation.html"), unshowable).unwrap();
            assert!(told().unwrap_err().ends_with("is empty or larger than 1 MiB"));
        }
        std::fs::write(path("conditions-generales-d-utilisation.html"), [0xff, 0xfe]).unwrap();
        assert!(told().unwrap_err().contains("cannot be read"));
    }
}
