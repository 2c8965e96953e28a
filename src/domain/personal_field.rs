//! The fields of the forms in which people tell who they are.

use serde::{Deserialize, Serialize};

/// A field of such a form, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonalField {
    GivenName,
    FamilyName,
    PhoneNumber,
    Job,
}
