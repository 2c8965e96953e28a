//! The page as a screen reader gets it: the accessibility tree of the browser, as indented lines.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Value, json};

use super::browser::Browser;

/// What carries no meaning of its own: its children are told in its place.
const SILENT_ROLES: [&str; 5] = ["none", "generic", "InlineTextBox", "LineBreak", "LabelText"];

/// States and relations that are told after the name.
const TOLD_PROPERTIES: [&str; 12] = [
    "level",
    "focused",
    "disabled",
    "required",
    "invalid",
    "checked",
    "expanded",
    "hasPopup",
    "live",
    "atomic",
    "describedby",
    "errormessage",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    #[serde(rename = "nodeId")]
    id: String,
    #[serde(default)]
    ignored: bool,
    role: Option<Text>,
    name: Option<Text>,
    description: Option<Text>,
    #[serde(default)]
    properties: Vec<Property>,
    #[serde(default)]
    child_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    value: Value,
}

#[derive(Deserialize)]
struct Property {
    name: String,
    value: Text,
}

impl Browser {
    /// The accessibility tree: a line a node, `role "name" (description) state=value`.
    pub async fn accessibility_tree(&self) -> String {
        let cdp = self.driver.cdp();
        let mut answer = cdp
            .send_raw("Accessibility.getFullAXTree", json!({}))
            .await
            .expect("the accessibility tree");
        let nodes: Vec<Node> = serde_json::from_value(answer["nodes"].take()).expect("nodes");
        let Some(root) = nodes.first().map(|node| node.id.clone()) else {
            return String::new();
        };
        let nodes: HashMap<String, Node> = nodes.into_iter().map(|node| (node.id.clone(), node)).collect();
        let mut text = String::new();
        tell(&nodes, &root, "", 0, &mut text);
        text
    }
}

/// Writes a node and what is below it. A text that only repeats the name of its parent is left out.
fn tell(nodes: &HashMap<String, Node>, id: &str, parent_name: &str, depth: usize, text: &mut String) {
    let Some(node) = nodes.get(id) else {
        return;
    };
    let role = string(node.role.as_ref());
    let name = string(node.name.as_ref());
    let is_silent = node.ignored || SILENT_ROLES.contains(&role.as_str());
    let is_repetition = role == "StaticText" && parent_name.contains(&name);
    let (inner_name, inner_depth) = if is_silent || is_repetition {
        (parent_name, depth)
    } else {
        writeln!(text, "{:1$}{2}", "", 2 * depth, line(node, &role, &name)).expect("a string");
        (name.as_str(), depth + 1)
    };
    for child in &node.child_ids {
        tell(nodes, child, inner_name, inner_depth, text);
    }
}

fn line(node: &Node, role: &str, name: &str) -> String {
    let mut line = role.to_owned();
    if !name.is_empty() {
        write!(line, " “{name}”").expect("a string");
    }
    let description = string(node.description.as_ref());
    if !description.is_empty() {
        write!(line, " ({description})").expect("a string");
    }
    for Property { name, value } in &node.properties {
        let value = string(Some(value));
        if TOLD_PROPERTIES.contains(&name.as_str()) && !value.is_empty() && value != "false" {
            write!(line, " {name}={value}").expect("a string");
        }
    }
    line
}

fn string(text: Option<&Text>) -> String {
    match text.map(|text| &text.value) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
