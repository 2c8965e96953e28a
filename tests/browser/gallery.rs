//! The last step of `script/screenshots`.

use crate::harness::gallery;

#[test]
#[ignore = "script/screenshots runs it once the pictures are taken"]
fn bind_the_gallery() {
    let folder = gallery::folder().expect("SCREENSHOTS names the folder of the pictures");
    let pages = gallery::bind(&folder);
    println!("{pages} pages in {}", folder.join("index.html").display());
}
