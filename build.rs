//! Watches the files that are embedded in the binary, and says early when the browser assets were not built.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=templates");
    println!("cargo:rerun-if-changed=assets/dist/manifest.json");
    if !Path::new("assets/dist/manifest.json").exists() {
        println!(
            "cargo:warning=assets/dist is missing: the server will refuse to start; run `npm ci && npm run build` in assets/"
        );
    }
}
