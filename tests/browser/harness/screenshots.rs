//! Pictures of pages, at the widths of a desk and of a telephone.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::browser::Browser;

/// What a page asked for in vain or elsewhere.
const TROUBLES: &str = "
const resources = performance.getEntriesByType('resource').filter(({ name }) => name.startsWith('http'));
return [
  ...resources.filter(({ responseStatus }) => responseStatus >= 400).map(({ name }) => `not found: ${name}`),
  ...resources.filter(({ name }) => new URL(name).origin !== location.origin).map(({ name }) => `elsewhere: ${name}`),
  ...[...document.images].filter((image) => image.complete && !image.naturalWidth).map(({ src }) => `no image: ${src}`),
];";

/// A size of the window, in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewport {
    /// 1280 × 800
    Desktop,
    /// 375 × 812, with touch
    Telephone,
}

impl Viewport {
    /// Both sizes that every page is looked at in.
    pub const ALL: [Self; 2] = [Self::Desktop, Self::Telephone];

    /// The width in CSS pixels.
    pub fn width(self) -> u32 {
        match self {
            Self::Desktop => 1280,
            Self::Telephone => 375,
        }
    }

    fn height(self) -> u32 {
        match self {
            Self::Desktop => 800,
            Self::Telephone => 812,
        }
    }
}

impl Browser {
    /// Gives the page this size. Headless windows have a least width; emulation has none.
    pub async fn set_viewport(&self, viewport: Viewport) {
        let metrics = json!({
            "width": viewport.width(),
            "height": viewport.height(),
            "deviceScaleFactor": 1,
            "mobile": viewport == Viewport::Telephone,
        });
        self.driver
            .cdp()
            .send_raw("Emulation.setDeviceMetricsOverride", metrics)
            .await
            .expect("a size");
    }

    /// Pictures of the whole page at both widths, `target/screenshots/<name>.<width>.png`. The page must have everything
    /// it refers to, and must not be wider than its window at either width.
    pub async fn screenshots(&self, name: &str) {
        self.expect_complete().await;
        for viewport in Viewport::ALL {
            self.set_viewport(viewport).await;
            self.screenshot_as_it_is(&format!("{name}.{}", viewport.width()))
                .await;
            let metrics = self
                .driver
                .cdp()
                .send_raw("Page.getLayoutMetrics", json!({}))
                .await;
            let content = metrics.expect("the layout")["cssContentSize"]["width"]
                .as_f64()
                .expect("a width");
            assert!(
                content <= f64::from(viewport.width()),
                "{name} is {content} pixels wide in a window of {}",
                viewport.width()
            );
        }
        self.set_viewport(Viewport::Desktop).await;
    }

    /// Every image, style sheet, script and font of the page was found, and none was asked of another site.
    async fn expect_complete(&self) {
        let troubles = self
            .driver
            .execute(TROUBLES, Vec::new())
            .await
            .expect("the resources of the page");
        let troubles: Vec<String> = troubles.convert().expect("a list");
        assert!(
            troubles.is_empty(),
            "{} lacks or borrows {troubles:#?}",
            self.url().await
        );
    }

    /// A picture of the whole page at its present width, `target/screenshots/<name>.png`.
    pub async fn screenshot_as_it_is(&self, name: &str) {
        let parameters = json!({"format": "png", "captureBeyondViewport": true});
        let Ok(picture) = self
            .driver
            .cdp()
            .send_raw("Page.captureScreenshot", parameters)
            .await
        else {
            // A dialogue in front of the page, or no page at all: the test says what went wrong.
            eprintln!("no picture {name} could be taken");
            return;
        };
        let picture = STANDARD
            .decode(picture["data"].as_str().expect("a picture"))
            .expect("a picture");
        let folder = folder();
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        std::fs::write(folder.join(format!("{name}.png")), picture).expect("a picture is written");
    }
}

/// `target/screenshots` of the build folder in use.
fn folder() -> PathBuf {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    temporary.parent().expect("the build folder").join("screenshots")
}
