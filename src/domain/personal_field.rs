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

/// Why the value of such a field is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultReason {
    /// It would do if it were shorter.
    TooLong,
    /// It is missing, or is not what the field asks for.
    Malformed,
}

/// A field at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonalFault {
    pub field: PersonalField,
    pub reason: FaultReason,
}
