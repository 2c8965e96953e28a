//! Pictures of pages, at the widths of a desk and of a telephone; what is too wide for a window.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::browser::Browser;
use super::gallery;

/// What a page asked for in vain or elsewhere.
const TROUBLES: &str = "
const resources = performance.getEntriesByType('resource').filter(({ name }) => name.startsWith('http'));
return [
  ...resources.filter(({ responseStatus }) => responseStatus >= 400).map(({ name }) => `not found: ${name}`),
  ...resources.filter(({ name }) => new URL(name).origin !== location.origin).map(({ name }) => `elsewhere: ${name}`),
  ...[...document.images].filter((image) => image.complete && !image.naturalWidth).map(({ src }) => `no image: ${src}`),
];";

/// The beginnings of the elements that stick out of a window of this width.
const TOO_WIDE: &str = "
const sticksOut = (element) => element.getBoundingClientRect().right > arguments[0] + 0.5;
return [...document.body.querySelectorAll('*')].filter(sticksOut).map((element) => element.outerHTML.slice(0, 150));";

/// A size of the window, in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewport {
    /// 1280 × 800
    Desktop,
    /// 375 × 812, with touch
    Telephone,
    /// 640 × 512: a window of 1280 × 1024 at a zoom of 200 % (WCAG 1.4.4)
    Zoomed,
    /// 320 × 256: the same window at 400 %, where nothing may be lost nor scroll sideways (WCAG 1.4.10)
    Narrowest,
}

impl Viewport {
    /// Both sizes that every page is looked at in.
    pub const ALL: [Self; 2] = [Self::Desktop, Self::Telephone];

    /// The sizes that a page must fit into.
    const FITTED: [Self; 4] = [Self::Desktop, Self::Telephone, Self::Zoomed, Self::Narrowest];

    /// The width in CSS pixels.
    pub fn width(self) -> u32 {
        match self {
            Self::Desktop => 1280,
            Self::Telephone => 375,
            Self::Zoomed => 640,
            Self::Narrowest => 320,
        }
    }

    fn height(self) -> u32 {
        match self {
            Self::Desktop => 800,
            Self::Telephone => 812,
            Self::Zoomed => 512,
            Self::Narrowest => 256,
        }
    }
}

/// The colours that a person has chosen in the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    Light,
    Dark,
}

impl Colours {
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// As style sheets call them.
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
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

    /// Has the system ask for these colours.
    pub async fn set_colours(&self, colours: Colours) {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": colours.name() }] });
        self.driver
            .cdp()
            .send_raw("Emulation.setEmulatedMedia", media)
            .await
            .expect("colours");
    }

    /// Pictures of the whole page at both widths, `target/screenshots/<name>.<width>.png`. The page must have everything
    /// it refers to, and must not be wider than its window. While a gallery is made, its pictures are taken instead (see
    /// [`gallery`]), and the page must also fit when it is enlarged to 200 and 400 %.
    pub async fn screenshots(&self, name: &str) {
        self.expect_complete().await;
        if gallery::is_being_made() {
            self.expect_fit_everywhere(name).await;
            self.exhibit(name).await;
        } else {
            for viewport in Viewport::ALL {
                self.set_viewport(viewport).await;
                self.screenshot_as_it_is(&format!("{name}.{}", viewport.width()))
                    .await;
                self.expect_fit(name, viewport).await;
            }
        }
        self.set_viewport(Viewport::Desktop).await;
    }

    /// The page is at no width wider than its window.
    pub async fn expect_fit_everywhere(&self, name: &str) {
        for viewport in Viewport::FITTED {
            self.set_viewport(viewport).await;
            self.expect_fit(name, viewport).await;
        }
        self.set_viewport(Viewport::Desktop).await;
    }

    async fn expect_fit(&self, name: &str, viewport: Viewport) {
        let metrics = self
            .driver
            .cdp()
            .send_raw("Page.getLayoutMetrics", json!({}))
            .await;
        let content = metrics.expect("the layout")["cssContentSize"]["width"]
            .as_f64()
            .expect("a width");
        let width = f64::from(viewport.width());
        if content > width {
            let culprits = self.driver.execute(TOO_WIDE, vec![json!(width)]).await;
            let culprits: Vec<String> = culprits.expect("a look").convert().expect("a list");
            panic!("{name} is {content} pixels wide in a window of {width}: {culprits:#?}");
        }
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

/// The folder of the gallery that is being made, else `target/screenshots` of the build folder in use.
fn folder() -> PathBuf {
    gallery::folder().unwrap_or_else(|| {
        let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
        temporary.parent().expect("the build folder").join("screenshots")
    })
}
