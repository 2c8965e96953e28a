//! What still stands between this person and where they are going?
